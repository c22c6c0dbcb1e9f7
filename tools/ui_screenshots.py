"""Dagster's UI as an operator sees it, as PNG files: `python tools/ui_screenshots.py FOLDER [--url URL]`.

Belongs here: which pages are shown, when a page has come to rest.
Does not belong here: the browser (`luxvid_pipeline_tests/browser.py`), making anything to look at: the UI has to run
(`make dev`), with a listing in it.

The UI is one page that asks for its data as it goes; a page has come to rest when no spinner turns and its text has
not changed for a second.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from luxvid_pipeline_tests.browser import Browser

_QUERY = """query { assetNodes(pipeline: null) { assetKey { path } } repositoriesOrError { __typename
  ... on RepositoryConnection { nodes { name location { name } } } } }"""
_LATEST_RUN = "query { runsOrError(limit: 1, filter: {statuses: [SUCCESS]}) { ... on Runs { results { runId } } } }"


# A chart stands in a window that opens at a click.
_OPEN_MARKDOWN = """(() => { const links = [...document.querySelectorAll('button, a, div')]
  .filter(each => each.textContent.trim() === '[Show Markdown]'); links.at(-1)?.click(); return links.length; })()"""


def asked(url: str, query: str) -> dict:
    """Return what the UI's own server answers to a question."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - an address of this machine
        return json.load(answer)["data"]


def pages(url: str, listing: str) -> dict[str, str]:
    """Return name to address of every page that is shown."""
    (repository,) = asked(url, _QUERY)["repositoriesOrError"]["nodes"]
    location = f"{repository['name']}@{repository['location']['name']}"
    run = asked(url, _LATEST_RUN)["runsOrError"]["results"][0]["runId"]
    return {
        "asset-graph": "asset-groups",
        "lineage": "assets/delivery_package?view=lineage&lineageScope=upstream&lineageDepth=5",
        "listing": f"assets/property_video?view=partitions&partition={listing}",
        "scenes": f"assets/scene_clips?view=partitions&partition={listing}%7C1-arrival",
        "pairs": f"assets/scene_pairs?view=partitions&partition={listing}",
        "animatic": "assets/animatic?view=overview",
        "catalog": "assets",
        "checks": "assets/property_video?view=checks",
        "spend": "assets/spend_report?view=overview",
        "spend-chart": "assets/spend_report?view=overview",
        "automation": "automation",
        "sensor-ticks": f"locations/{location}/sensors/listing_progress_sensor",
        "schedule": f"locations/{location}/schedules/reconcile_schedule",
        "jobs": f"locations/{location}/jobs",
        "runs": "runs",
        "run": f"runs/{run}",
    }


def settle(browser: Browser, *, within_s: float = 40.0) -> None:
    """Wait until a page has come to rest."""
    ends, still_since, last = time.monotonic() + within_s, time.monotonic(), ""
    while time.monotonic() < ends:
        seen = browser.value(
            "document.querySelectorAll('[class*=pinner]').length + '|' + document.images.length + '|' "
            "+ (document.body ? document.body.innerText : '')"
        )
        now = time.monotonic()
        if seen != last:
            last, still_since = seen, now
        elif now - still_since > 1.5 and len(seen) > 200 and seen.startswith("0|"):
            return
        time.sleep(0.2)


def main() -> None:
    """Take every picture, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", nargs="*", help="names of pages; all by default")
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="where the UI answers")
    parser.add_argument("--listing", default="villa-aurora", help="the listing to show")
    parser.add_argument("--size", default="1440x900", help="of the window, in pixels")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    width_px, height_px = map(int, arguments.size.split("x"))
    host = urllib.parse.urlsplit(arguments.url).hostname or ""
    shown = pages(arguments.url, arguments.listing)
    with tempfile.TemporaryDirectory() as profile, Browser(Path(profile), may_ask=host) as browser:
        browser.size(width_px, height_px)
        for name, page in shown.items():
            if arguments.only and name not in arguments.only:
                continue
            browser.ask("Page.navigate", url=f"{arguments.url}/{page}")
            settle(browser)
            if name.endswith("-chart"):
                browser.value(_OPEN_MARKDOWN)
                settle(browser)
            browser.screenshot(arguments.folder / f"{name}.png")
            print(arguments.folder / f"{name}.png")


if __name__ == "__main__":
    main()
