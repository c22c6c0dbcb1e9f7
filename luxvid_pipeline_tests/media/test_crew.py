"""Lines of work on shared threads: each in order, all of them done, and one that fails is nobody else's trouble."""

import threading
import time

import pytest

from luxvid_pipeline.media.crew import Crew


def test_each_line_is_worked_on_in_order_and_never_by_two_at_once():
    done = {line: [] for line in range(5)}
    busy = {line: threading.Lock() for line in range(5)}

    def work(line, number):
        assert busy[line].acquire(blocking=False)
        time.sleep(0.0005)
        done[line].append(number)
        busy[line].release()

    with Crew() as crew:
        lines = [crew.line() for _ in done]
        results = [
            line.add(lambda place=place, number=number: work(place, number))
            for number in range(30)
            for place, line in enumerate(lines)
        ]
        for result in results:
            result.result(timeout=20)
    assert all(numbers == list(range(30)) for numbers in done.values())


def test_what_fails_is_told_to_whoever_waits_and_the_rest_goes_on():
    seen = []
    with Crew() as crew:
        one, other = crew.line(), crew.line()
        broken = one.add(lambda: {}["missing"])
        after, beside = one.add(lambda: seen.append("after")), other.add(lambda: seen.append("beside"))
        with pytest.raises(KeyError):
            broken.result(timeout=20)
        after.result(timeout=20)
        beside.result(timeout=20)
    assert sorted(seen) == ["after", "beside"]


def test_a_line_that_is_stopped_ends_what_it_began_and_leaves_out_the_rest():
    begun, may_end, seen = threading.Event(), threading.Event(), []

    def first():
        begun.set()
        may_end.wait(20)
        seen.append("first")

    with Crew() as crew:
        line = crew.line()
        line.add(first)
        second = line.add(lambda: seen.append("second"))
        assert begun.wait(20)
        threading.Timer(0.05, may_end.set).start()
        line.stop()
        assert seen == ["first"]
        assert second.cancelled()
        line.add(lambda: seen.append("third")).result(timeout=20)
    assert seen == ["first", "third"]
