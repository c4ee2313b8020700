#!/bin/busybox sh
# The node container's only program. It keeps up, from what lies in /net, without anybody's help:
# the VXLAN device between the nodes' pod networks, the way to services (iptables), HAProxy, dnsmasq.
#
#   node run       PID 1
#   node session   commands of the reconciler on standard input, answers on standard output
#   node ready     whether HAProxy and dnsmasq run
#   node links|rules|balance|names   bring one part to what /net says (what `run` does every ten seconds, and
#                                    within two when a daemon, the device or the rules are gone)
#
# /net is a volume: it outlives this container. /run is this container's own.
set -u
NET=${NET:-/net} RUN=${RUN:-/run}
SOCKET=$NET/run/haproxy.sock
BRIDGE=reconciler0 VXLAN=reconciler1
LOCK=$RUN/lock

# busybox has an `ip` of its own, which knows no VXLAN, and its shell would take that one.
ip() { /usr/bin/ip "$@"; }
say() { echo "$(date -u +%FT%TZ) $*" >&2; }
settings() { [ -f $NET/network ] && . $NET/network; }
alive() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null; }
pid_of() { cat "$RUN/$1.pid" 2>/dev/null; }
complain() { echo "$2" > "$RUN/complaints/$1"; }
content() { rm -f "$RUN/complaints/$1"; }

# What changes something holds the lock on descriptor 9; a daemon that is started meanwhile must not inherit it.

# -- links: the pods' one flat network ------------------------------------------------------------

links() {
  settings || return 0
  hairpins
  ip route replace local "$SERVICE_RANGE" dev lo
  if [ -z "$PEERS" ] || [ -z "$ADDRESS" ]; then
    ip link del $VXLAN 2>/dev/null
    return 0
  fi
  local mtu
  mtu=$(pod_mtu)
  case "$(ip -o -d link show $VXLAN 2>/dev/null)" in
    *" vxlan id $VXLAN_ID local $ADDRESS "*" dstport $VXLAN_PORT "*) ;;
    *) ip link del $VXLAN 2>/dev/null
       ip link add $VXLAN type vxlan id "$VXLAN_ID" dstport "$VXLAN_PORT" local "$ADDRESS" || return 1;;
  esac
  case "$(ip -o link show $VXLAN)" in
    *" mtu $mtu "*"master $BRIDGE"*UP*) ;;
    *) ip link set $VXLAN mtu "$mtu" master $BRIDGE up || return 1;;
  esac
  flood
}

# A pod that asks its own UDP service may be given itself: the bridge then has to send back where it came from.
hairpins() {
  local name
  bridge -d link show 2>/dev/null | awk -v b="master $BRIDGE" 'index($0, b) { split($2, n, "@"); sub(":", "", n[1]) } /hairpin off/ && n[1] != "" { print n[1]; n[1] = "" }' |
    while read -r name; do
      case "$name" in veth*) bridge link set dev "$name" hairpin on;; esac
    done
}

# What a packet of a pod may measure: the link's MTU less VXLAN's head, unless it is set.
pod_mtu() {
  local dev link
  [ "$MTU" -gt 0 ] 2>/dev/null && { echo "$MTU"; return; }
  dev=$(ip -o -4 addr show | awk -v a="$ADDRESS" '{ split($4, p, "/") } p[1] == a { print $2; exit }')
  link=$(ip -o link show "${dev:-lo}" 2>/dev/null | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
  [ "${link:-0}" -gt 65000 ] && link=1500
  echo $(( ${link:-1500} - 50 ))
}

# Broadcasts and unknown destinations go to every peer; the device learns the rest from what comes in.
flood() {
  local have peer
  have=$(bridge fdb show dev $VXLAN | awk '$1 == "00:00:00:00:00:00" { for (i = 1; i < NF; i++) if ($i == "dst") print $(i + 1) }')
  for peer in $PEERS; do
    echo "$have" | grep -qxF "$peer" || bridge fdb append 00:00:00:00:00:00 dev $VXLAN dst "$peer"
  done
  for peer in $have; do
    case " $PEERS " in *" $peer "*) ;; *) bridge fdb del 00:00:00:00:00:00 dev $VXLAN dst "$peer"; forget_mac "$peer";; esac
  done
}

forget_mac() {
  bridge fdb show dev $VXLAN | awk -v p="$1" '$0 ~ "dst " p "( |$)" { print $1 }' |
    while read -r mac; do bridge fdb del "$mac" dev $VXLAN dst "$1" 2>/dev/null; done
}

