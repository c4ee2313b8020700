"""What is remembered and what people see: events, history, rollout progress, status objects, logs.

`store` is the SQLite file below `journal` (events and history) and `progress` (where rollouts stand);
`lock` keeps a second reconciler away; `status` and `overview` put into words what a pass found, and
`world` keeps those objects with one growing resourceVersion. Nothing here decides or acts, and losing
all of it loses history only: Git and the labels on the containers are the truth.
"""
