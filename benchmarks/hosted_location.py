"""LuxVid as it is, up to the film, with short pauses between two tries: what ``crash_daemon.py`` has a daemon load.

Belongs here: the definitions a daemon loads there.
Does not belong here: the engines (the environment names hosted ones, and the simulators' addresses).
"""

from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.progress import build_progress_sensor
from luxvid_pipeline.automation.sensors import SENSORS
from luxvid_pipeline.definitions import build_defs

# What goes out of a film is made from it on this machine: minutes of work, and not a cent.
_JOBS = {stage: job for stage, job in STAGE_JOBS.items() if stage != "delivery"}
_OURS = {"listing_progress_sensor": build_progress_sensor(_JOBS, distances_s=(2.0, 5.0))}

defs = build_defs(sensors=[_OURS.get(sensor.name, sensor) for sensor in SENSORS])
