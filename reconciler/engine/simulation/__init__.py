"""A fleet in memory: in virtual time for laws and forecasts, in real time for a demo.

Reading order: `simulated_pod`, `simulated`, `forecast`, `simulated_node`.
"""
