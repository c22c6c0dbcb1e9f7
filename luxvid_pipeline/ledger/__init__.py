"""What was asked of paid services, what came of it, what it cost: the ledger, its budgets and shared rate limits.

Belongs here: everything that is kept in the ledger's database.
Does not belong here: vendors (``providers/``), prices (``domain/pricing.py``), where results are kept (the shelf).
"""
