"""When things run.

Belongs here: jobs, and the sensors and schedules that request them.
Does not belong here: what the assets do (``assets/``).
"""
