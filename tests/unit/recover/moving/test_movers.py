"""The two services of a move, started, asked and removed; the engine is a fake (`FakeSwarm`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.backup.jobs import secrets
from quorate.backup.jobs.secrets import Deployed
from quorate.deploy.images import Resolved
from quorate.deploy.progress import Silent
from quorate.errors import EngineError, MachineError
from quorate.recover.moving import movers as module
from quorate.recover.moving.model import Move
from quorate.recover.moving.movers import Movers
from quorate.recover.moving.spec import LABEL, PROGRAM, SERVE, WAIT, mover_name
from quorate.recover.site import Site
from quorate.tools import clock, docker
from tests.unit.backup.jobs import made
from tests.unit.backup.jobs.fake_swarm import FakeSwarm
from tests.unit.recover.moving.test_values import PAIR

MOVE = Move(run="move:db@1", moved=(), pairs=(PAIR,), down=900.0)


class Swarm(FakeSwarm):
    """Tasks run at once, or fail with these words."""

    wrong = ""

    def _task(self, service: Mapping[str, Any]) -> dict[str, Any]:
        state = "rejected" if self.wrong else "running"
        return {
            "ID": f"task-{service['ID']}",
            "ServiceID": service["ID"],
            "DesiredState": "running",
            "Status": {
                "State": state,
                "Err": self.wrong,
                "ContainerStatus": {"ContainerID": f"container-{service['ID']}"},
            },
        }

    def services(self, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        name, _, value = (filters or {}).get("label", "").partition("=")
        every = super().services()
        return [one for one in every if one["Spec"]["Labels"].get(name) == value]


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


@pytest.fixture
def movers(swarm: Swarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Movers:
    def ensured(client: Any, fleet: Any, wanted: Any) -> Deployed:
        names = {one.name: f"{one.name}-v1" for one in wanted}
        return Deployed(named=names, ids={name: f"id-{name}" for name in names.values()})

    monkeypatch.setattr(secrets, "ensure", ensured)
    monkeypatch.setattr(module, "ensure_network", lambda *given, **more: None)
    found = Resolved(reference="quorate:1", deployed="quorate:1@sha256:2")
    monkeypatch.setattr(module, "look_up", lambda client, name, known: found)
    passed = [0.0]
    monkeypatch.setattr(clock, "sleep", passed.append)
    monkeypatch.setattr(clock, "monotonic", lambda: sum(passed))
    place = SimpleNamespace(
        fleet=made.fleet(tmp_path),
        lab=None,
        report=Silent(),
        client=lambda: swarm.client,
        snapshot=made.snapshot,
        engine=lambda server: f"engine of {server}",
    )
    return Movers(place=cast(Site, place), move=MOVE)


def test_they_are_started_once_and_removed(movers: Movers, swarm: Swarm) -> None:
    movers.start()
    movers.start()
    names = [mover_name(MOVE.run, PAIR, side) for side in (SERVE, WAIT)]
    assert swarm.created == names
    container = swarm.services_there[names[0]]["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert container["Image"] == "quorate:1@sha256:2"
    (secret,) = container["Secrets"]
    assert secret["SecretID"] == f"id-{secret['SecretName']}"
    assert swarm.services_there[names[1]]["Spec"]["Labels"][LABEL] == MOVE.run
    other = {**swarm.services_there[names[0]]["Spec"], "Name": "other", "Labels": {LABEL: "else"}}
    swarm.add(other)
    movers.remove()
    assert sorted(swarm.removed) == sorted(names)
    movers.remove()


def test_what_is_asked_is_run_in_the_container_of_that_side(
    movers: Movers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, str, list[str]]] = []

    def execute(client: Any, container: str, argv: list[str]) -> tuple[int, str]:
        asked.append((client, container, argv))
        return 0, '{"files": 3}\n'

    monkeypatch.setattr(docker, "execute", execute)
    movers.start()
    assert movers.ask(PAIR, WAIT, "pull", {"volumes": [0]}) == {"files": 3}
    ((engine, container, argv),) = asked
    assert engine == "engine of two" and mover_name(MOVE.run, PAIR, WAIT) in container
    assert tuple(argv[: len(PROGRAM)]) == PROGRAM and argv[-2] == "pull"
    host = mover_name(MOVE.run, PAIR, SERVE)
    assert json.loads(argv[-1]) == {"host": host, "volumes": [0]}


def test_one_that_is_gone_is_said(movers: Movers) -> None:
    with pytest.raises(MachineError, match="does not run"):
        movers.ask(PAIR, SERVE, "tree", {})


@pytest.mark.parametrize(
    ("wrong", "todo"),
    [
        ("invalid mount config: bind source path does not exist: /srv", "make that directory"),
        ("No such image: quorate:1", "quorate backup image"),
        ("something else", "docker service ps"),
    ],
)
def test_one_that_does_not_start_is_said_with_what_to_do(
    movers: Movers, swarm: Swarm, wrong: str, todo: str
) -> None:
    swarm.wrong = wrong
    with pytest.raises(EngineError, match="does not start on one") as error:
        movers.start()
    assert error.value.cause == wrong and todo in str(error.value.todo)
