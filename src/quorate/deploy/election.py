"""A swarm that has no leader for a moment: what it refused meanwhile is asked again.

Managers elect anew when the leader is lost, and when a manager is back that
deposes it (docs/adr/0019); until then every call fails. A long deployment
must not end because of those seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from quorate.errors import CommandError, EngineError
from quorate.observe.connect import NO_LEADER_WORDS
from quorate.tools import clock

ELECTION_SECONDS = 120.0
"""How long to ask again, from the first refusal on: a manager takes up to 30 s to say that it finds
no leader, and a returned one may cost several elections (seen: over 45 s without a leader)."""
POLL_SECONDS = 1.0

Answer = TypeVar("Answer")
Say = Callable[[str], None]


def through_election(call: Callable[[], Answer], say: Say) -> Answer:
    """What `call` returns; it must be safe to repeat.

    Raises:
        EngineError, CommandError: what it raised last, when the swarm found no leader in
            `ELECTION_SECONDS`; anything else that it raises, at once.
    """
    deadline: float | None = None
    while True:
        try:
            return call()
        except (EngineError, CommandError) as error:
            if not passes(error) or (deadline is not None and clock.monotonic() >= deadline):
                raise
        if deadline is None:
            say("the swarm has no leader for the moment: waiting for it to elect one")
            deadline = clock.monotonic() + ELECTION_SECONDS
        clock.sleep(POLL_SECONDS)


def passes(error: EngineError | CommandError) -> bool:
    """Whether an engine's own words say that it only misses a leader. Pure."""
    said = f"{error.what} {error.cause or ''}"
    return any(words in said for words in NO_LEADER_WORDS)
