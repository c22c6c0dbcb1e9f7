"""How a value is kept: media files, tables, documents; on local disk or S3.

Belongs here: the store, and Dagster's IO managers on top of it.
Does not belong here: environment variables (``resources/``), what is in the files (``media/``).
"""
