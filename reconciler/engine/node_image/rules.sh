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
  admit_by_nftables
}

# An engine whose backend is nftables (Docker 29) drops in a table of its own, where iptables' ACCEPT means nothing:
# with nftables, every chain of a hook has its say. It makes its tables anew when it starts.
admit_by_nftables() {
  local family table chain
  forwarding_chains > $RUN/chains
  while read -r family table chain; do
    nft list chain "$family" "$table" "$chain" 2>/dev/null | grep -qF "$ADMITTED" ||
      nft insert rule "$family" "$table" "$chain" oifname $BRIDGE ct status dnat accept comment "\"$ADMITTED\"" ||
      { complain admitted "services that the kernel balances (UDP, and policy Local) can't be let in past the engine's table $table"; return 1; }
  done < $RUN/chains
  content admitted
}

# Whether the rules are still there: a line of /run/chains for each chain.
admitted() {
  [ "$(nft list ruleset 2>/dev/null | grep -cF "$ADMITTED")" -ge "$(wc -l < $RUN/chains)" ]
}

forwarding_chains() {
  nft list chains 2>/dev/null | awk '
    $1 == "table" { family = $2; table = $3 }
    $1 == "chain" { chain = $2 }
    / hook forward / && table ~ /^docker/ && family ~ /^(ip|inet)$/ { print family, table, chain }'
}

unadmit() {
  local family table chain handle
  forwarding_chains | while read -r family table chain; do
    nft -a list chain "$family" "$table" "$chain" | sed -n "s/.*$ADMITTED.* handle \([0-9]*\)\$/\1/p" |
      while read -r handle; do nft delete rule "$family" "$table" "$chain" handle "$handle"; done
  done
}

# During an upgrade two name servers stand side by side, each on a port of its own.
dns_rules() { sed "s/:15053/:$(cat $RUN/dns-port 2>/dev/null || echo 15053)/g"; }
