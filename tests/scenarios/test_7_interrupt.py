"""Ctrl-C at any point of `up`; then `up` again: everything is there, once, and at home."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.scenarios import steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill

POINTS = (
    "looking at the servers",
    "comparing with what runs",
    "pulling",
    "making networks, secrets",
    "deploying",
    "services handed to Swarm",
    "services healthy",
    "services free to fail over",
)


def interrupted_at(shop: Office, point: str, release: str) -> None:
    """Start `up` and press Ctrl-C: its whole process group gets the signal, as on a terminal."""
    verb = shop.start("up", str(shop.fleet), "--lab", "--yes", environment={"RELEASE": release})
    said = steps.when_it_says(verb, point)
    os.killpg(verb.pid, signal.SIGINT)
    code, rest = steps.its_end(verb, within=60)
    assert "Traceback" not in rest, said + rest
    assert code == steps.INTERRUPTED, said + rest
    assert rest.rstrip().endswith("interrupted")


@pytest.mark.parametrize("number", range(len(POINTS)), ids=POINTS)
def test_an_update_is_interrupted(shop: Office, number: int) -> None:
    steps.given_deployed(shop)
    release = f"interrupted-{number}"
    interrupted_at(shop, POINTS[number], release=release)
    steps.then_no_lock_is_left(shop)
    steps.up(shop, environment={"RELEASE": release})
    steps.then_all_at_home(shop)


def test_the_first_up_is_interrupted(shop: Office) -> None:
    """With nothing deployed, while the second of three stacks is on its way."""
    shop.quorate("down", str(shop.fleet), "--lab", "--yes", timeout=240)
    interrupted_at(shop, "stack data: ", release="from nothing")
    steps.then_no_lock_is_left(shop)
    steps.up(shop)
    steps.then_all_at_home(shop)
