"""The numbers of the design page, as ratios taken in one run.

Belongs here: one module a row (or a few), each with a ``measure`` that returns rows and prints nothing.
Does not belong here: tests; a ratio that is missed is printed, and ``python -m benchmarks`` then ends with code 1.
"""
