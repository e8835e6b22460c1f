"""Servers become managers and workers; a fifth one comes, the fourth goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quorate.fleet.model import Role
from quorate.lab import nodes
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office


def server(office: Office, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What `quorate server …` prints with `--json`."""
    said = office.json(
        *("server", *arguments, "--fleet", str(office.fleet), "--lab", "--yes"),
        timeout=400, code=code,
    )  # fmt: skip
    assert isinstance(said, dict)
    print({one["step"]: one["seconds"] for one in said.get("entries", ())})
    return said


def managers(office: Office) -> tuple[list[str], list[str]]:
    """By the swarm, reached ones only; and by the fleet file."""
    seen = live.snapshot(office)
    real = sorted(n.hostname for n in seen.nodes if n.reachability == "reachable")
    return real, sorted(s.name for s in live.fleet_of(office).servers if s.role is Role.MANAGER)


@pytest.mark.drill
def test_a_worker_in_place_of_a_manager_and_back(shop: Office) -> None:
    steps.given_deployed(shop)
    text = shop.fleet.read_text()
    refused = server(shop, "promote", "four", code=8)
    assert "4 managers in place of 3" in refused["what"]
    server(shop, "promote", "four", "--instead-of", "three")
    assert managers(shop) == (["four", "one", "two"],) * 2
    server(shop, "demote", "four", "--instead", "three")
    assert managers(shop) == (["one", "three", "two"],) * 2
    assert shop.fleet.read_text() == text
    steps.then_no_lock_is_left(shop)


@pytest.mark.drill
def test_a_fifth_server_comes_and_the_fourth_goes(shop: Office) -> None:
    steps.given_deployed(shop)
    text = shop.fleet.read_text()
    data = shop.fleet.parent / "data.yaml"
    stack = data.read_text()
    try:
        server(shop, "add", "five", "--memory", "1G", "--cpus", "2", "--label", "rack=b")
        seen = live.snapshot(shop)
        (five,) = (n for n in seen.nodes if n.hostname == "five")
        assert five.ready and five.role == "worker" and five.labels["rack"] == "b"
        refused = server(shop, "remove", "four", code=8)
        assert "pin" in refused["cause"] or "four" in refused["cause"]
        # What is pinned to it gets another place first, and its data stays behind on purpose.
        data.write_text(
            stack.replace("pin: four}", "pin: five}").replace("[four, one]", "[five, one]")
        )
        steps.up(shop)
        kept = server(shop, "remove", "four", code=8)
        assert "data_pages" in kept["cause"]
        server(shop, "remove", "four", "--leave-volume", "data_pages")
        seen = live.snapshot(shop)
        assert sorted(n.hostname for n in seen.nodes) == ["five", "one", "three", "two"]
        assert "four" not in {one.name for one in live.fleet_of(shop).servers}
        steps.then_nothing_is_duplicated(seen)
        undone = shop.json(
            *("operations", "undo", journal(shop), "--fleet", str(shop.fleet), "--lab", "--yes"),
            timeout=400,
        )
        assert undone["state"] == "undone"
        assert any(n.hostname == "four" and n.ready for n in live.snapshot(shop).nodes)
    finally:
        data.write_text(stack)
        shop.fleet.write_text(text)
        shop.quorate("lab", "up", str(shop.fleet), timeout=300)
        lab = live.lab_of(shop)
        assert "five" not in {node.server for node in lab.nodes}
        forget_dead(shop)
    steps.up(shop)
    steps.then_all_at_home(shop)


def journal(office: Office) -> str:
    """The newest operation's id."""
    found = office.json("operations", "list", "--fleet", str(office.fleet), "--lab")
    return str(found["operations"][-1]["id"])


def forget_dead(office: Office) -> None:
    """Remove what the swarm lists of servers that the fleet does not have."""
    known = {s.name for s in live.fleet_of(office).servers}
    for node in live.snapshot(office).nodes:
        if node.hostname not in known:
            nodes.execute(live.lab_of(office), "one", "docker", "node", "rm", "-f", node.id)
