# The pods' one flat network: the VXLAN device in the bridge, a flood entry for each peer, MTU and hairpins.
# Part of node.sh, which sources it.

links() {
  settings || return 0
  bridged || return 1
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

# Docker makes the bridge with the network; Podman with the network's first container, and takes it away with the
# last one. Names and services are answered on it before there is any.
bridged() {
  grep -q "^ *$BRIDGE:" /proc/net/dev && return 0
  ip link add $BRIDGE type bridge && ip addr add "$GATEWAY/${POD_RANGE#*/}" dev $BRIDGE && ip link set $BRIDGE up
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
