"""Whoever does the work behind a port.

Belongs here: the local engines (``local/``); hosted ones beside them.
Does not belong here: Dagster, the rules that hold for every engine (``domain/``).
"""
