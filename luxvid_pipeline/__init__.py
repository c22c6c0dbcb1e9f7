"""LuxVid: a folder of property photos becomes a film, made as Dagster assets.

Belongs here: the version, nothing else. ``definitions.py`` is the page to read first.
Does not belong here: imports that load Dagster or a media library; the version must stay cheap to ask for.
"""

__version__ = "0.1.0"
