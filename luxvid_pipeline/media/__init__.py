"""Pictures, sound and film files: reading, measuring, encoding.

Belongs here: ffmpeg, probing, decoding photos, encoding clips, loudness, comparing frames.
Does not belong here: which photo, which camera move, which music (``domain/`` and ``providers/``); Dagster.
"""
