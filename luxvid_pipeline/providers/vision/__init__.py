"""The director's stages by vision and language models of xAI and OpenAI: tagging, writing, choosing pairs.

Belongs here: the one client that speaks to them, prompts, checks of what comes back.
Does not belong here: the local engines that step in (``providers/local/``), prices (``domain/pricing.py``), the ledger.
"""
