# The way to services: iptables' rules as nat.rules has them, and the jumps to them.
# Part of node.sh, which sources it.

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
  local ipt fresh= wanted=$NET/nat.rules
  [ -f $RUN/steered/nat.rules ] && wanted=$RUN/steered/nat.rules
  ipt=$(backend)
  for chain in RECONCILER-SVC RECONCILER-POST; do
    $ipt -w -t nat -S $chain >/dev/null 2>&1 || { $ipt -w -t nat -N $chain || return 1; fresh=1; }
  done
  for hook in PREROUTING OUTPUT; do
    $ipt -w -t nat -C $hook -j RECONCILER-SVC 2>/dev/null || $ipt -w -t nat -I $hook -j RECONCILER-SVC || return 1
  done
  $ipt -w -t nat -C POSTROUTING -j RECONCILER-POST 2>/dev/null || $ipt -w -t nat -I POSTROUTING -j RECONCILER-POST || return 1
  admit "$ipt"
  [ -z "$fresh" ] && [ "${1:-}" != again ] && cmp -s $wanted $RUN/nat.rules && return 0
  dns_rules < $wanted | $ipt-restore -w --noflush || { complain rules "the rules for services can't be set: $ipt refused them"; return 1; }
  content rules
  cp $wanted $RUN/nat.rules
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
