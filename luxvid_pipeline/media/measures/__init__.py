"""Measures of clips, scores and files, as plain functions: one module a question.

Belongs here: taking figures from frames, samples and containers, each with its units and its source.
Does not belong here: judging them (``domain/gates.py``), correcting anything.
"""
