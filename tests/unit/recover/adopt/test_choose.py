"""The steps of an adoption, what is refused, and that nothing is stopped that is not started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate.errors import RefusedError, UsageError
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.recover.adopt.choose import (
    JOIN,
    READY,
    RECORD,
    START,
    STOP,
    Scene,
    choose,
    finishing,
    image_to_deploy,
)
from quorate.recover.adopt.model import Adopted, Found, KeptContainer
from quorate.recover.adopt.part import fleet_part, plan_part, rendered_part
from quorate.recover.model import Operation
from tests.unit.recover.adopt import made
from tests.unit.recover.adopt.made import D, volume

ALL = ("db", "cache", "api", "tool", "web")


def adopted(operation: Operation) -> list[Adopted]:
    return [Adopted.model_validate(one) for one in operation.facts["adopted"]]


def ids(operation: Operation) -> list[str]:
    return [step.id for step in operation.steps]


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    fleet = made.fleet(tmp_path)

    def with_changes(**changes: Found) -> Scene:
        return made.scene(fleet, *(made.containers() | changes).values())

    return with_changes


def test_each_is_stopped_and_started_in_turn_databases_first(scene: Callable[..., Scene]) -> None:
    operation = choose(scene())
    order = [one.id for one in adopted(operation)]
    assert set(order[:2]) == {"db", "cache"}
    assert order.index("api") < order.index("web")
    in_turn = [name for one in order for name in (f"{STOP}{one}", f"{START}{one}")]
    assert ids(operation) == [READY, JOIN, *in_turn, RECORD]
    assert all(step.back and not step.final for step in operation.steps)
    says = {step.id: step.says for step in operation.steps}
    assert "app-db-1 on two" in says["stop:db"]
    assert "on two with app_rows" in says["start:db"]
    assert "old-keys" in says["start:cache"]
    assert operation.subject == "two"
    assert (operation.loses, finishing(adopted(operation)).final) == ("", True)


def test_what_runs_is_what_is_deployed_and_noted_for_the_way_back(
    scene: Callable[..., Scene],
) -> None:
    by_id = {one.id: one for one in adopted(choose(scene()))}
    assert by_id["web"].image == f"nginx:1.27@{D}"
    assert by_id["api"].image == "shop/api:1"
    (kept,) = by_id["db"].containers
    assert kept == KeptContainer(
        id="id-db",
        name="app-db-1",
        server="two",
        restart="always",
        joins={"app-services": ("db", "app-db-1")},
    )


def test_networks_are_made_before_and_none_that_is_there(scene: Callable[..., Scene]) -> None:
    found = choose(scene()).facts["networks"]
    assert [(one["name"], one["stack"]) for one in found] == [("app-services", "app")]
    seen = Snapshot(taken_at=datetime.now(UTC), networks={"app-services": {"driver": "overlay"}})
    assert choose(replace(scene(), snapshot=seen)).facts["networks"] == []


def test_names_choose(scene: Callable[..., Scene]) -> None:
    operation = choose(scene(), ["cache"])
    assert ids(operation) == [READY, JOIN, "stop:cache", "start:cache", RECORD]
    assert operation.subject == "cache"
    with pytest.raises(UsageError, match="no service is called nobody"):
        choose(scene(), ["nobody"])
    with pytest.raises(UsageError, match="no container that runs outside"):
        choose(made.scene(scene().fleet))
    with pytest.raises(UsageError, match="of the service db"):
        choose(made.scene(scene().fleet, made.containers()["web"]), ["db"])


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("db", {"removed_on_stop": True}, "started with `--rm`"),
    ("db", {"server": "three"}, "pin: three"),
    ("db", {"image": "postgres:17", "tags": ("postgres:17",)}, "adopt what runs"),
    ("db", {"mounts": (volume("other", "/var/lib/postgresql/data"),)}, "has app_rows there"),
    (
        "db",
        {"mounts": (volume("app_rows", "/var/lib/postgresql/data"), volume("more", "/more"))},
        "mounts more at /more, and the service does not",
    ),
    ("db", {"mounts": (volume("f" * 64, "/x", nameless=True),)}, "a volume without a name"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "changes", "words"), CASES)
def test_what_would_not_come_along_is_refused(
    scene: Callable[..., Scene], service: str, changes: dict[str, Any], words: str
) -> None:
    found = replace(made.containers()[service], **changes)
    with pytest.raises(RefusedError) as caught:
        choose(scene(**{service: found}))
    assert words in str(caught.value.cause)
    choose(scene(**{service: found}), [name for name in ALL if name != service])


def test_all_troubles_are_told_at_once(scene: Callable[..., Scene]) -> None:
    found = scene()
    live = ObservedService(id="s", name="app_web")
    seen = replace(found, snapshot=replace(found.snapshot, services=(live,)))
    seen = replace(seen, networks={"three": frozenset({"app-services"})})
    with pytest.raises(RefusedError) as caught:
        choose(seen)
    said = str(caught.value.cause)
    assert "web: it is a service of the swarm already" in said
    assert "three has a network app-services of its own" in said


def test_what_differs_and_what_is_left_is_said(scene: Callable[..., Scene]) -> None:
    stranger = made.container("x", "x:1", project="", service="", name="stranger")
    twin = replace(made.containers()["tool"], id="t2", name="app-tool-2", mode="host")
    found = made.scene(scene().fleet, *made.containers().values(), stranger, twin)
    said = "\n".join(choose(found).warnings)
    assert "api: these variables are not as in app-api-1: MODE" in said
    assert "slow" not in said and "fast" not in said
    assert "tool: 2 containers become 1 replicas" in said
    assert "app-tool-2 has no network of its own" in said
    assert "stranger on two is left as it is: it is of no service" in said


@pytest.mark.parametrize(
    ("image", "digests", "deployed"),
    [
        ("postgres:16", (f"postgres@{D}",), f"postgres:16@{D}"),
        ("postgres", (f"docker.io/library/postgres@{D}",), f"postgres:latest@{D}"),
        ("postgres:16", (f"other@{D}",), "postgres:16"),
        ("r:5000/x:1", (f"r:5000/x@{D}",), f"r:5000/x:1@{D}"),
        (f"x@{D}", (), f"x@{D}"),
    ],
)
def test_the_very_image_that_runs(image: str, digests: tuple[str, ...], deployed: str) -> None:
    found = replace(made.containers()["db"], digests=digests)
    assert image_to_deploy(image, found) == deployed


def test_the_part_that_is_adopted(scene: Callable[..., Scene]) -> None:
    found = scene()
    chosen = adopted(choose(found, ["db", "web"]))
    part = rendered_part(found.rendered, chosen)
    (stack,) = part.stacks
    assert set(stack.document["services"]) == {"db", "web"}
    assert stack.document["services"]["web"]["image"] == f"nginx:1.27@{D}"
    assert set(stack.document["volumes"]) == {"rows"}
    fleet = fleet_part(found.fleet, chosen)
    assert {s.id: s.image for s in fleet.services}["web"] == f"nginx:1.27@{D}"
    assert set(plan_part(found.plan, {"db", "web"}).services) == {"db", "web"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    running=st.sets(st.sampled_from(ALL), min_size=1),
    twice=st.sets(st.sampled_from(("web", "api", "tool"))),
    wanted=st.sets(st.sampled_from(ALL)),
    rm=st.sets(st.sampled_from(ALL), max_size=1),
)
def test_nothing_is_stopped_that_is_not_started(
    once: Scene, running: set[str], twice: set[str], wanted: set[str], rm: set[str]
) -> None:
    from quorate.recover.adopt.match import match

    there = {name: one for name, one in made.containers().items() if name in running}
    there = {n: replace(one, removed_on_stop=n in rm) for n, one in there.items()}
    more = [replace(there[n], id=f"{n}-2", name=f"app-{n}-2") for n in twice & running]
    found = [*there.values(), *more, made.container("x", "x:1", project="", name="stranger")]
    scene = replace(once, matches=match(once.fleet, found))
    try:
        operation = choose(scene, sorted(wanted))
    except (UsageError, RefusedError):
        assert not wanted <= running or rm & ((wanted or running) & running)
        return
    steps = ids(operation)
    stopped = [step.removeprefix(STOP) for step in steps if step.startswith(STOP)]
    assert set(stopped) == (wanted or running)
    for name in stopped:
        assert steps.index(f"{START}{name}") == steps.index(f"{STOP}{name}") + 1
        home = scene.plan.services[name].homes
        if scene.fleet.service(name).state.keeps_data:
            assert set(home) == {one.server for one in scene.matches.of[name]}
    kept = [c.id for one in adopted(operation) for c in one.containers]
    assert len(kept) == len(set(kept))
    assert set(kept) == {c.id for name in stopped for c in scene.matches.of[name]}
    assert "id-x" not in kept


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return made.scene(made.fleet(tmp_path_factory.mktemp("fleet")), *made.containers().values())
