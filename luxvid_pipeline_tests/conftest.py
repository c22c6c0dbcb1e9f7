"""What several tests share: a studio with fake engines at three stages of its work, and one clip made once.

Belongs here: fixtures.
Does not belong here: fakes and drawn pictures (their own modules), claims.

A studio's first runs take Dagster seconds, so they are done once for all workers and copied for each test.
"""

import gc
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from cachetools import LRUCache, cached
from filelock import FileLock
from sqlalchemy import event as sql_event
from sqlalchemy.engine import Engine

from luxvid_pipeline import cli, local_runs
from luxvid_pipeline.assets import clip_gate, clips, scene_sources
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.ledger import database
from luxvid_pipeline.media import encode, film, overlap, photo_content, photo_quality, photos
from luxvid_pipeline.media.encode import ClipWriter, empty_frame
from luxvid_pipeline.media.measures import sound
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.providers import takes
from luxvid_pipeline.providers.local import selector as local_selector
from luxvid_pipeline.providers.local import tagger as local_tagger
from luxvid_pipeline.providers.replicate import photos as photos_as_sent
from luxvid_pipeline.providers.vision import selector as vision_selector
from luxvid_pipeline_tests.fakes import FakeCamera, FakeComposer, FakeSelector, FakeTagger, FakeWriter
from luxvid_pipeline_tests.records import lay_out_empty, open_records
from luxvid_pipeline_tests.studio import Studio, draw_photos

_LONGEST = (
    "test_hosted_film.py",
    "test_daemon.py",
    "test_failure_matrix.py",
    "test_cli.py",
    "test_delivery.py",
    "test_estimates.py",
    "test_progress.py",
    "test_store_s3.py",
    "test_conform.py",
    "test_photos.py",
    "test_film.py",
    "test_takes.py",
    "test_many_processes.py",
    "test_clips.py",
    "test_packaging.py",
    "test_composer.py",
    "test_direction.py",
    "test_media.py",
    "test_review.py",
    "test_cli_direction.py",
    "test_listing_operations.py",
    "test_camera_truth.py",
    "test_scene_sources.py",
    "test_retiming.py",
    "test_camera.py",
    "test_predictions.py",
    "test_approval.py",
)
"""Files that take longest, by processor time; a file is one worker's, so these go first and small ones fill up."""


# Nothing that is loaded is garbage, and looking for it takes a fifth of loading.
gc.disable()


def pytest_collection_finish() -> None:
    """Look through what is loaded no more, and for garbage once in ten thousand new objects instead of 700."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; everything else stays in its order."""
    place = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _memory_is_kept():
    """Keep large blocks for the next picture, whatever a render here sets: new pages took 6 % of films' tests."""
    with memory_reused():
        yield


@pytest.fixture(scope="session", autouse=True)
def _nobody_waits_for_the_disk():
    """Nothing in this process is flushed to the disk: a killed process loses nothing by it, and here no power fails.

    The ledger asks for its flushes itself, afterwards, and keeps them.
    """

    def hurry(connection, _record):
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    sql_event.listen(Engine, "connect", hurry)
    with mock.patch.object(os, "fsync", return_value=None):
        yield
    sql_event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session", autouse=True)
def _empty_records_are_made_once():
    """Lay out empty records in a new ``DAGSTER_HOME``; that a command makes its own is seen where one is started."""

    def laid_out(file):
        lay_out_empty(file.parent)
        return configured(file)

    configured = local_runs._configured
    with mock.patch.object(local_runs, "_configured", laid_out):
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_same_clip_is_looked_at_once():
    """Measure and show a clip of the same bytes beside the same photos once: a fake camera shoots one 7 times."""
    seen = {}

    def once(look):
        def seen_or_looked(clip, *arguments, **options):
            about = [value for name, value in sorted(options.items()) if name != "doing"]  # for errors, not kept
            files = [hashlib.sha256(file.read_bytes()).digest() for file in (clip, *about) if isinstance(file, Path)]
            rest = [value for value in about if not isinstance(value, Path)]
            key = repr((look.__name__, sorted(options), files, arguments, rest))
            if key not in seen:
                seen[key] = look(clip, *arguments, **options)
            return seen[key]

        return seen_or_looked

    with (
        mock.patch.object(clips, "frames_of", once(clips.frames_of)),
        mock.patch.object(clip_gate, "glance_at_clip", once(clip_gate.glance_at_clip)),
        mock.patch.object(scene_sources, "pace_likeness", once(scene_sources.pace_likeness)),
        mock.patch.object(takes, "measure_clip", once(takes.measure_clip)),
    ):
        yield


