"""The rules of film-making in plain Python.

Belongs here: listings, scenes, pairing, cameras, timelines, music, keys, errors and the ports that providers fill.
Does not belong here: Dagster, a vendor's name or client, reading or writing files, environment variables.
"""
