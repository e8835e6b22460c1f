"""A search that says how it is doing, and that Ctrl-C ends with the best found so far."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

from quorate.entry.cli.main import INTERRUPTED as INTERRUPTED

if TYPE_CHECKING:
    from quorate.plan.model import Plan

AFTER_SECONDS = 1.0
"""A search that takes longer than this says how it is doing."""

LINE_SECONDS = 2.0
"""Between two lines where there is no terminal."""

NOTHING_SECONDS = 6.0
NOTHING = "nothing found yet (the first search on a machine compiles for up to a minute)"
"""What is said of a search that has not told anything for so long: it has not hung."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; a second one ends the program as always."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    # Only the main thread may; elsewhere (a test, a server) nobody presses Ctrl-C.
    ours = current_thread() is main_thread()
    if ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


@contextmanager
def searching() -> Iterator[Callable[[float, float], None]]:
    """What to tell cost and bound: a live line on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        said, unsaid = _lines()
        with _later(NOTHING_SECONDS, unsaid):
            yield said
        return
    from quorate.entry.cli.output import console

    status = console(stderr=True).status("planning")
    told = False

    def tell(cost: float, bound: float) -> None:
        nonlocal told
        told = True
        status.update(f"planning: {state(cost, bound)} (Ctrl-C takes this one)")

    def nothing() -> None:
        if not told:
            status.update(f"planning: {NOTHING}")

    try:
        with _later(AFTER_SECONDS, status.start), _later(NOTHING_SECONDS, nothing):
            yield tell
    finally:
        status.stop()  # once no timer can start it any more


@contextmanager
def _later(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call it after so long, unless the block has ended by then."""
    timer = Timer(seconds, call)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _lines() -> tuple[Callable[[float, float], None], Callable[[], None]]:
    """What to tell cost and bound, and what to call when nothing was told for a while."""
    started = time.monotonic()
    last = started + AFTER_SECONDS - LINE_SECONDS
    told = False

    def nothing() -> None:
        if not told:
            sys.stderr.write(f"[{time.monotonic() - started:6.1f}s] planning: {NOTHING}\n")

    def tell(cost: float, bound: float) -> None:
        nonlocal last, told
        told = True
        now = time.monotonic()
        if now - last >= LINE_SECONDS:
            last = now
            sys.stderr.write(f"[{now - started:6.1f}s] planning: {state(cost, bound)}\n")

    return tell, nothing


def state(cost: float, bound: float) -> str:
    """`cost 45,899, at best 40,000 (gap 12.9%)`."""
    gap = (cost - bound) / max(1.0, abs(cost))
    return f"cost {cost:,.0f}, at best {bound:,.0f} (gap {gap:.1%})"


def said_of(plan: Plan) -> str:
    """What a plan that was stopped is, in a sentence."""
    if plan.status == "optimal":
        return "the plan was proven optimal by then"
    return f"this is the best plan found by then: {state(plan.objective, plan.bound)}"
