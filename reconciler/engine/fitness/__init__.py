"""Is a node fit? Each check with its remedy; and whose host key it shows.

Reading order: `report`, `checks`, `doctor`, `trust`.
"""
