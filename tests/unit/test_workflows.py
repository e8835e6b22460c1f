"""What a verb makes of what the swarm says now, over a fake of where records are kept."""

from __future__ import annotations

from typing import Any

import pytest

from quorate import workflows
from quorate.deploy import record
from quorate.deploy.record import RecordContent
from quorate.fleet.model import Fleet
from quorate.recover.moving.homes import Home, rehomed
from tests.fakes.configs import FakeConfigs
from tests.fakes.fleets import make_fleet, make_server

SERVERS = ("one", "two")
ROWS: dict[str, Any] = {"image": "postgres", "volumes": ["rows:/var/lib/postgresql/data"]}
FLEET: Fleet = make_fleet(
    {"shop": {"services": {"db": ROWS, "web": {}}}},
    servers=[make_server(name) for name in SERVERS],
)


def at(server: str) -> str:
    return f"node.hostname=={server}"


def deployed(**homes: str) -> RecordContent:
    """What an `up` leaves in the history, with each service held at its home."""
    held: dict[str, str | None] = {name: at(home) for name, home in homes.items()}
    bodies = {
        name: {"image": name, "deploy": {"placement": {"constraints": [at(home)]}}}
        for name, home in homes.items()
    }
    return RecordContent(
        fleet="office",
        stacks={"shop": {"services": bodies}},
        homes={name: (home,) for name, home in homes.items()},
        home_constraints=held,
        pool_constraints=held,
        plan={
            "services": {
                name: {"stack": "shop", "name": name, "home": home, "homes": [home], "pool": [home]}
                for name, home in homes.items()
            }
        },
    )


def kept(swarm: Any, content: RecordContent) -> None:
    record.mark(swarm, record.write(swarm, content), "healthy")


def moved(content: RecordContent, name: str, server: str) -> RecordContent:
    home = Home(service=name, stack="shop", name=name, servers=(server,))
    return rehomed(content, [home], SERVERS)


@pytest.mark.parametrize("number", [None, 1])
def test_going_back_leaves_data_where_a_move_has_brought_them(number: int | None) -> None:
    swarm: Any = FakeConfigs()
    first = deployed(db="one", web="one")
    kept(swarm, first)
    kept(swarm, moved(moved(first, "db", "two"), "web", "two"))
    said: list[str] = []
    entry, content = workflows.going_back(swarm, FLEET, number, said.append)
    assert entry.number == 1
    assert content.homes == {"db": ("two",), "web": ("one",)}
    assert content.home_constraints == {"db": at("two"), "web": at("one")}
    body = content.stacks["shop"]["services"]["db"]
    assert body["deploy"]["placement"]["constraints"] == [at("two")]
    assert content.plan["services"]["db"]["home"] == "two"
    assert said == ["db stays on two with its data; deployment 1 had it on one"]


def test_going_back_over_no_move_deploys_what_was_deployed() -> None:
    swarm: Any = FakeConfigs()
    first = deployed(db="one", gone="two")
    kept(swarm, first)
    kept(swarm, deployed(db="one", web="two"))
    said: list[str] = []
    assert workflows.going_back(swarm, FLEET, None, said.append)[1] == first and said == []


def test_data_that_are_on_several_servers_are_left_to_the_plan_of_then() -> None:
    swarm: Any = FakeConfigs()
    first, later = deployed(db="one"), deployed(db="two")
    several = later.model_copy(update={"homes": {"db": ("one", "two")}})
    kept(swarm, first)
    kept(swarm, several)
    assert workflows.going_back(swarm, FLEET, None, lambda text: None)[1] == first
