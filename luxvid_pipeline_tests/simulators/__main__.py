# ruff: noqa: T201 - a program of its own
"""The simulators as a process of their own, which outlives its clients.

Belongs here: the command line.
Does not belong here: anything a test would want in its own process.
"""

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from luxvid_pipeline_tests.simulators import LanguageModelSimulator, ReplicateSimulator
from luxvid_pipeline_tests.simulators.wire import RequestLog


def main() -> None:
    """Run all three vendors until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m luxvid_pipeline_tests.simulators", description=main.__doc__)
    parser.add_argument("--port-file", type=Path, help="gets the base URLs as JSON, once everything answers")
    parser.add_argument("--log", type=Path, help="gets every request as a JSON line")
    parser.add_argument("--speed", type=float, default=0.01, help="real seconds a simulated second takes")
    parser.add_argument("--cache", type=Path, help="folder of made media, kept between runs")
    parser.add_argument("--seed", type=int, help="draws ids and waiting times")
    parser.add_argument("--clip-s", type=float, default=60.0, help="simulated seconds a clip takes")
    parser.add_argument("--music-s", type=float, default=8.0, help="simulated seconds a score's stage takes")
    parser.add_argument("--answer-s", type=float, default=5.0, help="simulated seconds a language model takes")
    parser.add_argument("--picture-scale", type=float, default=1.0, help="clips are made this much smaller")
    parser.add_argument("--knows", type=Path, action="append", default=[], help="folder of pictures the models know")
    parser.add_argument("--as-long-as", type=int, metavar="PID", help="end when this process is gone")
    parser.add_argument("--low-credit", action="store_true", help="6 creates a minute, burst 1")
    given = parser.parse_args()

    log = RequestLog(given.log)
    replicate = ReplicateSimulator(
        speed=given.speed,
        latency_s={"video": given.clip_s, "music": given.music_s},
        picture_scale=given.picture_scale,
        low_credit=given.low_credit,
        cache=given.cache,
        log=log,
        seed=given.seed,
    )
    language = {
        flavour: LanguageModelSimulator(
            flavour, speed=given.speed, latency_s=given.answer_s, knows=given.knows, log=log
        )
        for flavour in ("xai", "openai")
    }
    told = {
        "replicate": replicate.base_url,
        "delivery": replicate.delivery_url,
        **{flavour: simulator.base_url for flavour, simulator in language.items()},
        "pid": os.getpid(),
    }
    if given.port_file:
        half = given.port_file.with_suffix(".half")
        half.write_text(json.dumps(told))
        half.replace(given.port_file)
    print(json.dumps(told), flush=True)

    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    while not over.wait(1.0):
        if given.as_long_as and not _alive(given.as_long_as):
            break
    for simulator in (replicate, *language.values()):
        simulator.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
