# HAProxy: started, reloaded without a refused connection, and without what it can't use (a port that is taken, a
# certificate that is none, a header route whose expression is none). Part of node.sh, which sources it.

balance() {
  [ -f $NET/haproxy.cfg ] || return 0
  alive "$(pid_of haproxy)" && [ "${1:-}" != again ] && return 0
  local tries=0 said taken file acl
  occupied > $RUN/taken
  : > $RUN/unfit
  : > $RUN/unread
  rm -f $RUN/complaints/certificate-* $RUN/complaints/route-*
  while [ $tries -lt 50 ]; do
    awk 'FILENAME == ARGV[1] { unfit[$0] = 1; next } !($0 in unfit)' $RUN/unfit $NET/certs/list > $RUN/certificates 2>/dev/null
    usable < $NET/haproxy.cfg > $RUN/haproxy.cfg.new
    if said=$(haproxy_begin 2>&1); then
      mv $RUN/haproxy.cfg.new $RUN/haproxy.cfg
      taken=$(sed 's/^:/port /' $RUN/taken | tr '\n' ',' | sed 's/,$//; s/,/, /g')
      if [ -n "$taken" ]; then complain ports "$taken: another program on this node has it"; else content ports; fi
      content balance
      return 0
    fi
    taken=$(echo "$said" | sed -n 's/.*cannot bind socket.*\[\([^]]*\)\].*/\1/p' | sed 's/^0\.0\.0\.0:/:/; s/^\*:/:/')
    file=$(echo "$said" | sed -n "s|.*'\($NET/certs/[^']*\.pem\)'.*|\1|p" | head -n 1)
    acl=$(echo "$said" | sed -n "s/^\[ALERT\] *([0-9]*) : *config : parsing \[[^]]*\] : error detected while parsing ACL '\([^']*\)' .*/\1/p" | awk 'FILENAME == ARGV[1] { known[$0] = 1; next } !known[$0]++' $RUN/unread -)
    if [ -n "$acl" ]; then
      echo "$acl" >> $RUN/unread
      unread "$acl"
      continue  # however many there are: each is found once
    elif [ -n "$taken" ]; then
      echo "$taken" >> $RUN/taken
    elif [ -n "$file" ] && grep -qxF "$file" $RUN/certificates; then
      echo "$file" >> $RUN/unfit
      file=${file##*/} file=${file%.pem}
      complain "certificate-$file" "HAProxy can't use the certificate of Secret $(echo "$file" | tr _ /)"
    else
      break
    fi
    tries=$((tries + 1))
  done
  said=$(echo "$said" | sed -n 's/^\[ALERT\] *([0-9]*) : //p' | head -n 3)
  complain balance "HAProxy doesn't start: $(echo "$said" | head -n 1 | cut -c1-300)"
  echo "HAProxy doesn't start: $said" >&2
  return 1
}

# Which of HAProxy's ports another program listens on. To find out by trying, while one runs, has that one
# pause for seconds.
occupied() {
  alive "$(pid_of haproxy)" && [ -f $RUN/haproxy.cfg ] || return 0
  awk '
    function place(bind,    n, part, a) {  # as the kernel writes it
      n = split(bind, part, ":")
      if (split(part[1], a, ".") != 4) a[1] = a[2] = a[3] = a[4] = 0
      return sprintf("%02X%02X%02X%02X:%04X", a[4] + 0, a[3] + 0, a[2] + 0, a[1] + 0, part[n] + 0)
    }
    function clash(wanted,    n, i, found) {
      n = split(others[substr(wanted, 10)], found, " ")
      for (i = 1; i <= n; i++) if (found[i] ~ /^0+$/ || wanted ~ /^0+:/ || found[i] == substr(wanted, 1, 8)) return 1
      return 0
    }
    FILENAME == ARGV[1] { if ($1 == "bind") held[place($2)] = 1; next }
    FILENAME ~ /^.proc/ {
      if ($4 != "0A") next
      n = split($2, part, ":")
      if (n == 2 && length(part[1]) == 32) sub(/^0000000000000000(0000FFFF|FFFF0000)/, "", part[1])
      if (!((part[1] ":" part[2]) in held)) others[part[2]] = others[part[2]] " " part[1]
      next
    }
    $1 == "bind" && !(place($2) in held) && clash(place($2)) { print $2 }
  ' $RUN/haproxy.cfg /proc/net/tcp $(ls /proc/net/tcp6 2>/dev/null) $NET/haproxy.cfg
}

# The listening sockets come from the HAProxy that runs, ours or that of the container before, so that no
# connection is refused. It then ends once what it is answering is done.
haproxy_begin() {
  local old from= tries=0 said
  old=$(pid_of haproxy)
  alive "$old" || old=
  echo "show info" | socat -t 2 - UNIX-CONNECT:$SOCKET >/dev/null 2>&1 && from="-x $SOCKET"
  clear_doors "$from"
  # One that is too busy to hand its sockets over within a second is asked again.
  until said=$(haproxy -D -f $RUN/haproxy.cfg.new -p $RUN/haproxy.pid $from ${old:+-sf $old} 9>&- 2>&1); do
    tries=$((tries + 1))
    case "$tries $said" in [1-5]" "*"Failed to get the sockets"*) sleep 0.5;; *) echo "$said"; return 1;; esac
  done
}

# Remove sockets that nobody listens on any more. They belong to HAProxy's user, so HAProxy, before it gives up root,
# may not put them aside as it wants to (protected_hardlinks), and wouldn't start. With an argument, a HAProxy runs:
# it listens on those of its configuration.
clear_doors() {
  local door
  for door in $NET/run/on-*; do
    [ -S "$door" ] || continue
    [ -n "$1" ] && grep -qF "bind unix@$door " $RUN/haproxy.cfg 2>/dev/null && continue
    socat -t 0 - UNIX-CONNECT:"$door" < /dev/null > /dev/null 2>&1 || rm -f "$door"
  done
}

# What haproxy.cfg says, but for ports that are taken and certificates and expressions that can't be used.
usable() {
  sed "s|crt-list $NET/certs/list|crt-list $RUN/certificates|" |
    awk -v none="$([ -s $RUN/certificates ] || echo 1)" '
      FILENAME == ARGV[1] { taken[$0] = 1; next }
      FILENAME == ARGV[2] { unread[$0] = 1; next }
      $1 == "bind" && (($2 in taken) || (none && / crt-list /)) { next }
      $1 == "acl" && ($2 in unread) { print "  acl " $2 " always_false"; next }
      { print }' $RUN/taken $RUN/unread -
}

# The names of ACLs that HAProxy can't read say whose they are: namespace_service_route_number_...
unread() {
  local namespace service route rest
  echo "$1" | while IFS=_ read -r namespace service route rest; do
    complain "route-${namespace}_${service}_$route" "HAProxy can't use the header route $route of Service $namespace/$service: it can't read an expression in it"
  done
}
