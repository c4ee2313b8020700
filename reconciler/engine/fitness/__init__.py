"""Is a node fit? Each check with its remedy; and whose host key it shows.

Reading order: `report`, `checks`; of the network `network_facts`, `neighbours`, `network`, `data_plane`; then
`doctor`, `trust`.
"""
