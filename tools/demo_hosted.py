"""Shoots the example listing with hosted engines whose vendors are simulated on this machine: ``make demo-hosted``.

Belongs here: starting the simulators, choosing the engines, running the commands a user would run.
Does not belong here: the simulators (``luxvid_pipeline_tests/simulators``), making films.

Usage: ``python tools/demo_hosted.py HOME [LISTING]``. HOME is begun anew each time: predictions of an earlier run
are unknown to simulators that have just started. Only the media that they made is kept, beside it. A folder that is
not empty and that this program did not make is left alone: it may be anything, somebody's ledger as well.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from luxvid_pipeline_tests.simulators.control_client import SimulatorProcess

ROOT = Path(__file__).resolve().parent.parent
LISTING = ROOT / "examples" / "listings" / "villa-aurora"
LUXVID = Path(sys.executable).with_name("luxvid")
INTERRUPTED, WRONG_USAGE = 130, 2
MADE_HERE = ".made-by-demo-hosted"

ENGINES = {
    "LUXVID_TAGGER": "xai/grok-4.3",
    "LUXVID_WRITER": "openai/gpt-6-luna",
    "LUXVID_SELECTOR": "xai/grok-4.3",
    "LUXVID_CLIPS": "google/veo-3.1-fast,minimax/hailuo-02,local",
    "LUXVID_SCORE": "meta/musicgen,local",
}
# A simulated second takes a fiftieth of a real one: a clip of a minute comes after 1.2 s, if it is made by then.
SPEED = "0.02"
KEYS = dict.fromkeys(("REPLICATE_API_TOKEN", "XAI_API_KEY", "OPENAI_API_KEY"), "simulated")


def main() -> int:
    """Run the demonstration.

    Returns:
        The exit code of the first command that fails; 130 after Ctrl-C; 2 for a folder that may be somebody's.
    """
    if len(sys.argv) not in {2, 3}:
        print("demo-hosted: usage: python tools/demo_hosted.py HOME [LISTING]", file=sys.stderr)
        return WRONG_USAGE
    home = Path(sys.argv[1]).absolute()
    listing = Path(sys.argv[2]) if len(sys.argv) > 2 else LISTING
    if home.exists() and not (home / MADE_HERE).exists() and (not home.is_dir() or any(home.iterdir())):
        print(f"demo-hosted: {home} was not made by this program: remove it, or name another folder", file=sys.stderr)
        return WRONG_USAGE
    cache = home.with_name(f"{home.name}-cache")
    signal.signal(signal.SIGTERM, _interrupt)
    shutil.rmtree(home, ignore_errors=True)
    for folder in (home, cache):
        folder.mkdir(parents=True, exist_ok=True)
    (home / MADE_HERE).touch()
    options = ("--speed", SPEED, "--cache", str(cache), "--knows", str(listing))
    try:
        with SimulatorProcess(cache, *options) as simulators:
            environment = _environment(home, simulators.environment)
            for name, value in ENGINES.items():
                print(f"  {name}={value}")
            shown = os.path.relpath(listing)
            steps = (["estimate", shown], ["render", shown], ["costs", "--by", "model"], ["estimate", shown])
            for words in steps:
                code = _luxvid(words, environment)
                if code:
                    return code
            paid = simulators.replicate.counters()["accepted"]
    except KeyboardInterrupt:
        print("demo-hosted: interrupted; the simulators are ended too", file=sys.stderr)
        return INTERRUPTED
    print(
        f"\nThe vendors were simulated on this machine ({paid} predictions accepted): no key was used, nothing was "
        "sent to anybody, and no money was spent."
    )
    return 0


def _environment(home: Path, simulated: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing leads to a real vendor, a real key or a real ledger."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LUXVID_", "DAGSTER_"))}
    return {**ours, "LUXVID_HOME": str(home), **ENGINES, **KEYS, **simulated}


def _luxvid(words: list[str], environment: Mapping[str, str]) -> int:
    """Run one command as a user would, and pass Ctrl-C on to it exactly once."""
    print(f"\n$ luxvid {shlex.join(words)}", flush=True)
    # In a session of its own: the terminal's Ctrl-C reaches this program only, whoever else it would have reached.
    command = subprocess.Popen([LUXVID, *words], env=environment, start_new_session=True)
    try:
        return command.wait()
    except KeyboardInterrupt:
        command.send_signal(signal.SIGINT)
        try:
            command.wait(60)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            command.kill()
            command.wait()
        raise


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
