"""The cache keeps its limit by what was not used for longest, and takes nothing from under a reader."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from luxvid_pipeline.io_managers.cache import FileCache
from luxvid_pipeline.io_managers.store import MediaStore

ROOT = Path(__file__).parents[2]
NAMES = [f"scene_clips/villa/{number}.mp4" for number in range(6)]


@pytest.fixture
def base(tmp_path):
    base = f"memory://{tmp_path.name}/media"
    store = MediaStore(base, tmp_path / "elsewhere")
    for number, name in enumerate(NAMES):
        store.put_bytes(bytes([number]) * 1000, name)
    return base


def cached(cache):
    return {path.name for path in (cache / "files").rglob("*.mp4")}


def use(base, cache, *names, limit_bytes=3000):
    """Read files with a store of their own, in order, and let go of them."""
    for name in names:
        MediaStore(base, cache, cache_limit_bytes=limit_bytes).open(name)
        time.sleep(0.01)


def test_what_was_not_used_for_longest_goes_first(base, tmp_path):
    cache = tmp_path / "cache"
    use(base, cache, *NAMES[:3])
    use(base, cache, NAMES[0], NAMES[3])
    # One of the three has to go for the fourth, and it is not the one that was read again.
    assert cached(cache) >= {"0.mp4", "3.mp4"}
    assert len(cached(cache)) == 3
    assert "1.mp4" not in cached(cache)


def test_files_in_use_stay_even_where_they_are_more_than_the_limit(base, tmp_path):
    cache = tmp_path / "cache"
    holder = MediaStore(base, cache, cache_limit_bytes=3000)
    held = [holder.open(name) for name in NAMES[:5]]
    use(base, cache, NAMES[5])
    assert all(path.is_file() for path in held)
    del holder
    use(base, cache, NAMES[5])
    FileCache(cache, 3000).shrink()
    assert len(cached(cache)) == 3


def test_a_file_in_use_by_another_process_stays_until_that_process_ends(tmp_path):
    cache = tmp_path / "cache"
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from luxvid_pipeline.io_managers.cache import FileCache
        cache = FileCache(Path(sys.argv[1]), 10)
        cache.place("a" * 64, "v", "held.mp4").write_bytes(b"x" * 1000)
        print("held", flush=True)
        sys.stdin.read()
    """)
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert holder.stdout.readline()
    ours = FileCache(cache, 10)
    assert ours.shrink() == 0
    assert cached(cache) == {"held.mp4"}
    holder.kill()
    holder.communicate()
    assert ours.shrink() == 1000
    assert cached(cache) == set()


def test_a_workshop_goes_as_a_whole_and_only_when_nobody_works_in_it(tmp_path):
    cache = FileCache(tmp_path, 10)
    shop = cache.workshop("listing_photos/villa")
    shop.mkdir(parents=True)
    (shop / "a.jpg").write_bytes(b"x" * 100)
    assert cache.shrink() == 0
    del cache
    assert FileCache(tmp_path, 10).shrink() == 100
    assert not shop.exists()


def test_scratch_space_of_killed_processes_is_swept_after_a_day_and_not_before(tmp_path):
    cache = FileCache(tmp_path, 10)
    old, new = cache.scratch(), cache.scratch()
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    cache.shrink()
    assert (old.exists(), new.exists()) == (False, True)


def test_many_processes_that_read_and_evict_never_miss_a_file(tmp_path):
    cache = tmp_path / "cache"
    program = textwrap.dedent("""
        import hashlib, os, random, sys
        from pathlib import Path
        from luxvid_pipeline.io_managers.cache import FileCache
        root = Path(sys.argv[1])
        random.seed(sys.argv[2])
        for _ in range(400):
            cache = FileCache(root, 3000)
            number = random.randrange(8)
            path = cache.place(hashlib.sha256(bytes([number])).hexdigest(), "v", "a.bin")
            if not path.is_file():
                part = path.with_name(f".{os.getpid()}")
                part.write_bytes(bytes([number]) * 1000)
                part.replace(path)
                cache.has_grown(1000)
            assert path.read_bytes() == bytes([number]) * 1000
    """)
    readers = [subprocess.Popen([sys.executable, "-c", program, str(cache), str(seed)], cwd=ROOT) for seed in range(3)]
    assert [reader.wait(60) for reader in readers] == [0, 0, 0]
    FileCache(cache, 3000).shrink()
    assert sum(path.stat().st_size for path in (cache / "files").rglob("*.bin")) <= 3000
