import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline_tests.ledger.film_crew import PRICE_USD, SCENES, Vendor, scenes_of

CREWS, LISTINGS = 4, 20


def test_twenty_listings_from_four_processes_that_get_killed_are_paid_for_once(url, tmp_path):
    chance = random.Random(7)
    posts = tmp_path / "posts"
    # Each crew is killed at a moment drawn by lot and started again, the first one twice; then it lives.
    deaths = {crew: [*(chance.randint(1, 40) for _ in range(1 + (crew == 0))), 0, 0] for crew in range(CREWS)}
    running = {crew: _start(url, posts, crew, deaths[crew].pop(0)) for crew in deaths}
    ends: dict[str, str] = {}
    killed = 0
    while running:
        crew, process = running.popitem()
        said, complained = process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL:
            killed += 1
            running = {crew: _start(url, posts, crew, deaths[crew].pop(0)), **running}
        else:
            assert process.returncode == 0, complained.decode()
            ends |= json.loads(said)

    heard = Vendor(posts).heard()
    assert killed >= CREWS
    assert max(Counter(post["key"] for post in heard).values()) == 1, "paid twice"
    assert len(ends) == LISTINGS * SCENES
    assert set(ends.values()) == {"delivered", "too dear"}

    ledger = SqlLedger(url)
    assert {entry.payment.key for entry in ledger.rows()} == {post["key"] for post in heard}
    assert {entry.payment.state.value for entry in ledger.rows()} == {"delivered"}
    total = ledger.spent()
    assert (total.reserved_usd, total.cost_usd) == (0, PRICE_USD * len(heard))
    for listing in range(LISTINGS):
        limit = scenes_of(listing)[0].account.budget_usd
        spent = ledger.spent(listing=f"villa-{listing}").cost_usd
        assert spent <= limit
        stopped = [end for scene, end in ends.items() if scene.startswith(f"villa-{listing}/") and end == "too dear"]
        assert not stopped or (spent == limit and listing % 5 == 0)
    ledger.close()


def _start(url: str, posts: Path, crew: int, deadly_moment: int) -> subprocess.Popen[bytes]:
    module = "luxvid_pipeline_tests.ledger.film_crew"
    arguments = [url, posts, crew, CREWS, LISTINGS, deadly_moment]
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
