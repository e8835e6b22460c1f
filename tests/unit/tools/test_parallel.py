"""Several things at once."""

from __future__ import annotations

import threading

import pytest

from quorate.tools import parallel


def test_results_come_in_the_items_order() -> None:
    assert parallel.run(lambda n: n * n, range(50), limit=7) == [n * n for n in range(50)]
    assert parallel.run(lambda n: n, []) == []


def test_they_really_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=5)
    assert parallel.run(lambda n: barrier.wait() >= 0, range(3)) == [True] * 3


def test_never_more_than_the_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    parallel.run(work, range(12), limit=3)
    assert most <= 3


def test_the_first_error_is_raised_after_all_have_run() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number in (1, 3):
            raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        parallel.run(work, range(5), limit=1)
    assert done == [0, 1, 2, 3, 4]
