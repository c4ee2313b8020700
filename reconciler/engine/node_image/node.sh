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
ADMITTED=reconciler-services
LOCK=$RUN/lock
PARTS=/node.d
[ -d $PARTS ] || PARTS=${0%/*}

# busybox has an `ip` of its own, which knows no VXLAN, and its shell would take that one.
ip() { /usr/bin/ip "$@"; }
say() { echo "$(date -u +%FT%TZ) $*" >&2; }
settings() { if [ -f $RUN/steered/network ]; then . $RUN/steered/network; elif [ -f $NET/network ]; then . $NET/network; else return 1; fi; }
alive() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null; }
pid_of() { cat "$RUN/$1.pid" 2>/dev/null; }
complain() { echo "$2" > "$RUN/complaints/$1"; }
content() { rm -f "$RUN/complaints/$1"; }

for part in links rules balance names session; do
  . "$PARTS/$part.sh"
done

# What changes something holds the lock on descriptor 9; a daemon that is started meanwhile must not inherit it.

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
  while read -r name rest; do case "$name" in $BRIDGE:*|$VXLAN:*) found=$found${name%%:*};; esac; done < /proc/net/dev
  case "$found" in *$BRIDGE*) ;; *) return 1;; esac
  if [ -n "$PEERS" ] && [ -n "$ADDRESS" ]; then
    case "$found" in *$VXLAN*) ;; *) return 1;; esac
  fi
  [ ! -s $RUN/chains ] || admitted || return 1
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
  unadmit
  ip link del $VXLAN 2>/dev/null
  settings && ip route del local "$SERVICE_RANGE" dev lo 2>/dev/null
  exit 0
}

run() {
  local turn=0 well=
  RETIRED=
  # An engine with userns-remap gives files that it unpacks to the users that it maps.
  [ "$(stat -c %u $NET)" = "$(id -u)" ] || chown -R 0:0 $NET
  mkdir -p $NET/run $RUN/complaints
  rm -rf $RUN/*.pid $RUN/complaints/* $RUN/nat.rules $RUN/backend $RUN/chains $RUN/steered
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
