"""`quorate explain`: every server, every margin checked, and what would have to change."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from quorate.entry.cli.explain_view import render
from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import QuorateError, UsageError
from quorate.fleet.model import Fleet, Mode, Port
from quorate.fleet.read import read_fleet
from quorate.plan.account import Account, account
from quorate.plan.solve import make_plan
from quorate.plan.verify import violations
from tests.unit.plan.builders import GIB, data, fleet, server, service

pytestmark = pytest.mark.slow

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE)


def explain(one: Fleet, name: str, to: str | None = None) -> Account:
    return account(one, make_plan(one), name, server=to)


def margin(found: Account, what: str) -> Any:
    return next(m for m in found.margins if m.what == what)


def test_every_other_server_has_a_rule_or_a_price() -> None:
    found = explain(
        fleet(
            [server("a"), server("b"), server("c", memory=1)],
            [service("db", memory=2, pins=("a", "c"), **data()), service("web", needs=("db",))],
        ),
        "web",
    )
    assert {one.server for one in found.elsewhere} == {"b", "c"}
    assert all((one.rule is None) is (one.points is not None) for one in found.elsewhere)
    assert found.next_best in {"b", "c"}
    for one in found.elsewhere:
        assert sum(one.terms.values()) == (one.points or 0)


def test_the_margin_is_what_is_left_and_is_checked() -> None:
    found = explain(fleet([server("a", memory=8)], [service("x", memory=3), service("y")]), "x")
    memory = margin(found, "memory it uses")
    assert memory.may_grow == 4 * GIB
    assert memory.neighbours == 4 * GIB
    assert all(one.verified for one in found.margins)


def test_the_margin_of_each_replica_is_its_share() -> None:
    one = fleet([server("a", memory=8)], [service("x", memory=1, replicas=3)])
    memory = margin(explain(one, "x"), "memory it uses")
    assert memory.may_grow == pytest.approx(5 * GIB / 3, abs=2**20)
    assert memory.verified


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)
@given(
    memories=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    sizes=st.lists(st.integers(8, 24), min_size=2, max_size=3),
)
def test_growing_by_the_margin_keeps_the_rules_and_beyond_breaks_them(
    memories: list[int], sizes: list[int]
) -> None:
    """Judged by the check of plans that shares no code with the solver."""
    servers = [server(f"s{i}", memory=size) for i, size in enumerate(sizes)]
    services = [service(f"x{i}", memory=m / 2) for i, m in enumerate(memories)]
    one = fleet(servers, services)
    try:
        plan = make_plan(one)
    except QuorateError:
        return
    found = margin(account(one, plan, "x0"), "memory it uses")

    def grown(by: float) -> Fleet:
        load = services[0].load
        changed = services[0].model_copy(
            update={"load": load.model_copy(update={"memory": load.memory + int(by)})}
        )
        return one.model_copy(update={"services": (changed, *services[1:])})

    assert violations(grown(found.may_grow), plan) == ()
    assert violations(grown(found.may_grow + 2**20), plan) != ()


def test_a_pin_and_a_constraint_have_to_go(office: Fleet) -> None:
    found = explain(office, "gitlab", "gmktec").why_not
    assert found is not None
    assert [step.rule for step in found.steps] == ["pin", "constraint", "near", "near"]
    assert all(step.verified for step in found.steps)
    assert found.allowed
    assert not found.moves_then
    assert found.points == sum(found.extra.values()) > 0
    memory = next(turn for turn in found.turns if turn.what == "memory of gmktec")
    assert memory.verified
    assert memory.needed > memory.now == 28


def test_the_figure_named_does_move_it(office: Fleet) -> None:
    """Judged by planning anew, steps taken by hand."""
    found = explain(office, "gitlab", "gmktec").why_not
    assert found is not None
    gitlab = office.service("gitlab").model_copy(update={"pins": (), "constraints": (), "near": ()})
    services = tuple(gitlab if s.id == "gitlab" else s for s in office.services)

    def planned(gib: float) -> str:
        servers = tuple(
            s.model_copy(update={"memory": int(gib * GIB)}) if s.name == "gmktec" else s
            for s in office.servers
        )
        changed = office.model_copy(update={"services": services, "servers": servers})
        return make_plan(changed).services["gitlab"].home

    needed = next(turn.needed for turn in found.turns if turn.what == "memory of gmktec")
    assert planned(needed) == "gmktec"
    assert planned(28) == "hppavilion"


def test_shared_data_is_not_divided(office: Fleet) -> None:
    found = explain(office, "appwrite", "wsasus").why_not
    assert found is not None
    assert found.allowed
    assert "appwrite-worker-deletes" in found.along
    assert "openruntimes-executor" in found.along


def test_too_little_memory_names_how_much_is_needed() -> None:
    one = fleet([server("a", memory=16), server("b", memory=2)], [service("x", memory=6)])
    found = explain(one, "x", "b").why_not
    assert found is not None
    assert found.allowed
    assert found.steps[0].rule == "capacity:reserved memory"
    assert "give b 6.0 GiB of memory instead of 2.0 GiB" in found.steps[0].change
    bigger = one.model_copy(update={"servers": (server("a", memory=16), server("b", memory=6))})
    assert make_plan(bigger), "with that it fits"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"apart": ("other",)}, "apart"),
        ({"ports": (Port(target=80, published=80, mode="host"),)}, "host-port"),
    ],
)
def test_other_rules_in_the_way(fields: dict[str, Any], kind: str) -> None:
    port = fields.get("ports", ())
    one = fleet(
        [server("a"), server("b")],
        [service("x", **fields), service("other", pins=("b",), ports=port)],
    )
    found = explain(one, "x", "b").why_not
    assert found is not None
    assert [step.rule for step in found.steps] == [kind]
    assert found.allowed


def test_a_task_may_not_share_when_one_is_the_most() -> None:
    one = fleet(
        [server("a"), server("b")],
        [service("x", replicas=2, max_replicas_per_node=1), service("y", replicas=2)],
    )
    with pytest.raises(UsageError, match="is there"):
        explain(one, "x", "b")


def test_global_and_idle_services() -> None:
    one = fleet(
        [server("a", role="manager"), server("b")],
        [
            service("everywhere", mode=Mode.GLOBAL, constraints=("node.role==manager",)),
            service("idle", replicas=0),
        ],
    )
    found = explain(one, "everywhere", "b")
    assert found.margins == ()
    assert found.why_not is not None
    assert "node.role==manager" in found.why_not.steps[0].change
    assert explain(one, "idle").homes == ()
    with pytest.raises(UsageError, match="runs nowhere"):
        explain(one, "idle", "b")


def test_a_compose_stack_moves_whole(office: Fleet) -> None:
    found = explain(office, "nginx-mailcow", "hpr")
    assert {one.rule for one in found.elsewhere} == {"compose"}
    assert found.why_not is not None
    assert "server: hpr" in found.why_not.steps[0].change


def run(*arguments: str) -> Any:
    return CliRunner().invoke(build(), ["explain", *arguments])


@pytest.mark.parametrize(
    "arguments",
    [("gitlab",), ("ws-trades", "--why-not", "hpr"), ("cadvisor",), ("mailcow/nginx-mailcow",)],
)
def test_json_is_what_its_schema_says(arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    result = run(name, str(OFFICE), *rest, "--json")
    assert result.exit_code == 0, result.output
    jsonschema.validate(json.loads(result.stdout), schema("explain"))


@pytest.mark.parametrize("width", [80, 130])
@pytest.mark.parametrize("name", ["gitlab", "ws-trades", "ws-gateway", "cadvisor"])
def test_the_text_fits_a_terminal(office: Fleet, name: str, width: int) -> None:
    to = None if name == "cadvisor" else "hpr"
    out = StringIO()
    render(explain(office, name, to), Console(file=out, width=width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith(f"{name} is on")


def test_every_service_of_the_office(office: Fleet) -> None:
    plan = make_plan(office)
    kinds: Counter[bool] = Counter()
    for one in office.services:
        found = account(office, plan, one.id)
        kinds.update(m.verified for m in found.margins)
        assert len(found.elsewhere) == len(office.servers) - len(set(found.homes))
    assert set(kinds) == {True}


BAD = [
    (("gitlba", str(OFFICE)), "no service is called gitlba"),
    (("gitlab", str(OFFICE), "--why-not", "gmktek"), "no server is called gmktek"),
    (("gitlab", str(OFFICE), "--why-not", "hppavilion"), "gitlab is there"),
]


@pytest.mark.parametrize(("arguments", "what"), BAD)
def test_slips(arguments: tuple[str, ...], what: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert what in result.exception.what
