"""One writer at a time, and a writer that dies stops nobody."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from quorate.tools import process
from tests.scenarios import steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

LOCKED = 7  # exit code, docs/reference/cli.md
UP = ("--lab", "--yes")


def test_two_at_once(shop: Office) -> None:
    """One works; of the others one leaves, saying who works, and one waits and then works."""
    steps.given_deployed(shop)
    release = {"RELEASE": "two at once"}
    first = shop.start("up", str(shop.fleet), *UP, environment=release)
    waiting = None
    try:
        steps.when_it_says(first, "making networks, secrets")
        os.kill(first.pid, signal.SIGSTOP)  # in the midst of it, for as long as the test wants
        said = steps.up(shop, code=LOCKED, environment=release)
        for words in (process.user_name(), process.host_name(), str(first.pid), "`quorate up`"):
            assert words in said

        waiting = shop.start("up", str(shop.fleet), *UP, "--wait", "200", environment=release)
        steps.when_it_says(waiting, f"process {first.pid}")
        os.kill(first.pid, signal.SIGCONT)
        assert steps.its_end(first)[0] == 0
        assert steps.its_end(waiting)[0] == 0
    finally:
        for verb in (first, waiting):
            if verb is not None and verb.poll() is None:
                verb.kill()
                verb.communicate()
    steps.then_no_lock_is_left(shop)
    steps.then_all_at_home(shop)


def test_the_lock_of_a_killed_one_is_taken_over(shop: Office) -> None:
    release = {"RELEASE": "killed midway"}
    first = shop.start("up", str(shop.fleet), *UP, environment=release)
    steps.when_it_says(first, "services handed to Swarm")
    first.kill()
    first.communicate()

    said = steps.up(shop, environment=release)
    assert "taking over a stale lock" in said
    assert str(first.pid) in said
    steps.then_no_lock_is_left(shop)
    steps.then_all_at_home(shop)
