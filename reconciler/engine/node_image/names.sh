# Names: dnsmasq, and the addresses of ExternalNames. Part of node.sh, which sources it.

names() {
  [ -f $NET/dnsmasq.conf ] || return 0
  local port
  touch $NET/run/external-hosts
  alive "$(pid_of dnsmasq)" && [ "${1:-}" != again ] && return 0
  alive "$(pid_of dnsmasq)" && { kill "$(pid_of dnsmasq)"; while alive "$(pid_of dnsmasq)"; do sleep 0.02; done; }
  port=15053
  grep -qi ":$(printf %04X $port) " /proc/net/udp && port=15054
  sed "s/^port=.*/port=$port/" $NET/dnsmasq.conf > $RUN/dnsmasq.conf
  if ! dnsmasq -C $RUN/dnsmasq.conf --pid-file=$RUN/dnsmasq.pid 9>&-; then
    complain names "the name server doesn't start"
    return 1
  fi
  content names
  if [ "$(cat $RUN/dns-port 2>/dev/null)" != $port ]; then
    echo $port > $RUN/dns-port
    rules again
  fi
}

# dnsmasq can't alias a name to one that it doesn't know itself: ExternalName gets its target's addresses.
externals() {
  local name target port new=$RUN/external-hosts
  [ -s $NET/externals ] || { [ -s $NET/run/external-hosts ] && : > $NET/run/external-hosts && reread; return 0; }
  settings || return 0
  port=$(cat $RUN/dns-port 2>/dev/null || echo 15053)
  : > $new
  while read -r name target; do
    [ -n "$target" ] || continue
    nslookup -type=a "$target" "$GATEWAY:$port" 2>/dev/null |
      awk -v n="$name" '/^Name:/ { body = 1 } body && /^Address/ { print $NF, n }' |
      sort -u >> $new
    grep -qF " $name" $new || grep -F " $name" $NET/run/external-hosts >> $new 2>/dev/null
  done < $NET/externals
  cmp -s $new $NET/run/external-hosts || { cp $new $NET/run/external-hosts; reread; }
}

reread() { alive "$(pid_of dnsmasq)" && kill -HUP "$(pid_of dnsmasq)"; }
