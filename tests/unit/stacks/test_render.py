"""One service at a time, by the table in tests/cases/stacks/services.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quorate.errors import CheckError, StalePlanError
from quorate.fleet.model import Engine, SecretSource
from quorate.stacks.model import Rendered
from quorate.stacks.render import render, version
from tests.fakes.fleets import DIRECTORY, make_fleet, make_plan, make_server
from tests.unit.stacks.cases import load

TABLE = load("services.yaml")
MISSING = object()


def render_one(case: Mapping[str, Any]) -> Rendered:
    """The case's service alone in a stack."""
    servers = case.get("servers")
    fleet = make_fleet(
        {"stack": {"services": {"it": case["service"]}}},
        servers=servers and [make_server(name, **fields) for name, fields in servers.items()],
        fields={"it": case.get("fields", {})},
        swarm=case.get("swarm"),
    )
    pools = {"it": case["pool"]} if "pool" in case else {}
    return render(fleet, make_plan(fleet, pools=pools, free_memory=case.get("free_memory")))


def at(value: Any, path: str) -> Any:
    """The value at a dotted path, or MISSING."""
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return MISSING
        value = value[key]
    return value


@pytest.mark.parametrize("case", TABLE, ids=[case["case"] for case in TABLE])
def test_service(case: Mapping[str, Any]) -> None:
    (stack,) = render_one(case).stacks
    body = stack.document["services"]["it"]
    for path, wanted in case.get("expect", {}).items():
        found = body.get("deploy", {}).get("labels") if path == "deploy.labels" else at(body, path)
        assert found == wanted, path
    for path in case.get("absent", ()):
        assert at(body, path) is MISSING, path
    notes = case.get("notes", [])
    assert len(stack.warnings) == len(notes), stack.warnings
    for words in notes:
        assert any(words in warning for warning in stack.warnings), words
    if "version" in case:
        assert stack.document["version"] == case["version"]


def test_every_bad_value_is_named() -> None:
    fleet = make_fleet(
        {
            "stack": {
                "services": {
                    "one": {"stop_grace_period": "soon"},
                    "two": {"shm_size": "big"},
                    "three": {"command": "say 'hello"},
                    "four": {"init": "perhaps"},
                }
            }
        }
    )
    with pytest.raises(CheckError) as caught:
        render(fleet, make_plan(fleet))
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_a_plan_without_the_service_is_stale() -> None:
    fleet = make_fleet({"stack": {"services": {"it": {}}}})
    plan = make_plan(fleet).model_copy(update={"services": {}})
    with pytest.raises(StalePlanError, match="it"):
        render(fleet, plan)


def test_compose_stacks_are_not_rendered() -> None:
    fleet = make_fleet({"mail": {"services": {"it": {}}}})
    stacks = tuple(stack.model_copy(update={"engine": Engine.COMPOSE}) for stack in fleet.stacks)
    assert render(fleet.model_copy(update={"stacks": stacks}), make_plan(fleet)).stacks == ()


def test_shared_networks_are_made_by_quorate() -> None:
    joined = {"networks": ["edge"]}
    fleet = make_fleet(
        {
            "one": {
                "services": {"web": joined},
                "networks": {"edge": {"external": {"name": "public"}}},
            },
            "two": {"services": {"api": joined}, "networks": {"edge": {"name": "public"}}},
            "three": {"services": {"own": joined}, "networks": {"edge": {"name": "private"}}},
        }
    )
    rendered = render(fleet, make_plan(fleet))
    assert rendered.networks == {"public": {"encrypted": ""}}
    edges = [stack.document["networks"]["edge"] for stack in rendered.stacks]
    assert edges[:2] == [{"external": True, "name": "public"}] * 2
    assert edges[2]["name"] == "private" and "external" not in edges[2]


def test_networks_stay_plain_where_the_fleet_wants_no_encryption() -> None:
    fleet = make_fleet({"one": {"services": {"web": {}}}}, swarm={"encrypt_networks": False})
    (stack,) = render(fleet, make_plan(fleet)).stacks
    assert stack.document["networks"] == {"default": {"driver": "overlay", "attachable": True}}


def test_one_name_twice_on_a_shared_network_is_told() -> None:
    both = {
        "services": {"db": {"networks": ["net"]}},
        "networks": {"net": {"external": True}},
    }
    fleet = make_fleet(
        {"one": both, "two": both},
    )
    names = {"one": "one/db", "two": "two/db"}
    services = tuple(
        service.model_copy(update={"id": names[service.stack]}) for service in fleet.services
    )
    fleet = fleet.model_copy(update={"services": services})
    rendered = render(fleet, make_plan(fleet))
    assert [len(stack.warnings) for stack in rendered.stacks] == [1, 1]
    assert "also a service of two" in rendered.stacks[0].warnings[0]


def test_secrets_come_from_the_fleet_first_then_from_the_compose_file() -> None:
    fleet = make_fleet(
        {
            "one": {
                "services": {"it": {"secrets": ["a", "b", "c", "d", {"source": "e"}]}},
                "secrets": {
                    "a": {"file": "./a.txt"},
                    "b": {"file": "./b.txt"},
                    "c": {"external": True},
                    "d": {"environment": "D"},
                    "e": {"external": True, "name": "theirs"},
                },
            }
        },
        secrets={"a": SecretSource(environment="A"), "c": SecretSource(command=("pass", "c"))},
    )
    rendered = render(fleet, make_plan(fleet))
    assert rendered.secrets == {
        "a": SecretSource(environment="A"),
        "c": SecretSource(command=("pass", "c")),
        "one_b": SecretSource(file=DIRECTORY / "b.txt"),
        "one_d": SecretSource(environment="D"),
    }
    (stack,) = rendered.stacks
    assert stack.secrets == {"a": "a", "b": "one_b", "c": "c", "d": "one_d"}
    assert stack.document["secrets"]["e"] == {"external": True, "name": "theirs"}


@pytest.mark.parametrize(
    ("text", "expected"), [("20.10", (20, 10)), ("25.0.3", (25, 0)), ("28", (28,)), ("x", (0,))]
)
def test_version(text: str, expected: tuple[int, ...]) -> None:
    assert version(text) == expected
