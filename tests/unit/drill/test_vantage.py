"""From where services can be asked: only where a task of their own network runs."""

from __future__ import annotations

from dataclasses import replace

from quorate.drill.listening import Target
from quorate.drill.vantage import networks_of
from tests.unit.drill.shop import seen


def test_a_prober_joins_only_what_its_server_has_and_those_that_reach_most_come_first() -> None:
    made = seen({"web": "aw", "api": "w", "db": "b"})
    inside = {"web": ["front"], "api": ["front", "back"], "db": ["back"]}
    services = tuple(
        replace(
            s, spec={"TaskTemplate": {"Networks": [{"Target": f"id-{n}"} for n in inside[s.id]]}}
        )
        for s in made.services
    )
    networks = {name: {"id": f"id-{name}", "attachable": True} for name in ("front", "back")}
    snapshot = replace(made, services=services, networks=networks)
    names = {service.id: service.name for service in services}
    targets = [Target(service=n, host=names[n], port=80, kind="http") for n in ("web", "api", "db")]
    found = networks_of(snapshot, targets, ["a", "b", "c", "w"])
    assert found == {
        "w": {"back": (1, 2), "front": (0, 1)},
        "a": {"front": (0, 1)},
        "b": {"back": (1, 2)},
        "c": {},
    }
    assert next(iter(found)) == "w"
    here = Target(service="web", host=names["web"], port=80, kind="http", local=True)
    assert networks_of(snapshot, [*targets, here], ["a", "b", "w"]) == {
        "w": {"back": (1, 2), "front": (0, 1), "host": (3,)},
        "a": {"front": (0, 1), "host": (3,)},
        "b": {"back": (1, 2)},
    }
