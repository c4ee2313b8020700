"""haproxy.cfg's `global` and `defaults`: the promises that hold for every connection.

Nothing here depends on the traffic.
"""

from __future__ import annotations

FOLDER = "/net"
SOCKET = f"{FOLDER}/run/haproxy.sock"

CHECKS = (
    "inter 10s fastinter 1s downinter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error sudden-death"
    " pool-purge-delay 1s pool-max-conn -1"
)
"""Slow while all is well. A connection that fails has the server checked at once, and a failed check then
takes it out; till then a new try finds another one. Errors alone take nothing out: a pod that is only flooded
stays, and so do the servers of a process that a reload left behind, which checks no more.

Idle connections to a server end soon: until then it can't be deleted. How many may idle is said although it
is the default: HAProxy 2.6.12 takes a server that is added at run time for one that allows none, and every
single request then costs a connection to the pod.
"""

BASIS = f"""\
# Written by the reconciler; whatever is changed here by hand is lost.
global
  user haproxy
  group haproxy
  stats socket {SOCKET} mode 600 level admin expose-fd listeners
  stats timeout 1h
  nbthread 2
  # As many connections as this many files allow, or fewer where the container may have fewer.
  fd-hard-limit 20000
  # For normalize-uri.
  expose-experimental-directives
  tune.bufsize 16384
  spread-checks 50
  ssl-default-bind-options ssl-min-ver TLSv1.2
  # After a reload the old process keeps what it has. HTTP/1 it lets go with the next answer (`stopping`, in
  # the backends), never between two, when the client may be sending; that is what the long spread is for.
  # HTTP/2 is told to go in that time, which loses nothing. A long TCP connection (MQTT, a shell) holds the
  # process longer: hours, so that few are ever cut; not for ever, so that old processes don't pile up.
  close-spread-time 10m
  hard-stop-after 4h

defaults
  mode tcp
  # Kubernetes cuts no connection for being quiet. An other end that is gone is found out by keepalives, and
  # by what it doesn't acknowledge (tcp-ut; servers that are added at run time can't have that).
  timeout connect 1s
  timeout client 24h
  timeout server 24h
  timeout tunnel 24h
  timeout http-request 60s
  timeout http-keep-alive 5m
  timeout check 2s
  option clitcpka
  option srvtcpka
  srvtcpka-idle 5s
  srvtcpka-intvl 5s
  srvtcpka-cnt 2
  # A server that refuses costs a try, not the connection.
  retries 3
  option redispatch 1
  # Header names reach HTTP/1 pods in lower case: HAProxy keeps no other. To HTTP it makes no difference.
  balance roundrobin
  default-server check {CHECKS} tcp-ut 15s
"""
