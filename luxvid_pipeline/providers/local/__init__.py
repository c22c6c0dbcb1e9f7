"""The local engines: free, offline, deterministic.

Belongs here: tagger, writer, selector, camera, composer.
Does not belong here: anything that needs a key or a network.
"""
