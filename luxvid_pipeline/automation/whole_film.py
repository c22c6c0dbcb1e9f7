"""``make_film_job``: everything of a listing, asked for with one click, or for many listings with one backfill.

Belongs here: the job.
Does not belong here: the stages (``jobs.py``), requesting them one after the other (``progress.py``, which finds a run
of this job and begins with the direction).

Dagster runs assets of different partitions (listing, listing × scene) in no common job, and one run for all of a film
would hold a place in the queue while a vendor works.
"""

import dagster as dg

from luxvid_pipeline.domain.progress import LISTING_TAG
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.listing_sources import ListingSources

MAKE_FILM = "make_film_job"


@dg.op(description="Ask for a listing's film: its stages follow as runs of their own, within seconds.")
def ask_for_film(context: dg.OpExecutionContext, listing_sources: dg.ResourceParam[ListingSources]) -> None:
    """Ask for a film; whoever launched it sees at once if there is nothing to make it from.

    Raises:
        InputError: Nobody knows where the listing's photos lie.
    """
    listing = context.partition_key
    folder = listing_sources.folder(listing)
    context.instance.add_run_tags(context.run_id, {LISTING_TAG: listing})
    context.log.info(f"{listing}: its film is made of {folder}; listing_progress_sensor requests its stages")


@dg.job(
    name=MAKE_FILM,
    partitions_def=listing_partitions,
    executor_def=dg.in_process_executor,
    tags={"dagster/priority": "20"},
    description="Everything of a listing, from its photos to what goes out: one run a stage follows. What is there "
    "already is used. For many listings, launch a backfill; it stands back for everybody else.",
)
def make_film_job() -> None:
    """Ask for a film."""
    ask_for_film()