# -- rules: the way to services --------------------------------------------------------------------

# Docker's own choice of the two kernels' interfaces is ours, too: rules of both kinds don't see each other.
backend() {
  local found
  found=$(cat $RUN/backend 2>/dev/null)
  if [ -z "$found" ]; then
    found=iptables-nft
    iptables-legacy -t nat -S DOCKER >/dev/null 2>&1 && ! iptables-nft -t nat -S DOCKER >/dev/null 2>&1 && found=iptables-legacy
    echo "$found" > $RUN/backend
  fi
  echo "$found"
}

rules() {
  settings || return 0
  local ipt fresh=
  ipt=$(backend)
  for chain in RECONCILER-SVC RECONCILER-POST; do
    $ipt -w -t nat -S $chain >/dev/null 2>&1 || { $ipt -w -t nat -N $chain || return 1; fresh=1; }
  done
  for hook in PREROUTING OUTPUT; do
    $ipt -w -t nat -C $hook -j RECONCILER-SVC 2>/dev/null || $ipt -w -t nat -I $hook -j RECONCILER-SVC || return 1
  done
  $ipt -w -t nat -C POSTROUTING -j RECONCILER-POST 2>/dev/null || $ipt -w -t nat -I POSTROUTING -j RECONCILER-POST || return 1
  admit "$ipt"
  [ -z "$fresh" ] && [ "${1:-}" != again ] && cmp -s $NET/nat.rules $RUN/nat.rules && return 0
  dns_rules < $NET/nat.rules | $ipt-restore -w --noflush || { complain rules "the rules for services can't be set: $ipt refused them"; return 1; }
  content rules
  cp $NET/nat.rules $RUN/nat.rules
}

# Docker drops what comes from outside to a pod; what a service let in may pass.
admit() {
  local chain=DOCKER-USER
  $1 -w -S $chain >/dev/null 2>&1 || chain=FORWARD
  $1 -w -C $chain -o $BRIDGE -m conntrack --ctstate DNAT -j ACCEPT 2>/dev/null ||
    $1 -w -I $chain -o $BRIDGE -m conntrack --ctstate DNAT -j ACCEPT
}

# During an upgrade two name servers stand side by side, each on a port of its own.
dns_rules() { sed "s/:15053/:$(cat $RUN/dns-port 2>/dev/null || echo 15053)/g"; }

# -- balance: HAProxy ------------------------------------------------------------------------------

balance() {
  [ -f $NET/haproxy.cfg ] || return 0
  alive "$(pid_of haproxy)" && [ "${1:-}" != again ] && return 0
  local tries=0 said taken file
  occupied > $RUN/taken
  : > $RUN/unfit
  rm -f $RUN/complaints/certificate-*
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
    if [ -n "$taken" ]; then
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
  local old from=
  old=$(pid_of haproxy)
  alive "$old" || old=
  echo "show info" | socat -t 2 - UNIX-CONNECT:$SOCKET >/dev/null 2>&1 && from="-x $SOCKET"
  haproxy -D -f $RUN/haproxy.cfg.new -p $RUN/haproxy.pid $from ${old:+-sf $old} 9>&-
}

# What haproxy.cfg says, but for ports that are taken and certificates that can't be used.
usable() {
  sed "s|crt-list $NET/certs/list|crt-list $RUN/certificates|" |
    awk -v none="$([ -s $RUN/certificates ] || echo 1)" '
      FILENAME == ARGV[1] { taken[$0] = 1; next }
      $1 == "bind" && (($2 in taken) || (none && / crt-list /)) { next }
      { print }' $RUN/taken -
}

# -- names: dnsmasq --------------------------------------------------------------------------------

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

# -- session: the reconciler's commands ------------------------------------------------------------
#   put PATH SIZE [gz] then SIZE bytes, packed or not: a file for /net, not in force yet
#   drop PATH          a file of /net that is to go
#   commit HOW         put in force; HOW is reload, or run for the HAProxy commands in the file `commands`
#   state              by which rendering, what was last published, and what is wrong: a line, a line, lines
#   sessions IP        how many connections the proxy has to this pod
# Answers: `ok [SIZE]` and then SIZE bytes, or `error WORDS`.

