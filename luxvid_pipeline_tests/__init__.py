"""Tests, mirroring the package's tree: fakes for ports, real files for media, a real Dagster instance for the graph.

Belongs here: claims about behaviour, and the drawn pictures they need.
Does not belong here: real listings, anything that needs a network.
"""
