"""All sensors, in the order in which the UI lists them.

Belongs here: putting them together.
Does not belong here: what each does (its own module).
"""

from luxvid_pipeline.automation.alerts import ALERT_SENSORS
from luxvid_pipeline.automation.arrivals import new_listings_sensor
from luxvid_pipeline.automation.progress import listing_progress_sensor

SENSORS = (new_listings_sensor, listing_progress_sensor, *ALERT_SENSORS)