session() {
  local next=$RUN/next.$$ word one two form
  for one in $RUN/next.*; do
    [ -d "/proc/${one##*.}" ] || rm -rf "$one"  # of a session that was cut off
  done
  mkdir -p "$next"
  trap "rm -rf '$next'" EXIT  # when it runs, `next` isn't there any more
  : > "$next/.drop"
  while read -r word one two form; do
    case "$word" in
      put) case "$one" in */*) mkdir -p "$next/${one%/*}";; esac
           : > "$next/$one"
           [ "$two" -gt 0 ] && dd of="$next/$one" bs="$two" count=1 iflag=fullblock 2>/dev/null
           [ "$(stat -c %s "$next/$one")" = "$two" ] || exit 1
           [ -z "$form" ] || { mv "$next/$one" "$next/.packed" && gzip -dc "$next/.packed" > "$next/$one"; } || exit 1;;
      drop) echo "$one" >> "$next/.drop";;
      commit) if said=$(commit "$next" "$one" 2>&1); then echo ok; else echo "error $(echo "$said" | tr '\n' ' ' | cut -c1-500)"; fi
              rm -rf "$next"; mkdir -p "$next"; : > "$next/.drop";;
      state) { cat $NET/rendering 2>/dev/null; echo; cat $NET/state.json 2>/dev/null; echo; cat $RUN/complaints/* 2>/dev/null; } > "$next/.answer"
             answer "$next/.answer";;
      sessions) echo "show servers conn" | socat -t 2 - UNIX-CONNECT:$SOCKET 2>/dev/null |
                  awk -v ip="$one" '$3 == ip { n += $7 } END { print n + 0 }' > "$next/.answer"
                answer "$next/.answer";;
      *) echo "error unknown command $word";;
    esac
  done
}

answer() { echo "ok $(stat -c %s "$1")"; cat "$1"; }

commit() {
  ( flock 9
    local next=$1 how=$2 file
    (cd "$next" && find . -type f ! -name '.*' ! -name state.json ! -name rendering ! -name commands ! -name forget) | sed 's|^\./||' > $RUN/files
    # Until all of it is in force nobody may take it for that: whoever asks then tells everything again.
    rm -f $NET/rendering
    while read -r file; do
      case "$file" in */*) mkdir -p "$NET/${file%/*}";; esac
      chmod 600 "$next/$file" && cp "$next/$file" "$NET/$file.new" && mv "$NET/$file.new" "$NET/$file" || exit 1
    done < $RUN/files
    chmod 644 $NET/hosts $NET/run/external-hosts $NET/dnsmasq.conf 2>/dev/null
    while read -r file; do rm -f "$NET/$file"; done < "$next/.drop"
    if came network; then links || { echo "the link between the nodes can't be set up"; exit 1; }; fi
    hairpins
    if came nat.rules; then rules || { echo "the rules for services can't be set"; exit 1; }; fi
    if came dnsmasq.conf; then names again; elif came hosts; then reread; fi
    [ -f "$next/forget" ] && while read -r file; do conntrack $file >/dev/null 2>&1; done < "$next/forget"
    touch "$next/commands"
    if ! run_commands "$next/commands" && [ "$how" != reload ]; then
      say "a command of HAProxy failed: $(head -n 1 $RUN/refused); it is reloaded"
      how=reload
    fi
    [ "$how" = reload ] && { balance again || exit 1; }
    for file in state.json rendering; do
      [ -f "$next/$file" ] && { cp "$next/$file" "$NET/$file.new" && mv "$NET/$file.new" "$NET/$file" || exit 1; }
    done
    if came externals; then externals; fi
    exit 0
  ) 9> $LOCK
}

came() {
  local file
  while read -r file; do [ "$file" = "$1" ] && return 0; done < $RUN/files
  return 1
}

# Anything that HAProxy says beyond its few words of success is a refusal. A server whose sessions are being shut
# down can be deleted a moment later; one that stays stands in maintenance and does no harm.
run_commands() {
  [ -s "$1" ] || return 0
  alive "$(pid_of haproxy)" || { echo "HAProxy isn't running" > $RUN/refused; return 1; }
  tell "$(grep -v '^del ' "$1")" || return 1
  local tries=0
  grep '^del ' "$1" > $RUN/deletions || return 0
  while [ $tries -lt 5 ] && ! tell "$(cat $RUN/deletions)"; do
    grep -v -E 'still has|No such server' $RUN/refused > /dev/null && return 1
    tries=$((tries + 1))
    sleep 0.05
  done
  return 0
}

