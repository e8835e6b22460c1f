"""What services really use, from the statistics of the lab's real engines."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios import steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Office

MIB = 2**20
HELD = 60 * MIB
LOOKS = 6
# `tail` keeps all of a line that does not end; the loop keeps one thread busy.
BUSY = f"timeout 90 sh -c 'while :; do :; done' & (head -c {HELD} /dev/zero; sleep 90) | tail -n 1"


def measured(shop: Office, file: Path) -> dict[str, Any]:
    """What a measurement file holds."""
    found = json.loads(file.read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.drill
def test_a_service_that_works_is_told_from_those_that_idle(shop: Office, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    file = tmp_path / "measured.json"
    worker = shop.start(
        "exec", "--fleet", str(shop.fleet), "--lab", "worker", "--", "sh", "-c", BUSY
    )
    try:
        time.sleep(5)
        report = shop.json(
            *("measure", str(shop.fleet), "--lab", "-o", str(file)),
            *("--samples", str(LOOKS), "--interval", "2s"),
            timeout=120,
        )
    finally:
        shop.quorate(
            *("exec", "--fleet", str(shop.fleet), "--lab", "worker", "--"),
            *("sh", "-c", "kill $(pidof tail) $(pidof timeout) $(pidof head); true"),
            code=None,
        )
        steps.its_end(worker, within=120)
    found = measured(shop, file)
    assert found["unseen"] == [] and found["strangers"] == [] and found["lost"] == {}
    services = found["services"]
    busy, idle = services["worker"], services["mailer"]
    assert HELD <= busy["memory"]["busiest"]["peak"] < 2 * HELD
    assert idle["memory"]["busiest"]["p50"] < HELD / 2
    assert busy["cpu"]["busiest"]["p50"] > 0.2 > idle["cpu"]["mean"]["p50"]
    assert busy["cpu"]["busiest"]["peak"] < 2.5, "it has one busy loop"
    assert idle["tasks"] == 4 and len(idle["servers"]) == 4
    assert 2 <= services["exporter"]["memory"]["samples"] <= LOOKS
    assert found["source"] == {"kind": "engine", "where": "", "queries": {}, "lab": True}
    flags = {row["service"]: row["flags"] for row in report["rows"]}
    assert "few samples" in flags["worker"]
    assert report["suggestions"] == {}
    plan = shop.json("plan", str(shop.fleet), "--lab", "--measured", str(file))
    assert plan["measured"]["left"]["worker"] == "too few samples"


def test_an_interrupt_keeps_what_was_sampled(shop: Office, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    file = tmp_path / "measured.json"
    verb = shop.start(
        *("measure", str(shop.fleet), "--lab", "-o", str(file)),
        *("--samples", "1000", "--interval", "1s"),
    )
    steps.when_it_says(verb, "looking at the containers")
    time.sleep(12)
    os.killpg(verb.pid, signal.SIGINT)
    code, said = steps.its_end(verb, within=30)
    assert code == steps.INTERRUPTED, said
    assert "Traceback" not in said
    assert f"measurement written to {file}" in said
    found = measured(shop, file)
    assert found["interrupted"] is True
    assert 1 <= found["services"]["web"]["memory"]["samples"] < 30
    assert found["lost"] == {}, "what is closed at the end is not lost"


@pytest.mark.drill
def test_a_server_without_power_is_named_and_holds_up_nobody(shop: Office, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    file = tmp_path / "measured.json"
    shop.quorate("lab", "power-off", "four", str(shop.fleet))
    try:
        shop.quorate(
            *("measure", str(shop.fleet), "--lab", "-o", str(file)),
            *("--samples", "4", "--interval", "1s"),
            timeout=120,
        )
        found = measured(shop, file)
        assert set(found["lost"]) == {"four"}
        assert "files" in found["unseen"], "its data keeps it on that server"
        assert found["services"]["web"]["memory"]["samples"] >= 2
    finally:
        shop.quorate("lab", "power-on", "four", str(shop.fleet))
    steps.up(shop)
