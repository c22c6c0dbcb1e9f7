"""One of several processes that shoot listings on one ledger, with a vendor that notes every request it hears.

Run as ``python -m luxvid_pipeline_tests.ledger.film_crew URL POSTS NUMBER CREWS LISTINGS DEADLY_MOMENT``. The process
kills itself at its DEADLY_MOMENT-th dangerous moment, if it gets that far; 0 lets it live.
"""

import asyncio
import json
import os
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

from luxvid_pipeline.domain.errors import BudgetExceededError
from luxvid_pipeline.domain.payments import UNDER_WAY, PaidRequest, PaymentState
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.rate_limits import Limit, SqlRateLimits
from luxvid_pipeline_tests.ledger.asked import asked

PRICE_USD = Decimal("0.60")
SCENES = 3
CREATES = Limit(per_minute=900, burst=5)


def scenes_of(listing: int) -> list[PaidRequest]:
    """The listing's requests; neighbours of two crews share one, and every fifth can afford one, whoever pays that."""
    return [
        asked(
            "the same sunset" + str(listing // 2) if scene == 0 else f"{listing}: scene {scene}",
            usd=str(PRICE_USD),
            listing=f"villa-{listing}",
            scene=str(scene),
            budget_usd=str(PRICE_USD * (1 if listing % 5 == 0 else SCENES)),
        )
        for scene in range(SCENES)
    ]


class Vendor:
    """Takes each request as a new job, as real ones do; it can be asked what it heard."""

    def __init__(self, posts: Path):
        self._posts = posts

    def post(self, key: str) -> str:
        line = json.dumps({"key": key, "id": f"p-{key[:8]}", "at": time.time()}) + "\n"
        file = os.open(self._posts, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)
        return f"p-{key[:8]}"

    def heard(self) -> list[dict]:
        return [json.loads(line) for line in self._posts.read_text().splitlines()] if self._posts.exists() else []

    def found(self, key: str) -> str:
        return next((post["id"] for post in self.heard() if post["key"] == key), "")


class Crew:
    def __init__(self, url: str, posts: Path, deadly_moment: int):
        database = Database(url)
        self.ledger = SqlLedger(database)
        self.limits = SqlRateLimits(database, limits={"replicate:create": CREATES})
        self.vendor = Vendor(posts)
        self._moments_left = deadly_moment

    def _danger(self) -> None:
        self._moments_left -= 1
        if self._moments_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def shoot(self, request: PaidRequest) -> str:
        """Take a request from wherever it stands to its end; returns what it came to."""
        ledger, key = self.ledger, request.key
        while True:
            try:
                payment = await asyncio.to_thread(ledger.claim, request)
            except BudgetExceededError:
                return "too dear"
            if payment.state not in UNDER_WAY:
                return payment.state.value
            if payment.ours:
                break
            await asyncio.sleep(0.05)
        self._danger()
        state, prediction_id = payment.state, payment.prediction_id
        if state is PaymentState.SUBMITTING:
            prediction_id = self.vendor.found(key)
            if prediction_id:
                state = (await asyncio.to_thread(ledger.submitted, key, prediction_id)).state
            else:
                state = (await asyncio.to_thread(ledger.not_sent, key, "the vendor never heard it")).state
        if state is PaymentState.RESERVED:
            await self.limits.wait("replicate:create", deadline_s=60)
            await asyncio.to_thread(ledger.submitting, key)
            self._danger()
            prediction_id = self.vendor.post(key)
            self._danger()
            state = (await asyncio.to_thread(ledger.submitted, key, prediction_id)).state
        self._danger()
        if state is PaymentState.SUBMITTED:
            await asyncio.to_thread(ledger.finished, key, PRICE_USD, {"video_output_duration_seconds": 4.0})
        self._danger()
        return (await asyncio.to_thread(ledger.delivered, key, f"{key}.mp4", "ab" * 32)).state.value


async def work(crew: Crew, listings: list[int]) -> dict[str, str]:
    requests = [request for listing in listings for request in scenes_of(listing)]
    ends = await asyncio.gather(*(crew.shoot(request) for request in requests))
    return {
        f"{request.account.listing}/{request.account.scene}": end for request, end in zip(requests, ends, strict=True)
    }


if __name__ == "__main__":
    where, posts, number, crews, listings, deadly_moment = sys.argv[1:]
    mine = [listing for listing in range(int(listings)) if listing % int(crews) == int(number)]
    print(json.dumps(asyncio.run(work(Crew(where, Path(posts), int(deadly_moment)), mine))))  # noqa: T201 - its answer
