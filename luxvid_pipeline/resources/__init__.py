"""Configuration to objects: what the assets are given to work with.

Belongs here: reading environment variables (``settings.py``, nowhere else), choosing engines, opening the store.
Does not belong here: the engines themselves (``providers/``), what assets do with them.
"""