PHOTO_LOOKS = (
    (photos, photo_quality.judge),
    (local_tagger, photo_content.look_at),
    (local_selector, overlap.photo_features),
    (vision_selector, overlap.photo_features),
)
"""Who looks at a photo by itself, and with what: quality, content, features to match."""


@pytest.fixture(scope="session", autouse=True)
def _the_same_photo_is_looked_at_once():
    """Look at the same photo once, in whatever listing it lies: most listings here are the same eight."""

    def pixels_of(photo):
        if isinstance(photo, Path):
            return hashlib.sha256(photo.read_bytes() if photo.is_file() else str(photo).encode()).digest()
        return hashlib.sha256(photo.tobytes()).digest(), photo.shape

    def once(look):
        return cached(LRUCache(48), key=pixels_of, lock=threading.Lock())(look)

    with ExitStack() as patched:
        for module, look in PHOTO_LOOKS:
            patched.enter_context(mock.patch.object(module, look.__name__, once(look)))
        # As the product does, of more photos than one film sends.
        framed = photos_as_sent._framed
        kept = LRUCache[object, bytes](32 << 20, getsizeof=len)
        framed_once = cached(kept, key=framed.cache_key, lock=threading.Lock())(framed.__wrapped__)
        patched.enter_context(mock.patch.object(photos_as_sent, "_framed", framed_once))
        yield


@pytest.fixture(scope="module")
def photos_looked_at_anew():
    """Look at every photo anew: for tests of the looks themselves, and that they say the same again."""
    with ExitStack() as patched:
        for module, look in PHOTO_LOOKS:
            patched.enter_context(mock.patch.object(module, look.__name__, look))
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_same_sound_is_measured_once():
    """Measure sound of the same samples once: a fake composer plays one score to most films, and each is looked at."""

    def once(measure):
        @lru_cache(maxsize=64)
        def of_samples(samples, shape, dtype, options):
            return measure(np.frombuffer(samples, dtype).reshape(shape), **dict(options))

        def measured(sound, **options):
            found = of_samples(sound.tobytes(), sound.shape, sound.dtype, tuple(sorted(options.items())))
            return found.copy() if isinstance(found, np.ndarray) else found

        return measured

    with (
        mock.patch.object(film, "peaks_over_time", once(film.peaks_over_time)),
        mock.patch.object(film, "loudness_of", once(film.loudness_of)),
        mock.patch.object(sound, "loudness_of", once(sound.loudness_of)),
    ):
        yield


LOOKS_FOR_LESS = "b-adapt=0:partitions=none:subme=0:trellis=0:me=dia"
"""Settings with which x264 looks for less, and needs more bits."""


