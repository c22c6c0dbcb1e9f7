"""The stages of a film as Dagster assets, one module a stage.

Belongs here: reading the context, calling down, reporting metadata.
Does not belong here: rules of film-making (``domain/``), decoding and encoding (``media/``).
"""
