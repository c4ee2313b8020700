#!/bin/sh
# dockerd for a lab, as Podman has it: takes dockerd's flags, each with its value, and serves Docker's API with
# everything of the node in the node's own folders.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = --version ]; then
  echo "podman version $(cat "$here/version")"
  exit
fi
flags=$*
root= pidfile= socket= group= parent= registry=
while [ $# -gt 1 ]; do
  case $1 in
    --data-root) root=$2;;
    --pidfile) pidfile=$2;;
    --host) socket=${2#unix://};;
    --group) group=$2;;
    --cgroup-parent) parent=$2;;
    --insecure-registry) registry=$2;;
  esac
  shift 2
done
etc=$root/etc
mkdir -p "$etc" "$root/storage" "$root/volumes" "$root/networks" /run/podman
cat > "$etc/containers.conf" <<END
[containers]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
volume_path = "$root/volumes"
[network]
network_backend = "netavark"
network_config_dir = "$root/networks"
firewall_driver = "${PODMAN_FIREWALL:-iptables}"
END
cat > "$etc/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$root/storage"
runroot = "/run/containers/storage"
END
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" > "$etc/registries.conf"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > /etc/containers-policy.json
mkdir -p /etc/containers
mv /etc/containers-policy.json /etc/containers/policy.json
export CONTAINERS_CONF="$etc/containers.conf" CONTAINERS_STORAGE_CONF="$etc/storage.conf"
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
export CONTAINERS_REGISTRIES_CONF="$etc/registries.conf" HOME="$root" TMPDIR=/run/podman

# Podman knows no parent for all of its control groups: it gets a view of them whose root is the node's, where
# the lab finds them in the end.
if [ -z "${PODMAN_AT_HOME:-}" ]; then
  awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts | while read -r top; do
    at=$top
    for part in $(echo "$parent" | tr / ' '); do
      mkdir -p "$at/$part"
      for file in cpuset.cpus cpuset.mems; do  # version 1: a group without them takes no process
        [ ! -e "$at/$part/$file" ] || [ -n "$(cat "$at/$part/$file")" ] || cat "$at/$file" > "$at/$part/$file"
      done
      at=$at/$part
    done
    echo $$ > "$at/cgroup.procs"
  done
  export PODMAN_AT_HOME=1
  exec unshare --cgroup --mount --propagation slave "$0" $flags
fi
awk '$3 == "cgroup" || $3 == "cgroup2" { print $2, $3, $4 }' /proc/self/mounts | while read -r top kind options; do
  umount "$top"
  mount -t "$kind" -o "$(echo "$options" | sed 's/rw,//; s/relatime,*//; s/^$/rw/')" cgroup "$top"
done

mount -t overlay -o "lowerdir=$here/usr:/usr" overlay /usr

echo $$ > "$pidfile"
# What podman-restart.service does at boot; and the socket is for the group, as dockerd's is.
( while ! [ -S "$socket" ]; do sleep 0.05; done
  chgrp "$group" "$socket"
  chmod 660 "$socket"
  exec podman start --all --filter restart-policy=always ) &
exec podman system service --time=0 "unix://$socket"