@pytest.fixture
def hanging_fails():
    """Let a test fail that waits for ten seconds, as for the other end of a pipe; pytest's word passes any except."""

    def give_up(_number, _frame):
        pytest.fail("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def quick_pictures():
    """Let x264 look for less: for tests that claim nothing of what pictures cost or how good they are.

    And keep less: as many bits as it would need were often above the ceiling, and the clip was encoded a second time.
    The heads of the streams are the same, so clips made with it join with those made without. Processes that a test
    starts know nothing of it: none for tests that compare bytes with theirs.
    """
    with mock.patch.object(encode, "_SPENT_WELL", f"{LOOKS_FOR_LESS}:qpmin=24"):
        yield


@pytest.fixture(scope="module")
def quick_ledger():
    """Let the ledger flush nothing: for tests that claim nothing of what a power failure leaves (``ledger/`` does)."""
    set_up = database._set_up_sqlite

    def hurried(connection, entry):
        set_up(connection, entry)
        connection.execute("PRAGMA synchronous=OFF")

    with mock.patch.object(database, "_set_up_sqlite", hurried):
        yield


def once_a_run(tmp_path_factory, name, make):
    """Return a folder that the first worker which wants it has made for all; it is read and copied, never changed."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers of this run
    folder, done = base / name, base / f"{name}.made"
    with FileLock(base / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed at it
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def ready_clip(tmp_path_factory):
    """Two seconds of grey in the film's own format."""

    def make(folder):
        frame = np.full_like(empty_frame(FULL_HD), 128)
        with ClipWriter(folder / "grey.mp4", FULL_HD) as writer:
            for number in range(60):
                frame[:20] = 40 + 2 * number
                writer.write(frame)

    return once_a_run(tmp_path_factory, "clip", make) / "grey.mp4"


@pytest.fixture(scope="session")
def eight_photos(tmp_path_factory):
    def make(folder):
        draw_photos(folder / "villa", 8)
        (folder / "villa" / "listing.yaml").write_text("title: Villa Test\nfilm: {clip_seconds: 2}\n")

    return once_a_run(tmp_path_factory, "listing", make) / "villa"


def open_studio(base, ready_clip):
    """Open a studio whose engines are fakes."""
    overrides = {
        "photo_tagger": FakeTagger(),
        "storyboard_writer": FakeWriter(),
        "pair_selector": FakeSelector(),
        "clip_generator": FakeCamera(ready_clip),
        "score_composer": FakeComposer(),
    }
    return Studio(home=base / "home", instance=open_records(base / "dagster"), overrides=overrides)


@pytest.fixture
def luxvid(tmp_path, monkeypatch, capsys):
    """Run the command in this process, with no more of an environment than it is given.

    Returns its exit code, stdout and stderr.
    """

    def run(*arguments, home=tmp_path / "home", **environment):
        capsys.readouterr()
        environ = {"PATH": os.environ["PATH"], "LUXVID_HOME": str(home), **environment}
        monkeypatch.setattr(sys, "argv", ["luxvid", *map(str, arguments)])
        with mock.patch.dict(os.environ, environ, clear=True), pytest.raises(SystemExit) as ended:
            cli.main()
        gc.enable()  # which a command of its own process does without
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A path that this user may not look at, even where the tests run as root."""
    place, look = tmp_path / "locked", os.stat

    def stat(path, *args, **named):
        if isinstance(path, str | os.PathLike) and Path(path).is_relative_to(place):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *args, **named)

    monkeypatch.setattr(os, "stat", stat)
    return place / "x"


@pytest.fixture(scope="session")
def directed_home(tmp_path_factory, eight_photos, ready_clip):
    def make(folder):
        studio = open_studio(folder, ready_clip)
        with studio.instance:
            studio.add(eight_photos)
            studio.direct()

    return once_a_run(tmp_path_factory, "directed", make)


@pytest.fixture(scope="session")
def shot_home(tmp_path_factory, directed_home, ready_clip):
    def make(folder):
        shutil.copytree(directed_home, folder, dirs_exist_ok=True)
        studio = open_studio(folder, ready_clip)
        with studio.instance:
            studio.shoot()
            studio.score()

    return once_a_run(tmp_path_factory, "shot", make)


@pytest.fixture
def studio(tmp_path, eight_photos, ready_clip):
    """A studio that has one listing of eight photos and has done nothing yet."""
    studio = open_studio(tmp_path, ready_clip)
    with studio.instance:
        studio.add(eight_photos)
        yield studio


@pytest.fixture
def directed(tmp_path, directed_home, ready_clip):
    """A studio whose listing has its pairs."""
    shutil.copytree(directed_home, tmp_path / "studio")
    studio = open_studio(tmp_path / "studio", ready_clip)
    with studio.instance:
        yield studio


@pytest.fixture
def shot(tmp_path, shot_home, ready_clip):
    """A studio whose listing has its clips and its score, but no film."""
    shutil.copytree(shot_home, tmp_path / "studio")
    studio = open_studio(tmp_path / "studio", ready_clip)
    with studio.instance:
        yield studio
