"""Kubernetes manifests, GitOps and kubectl on plain Docker hosts.

The reading order, which is the story of a commit:

1. `errors`     every way in which something can go wrong, as one tree
2. `model`      frozen values: manifest kinds, nodes, desired, observed, action, plan, progress
3. `manifests`  text becomes typed objects, or every error with file and line
4. `decide`     desired x observed x progress x now becomes a plan; pure
5. `source`     a Git repository, one that we host, or a directory
6. `engine`     one SSH connection per node, Docker's API inside it; and a simulated fleet
7. `record`     events, history and progress, in SQLite
8. `apply`      runs a plan's actions on the nodes
9. `loop`       fetch, load, observe, decide, record, apply; and again
10. `api`, `wiring`, `cli`   what people and programs hold in their hands

`debian` fetches the packages that the nodes' image is made of. `certificates` adds what an ACME server
gives to what is desired. `measuring` makes the measurements that analyses ask for, and `conditions` says
what is true of them. `lab` stands beside it all: a disposable fleet of real nodes on one machine.
"""

__version__ = "0.1.0"
