#!/bin/busybox sh
# The program of a node's data plane.
echo "usage: /node COMMAND" >&2
exit 2