tell() {
  : > $RUN/said
  echo "$1" | batches > $RUN/batches
  while read -r line; do
    echo "$line" | socat -t 10 - UNIX-CONNECT:$SOCKET >> $RUN/said 2>&1 || { cp $RUN/said $RUN/refused; return 1; }
  done < $RUN/batches
  ! grep -vE '^$|^New server registered|^Server deleted' $RUN/said > $RUN/refused
}

# Several commands on a line, as many as HAProxy's buffer surely takes.
batches() {
  awk 'length(l) + length($0) > 8000 { print l; l = "" } { l = l (l == "" ? "" : "; ") $0 } END { if (l != "") print l }'
}

# -- run: PID 1 ------------------------------------------------------------------------------------

keep_up() {
  ( flock 9
    local failed=0
    links || failed=1
    rules || failed=1
    balance || failed=1
    names || failed=1
    exit $failed ) 9> $LOCK
}

# A look that costs one process: what others take away in practice, by a crash or by flushing rules and devices.
intact() {
  local pid name rest ipt found=
  for name in haproxy dnsmasq; do
    pid=
    read -r pid 2>/dev/null < $RUN/$name.pid
    alive "$pid" || return 1
  done
  settings || return 1
  if [ -n "$PEERS" ] && [ -n "$ADDRESS" ]; then
    while read -r name rest; do case "$name" in $VXLAN:*) found=1;; esac; done < /proc/net/dev
    [ -n "$found" ] || return 1
  fi
  read -r ipt 2>/dev/null < $RUN/backend && $ipt -w -t nat -C OUTPUT -j RECONCILER-SVC 2>/dev/null
}

# The one that comes after us has taken the listening sockets: finish what is open, then go.
retire() {
  say "retiring"
  RETIRED=1
  kill "$(pid_of dnsmasq)" 2>/dev/null
  kill -USR1 "$(pid_of haproxy)" 2>/dev/null
}

# Stopped for good or for the engine's restart: nothing may lead to ports where nobody answers any more.
leave() {
  say "end"
  kill "$(pid_of dnsmasq)" "$(pid_of haproxy)" 2>/dev/null
  [ -n "$RETIRED" ] && exit 0
  local ipt
  ipt=$(backend)
  for hook in PREROUTING OUTPUT; do $ipt -w -t nat -D $hook -j RECONCILER-SVC; done
  $ipt -w -t nat -D POSTROUTING -j RECONCILER-POST
  for chain in RECONCILER-SVC RECONCILER-POST; do $ipt -w -t nat -F $chain; $ipt -w -t nat -X $chain; done
  for chain in DOCKER-USER FORWARD; do $ipt -w -D $chain -o $BRIDGE -m conntrack --ctstate DNAT -j ACCEPT 2>/dev/null; done
  ip link del $VXLAN 2>/dev/null
  settings && ip route del local "$SERVICE_RANGE" dev lo 2>/dev/null
  exit 0
}

run() {
  local turn=0 well=
  RETIRED=
  mkdir -p $NET/run $RUN/complaints
  rm -f $RUN/*.pid $RUN/complaints/* $RUN/nat.rules $RUN/backend
  chmod 755 $NET/run
  trap retire USR1
  trap leave TERM INT
  say "begin"
  while :; do
    if [ -n "$RETIRED" ]; then
      alive "$(pid_of haproxy)" || exit 0
    else
      if [ $((turn % 5)) -eq 0 ] || [ -z "$well" ] || ! intact; then
        well=
        keep_up && well=1
      fi
      [ $((turn % 5)) -eq 0 ] && externals
      [ $((turn % 5)) -eq 4 ] && freed && ( flock 9; balance again ) 9> $LOCK
    fi
    turn=$((turn + 1))
    sleep 2 &
    wait $!
  done
}

# Is a port free again that was taken?
freed() {
  [ -s $RUN/taken ] && occupied > $RUN/occupied || return 1
  awk 'FILENAME == ARGV[1] { still[$0] = 1; next } !($0 in still) { free = 1 } END { exit !free }' $RUN/occupied $RUN/taken
}

ready() { alive "$(pid_of haproxy)" && alive "$(pid_of dnsmasq)"; }

case "${1:-}" in
  run|session|links|rules|balance|names|ready) "$@";;
  *) echo "usage: node run|session|links|rules|balance|names|ready" >&2; exit 2;;
esac
