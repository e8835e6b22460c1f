"""Several things at once, and Ctrl-C ends the wait at once.

The standard library's pool finishes what it has begun before an interrupt gets
through, and again before the program may end: a long pull would hold up
everything, the release of the fleet's lock too. These threads are abandoned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(work: Callable[[Item], Result], items: Sequence[Item], *, limit: int = 16) -> list[Result]:
    """`work` of every item, `limit` at a time; the results in the items' order.

    Raises what a `work` raised, the first in the items' order, after all have ended.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}

    def worker() -> None:
        while True:
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                results[index] = work(items[index])
            except BaseException as error:
                errors[index] = error

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(limit, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[index] for index in range(len(items))]
