"""Engines that Replicate runs: video models, score models, one picture editor.

Belongs here: the vendor's wire format, its failures, the order in which a paid request is made, an adapter each model.
Does not belong here: prices (``domain/pricing.py``), where payments are kept (``ledger/``), bringing files into the
film's format (``media/``).
"""
