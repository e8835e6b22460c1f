"""What a fleet needs: from its files, the live swarm, the kept records, open operations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quorate.fleet.image_names import digest, full, repository
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.recover.clean.needs import Needs, needs
from quorate.recover.model import Journal, Operation, State, Step
from tests.unit.fleet.helpers import FLEET, fleet_of

D = "sha256:" + "a" * 64
COMPOSE = """\
services:
  db: {image: postgres:16, volumes: ["rows:/var/lib/postgresql/data"], networks: [back]}
networks: {back: {name: shared}}
volumes: {rows: {}, spare: {name: spare-one}}
"""
RECORD = {
    "old": {"services": {"x": {"image": f"x:1@{D}"}}, "volumes": {"v": {}, "w": {"name": "n"}}}
}
LIVE = {
    "TaskTemplate": {
        "ContainerSpec": {"Image": "other:2", "Mounts": [{"Type": "volume", "Source": "other"}]}
    }
}


def journal(state: State, *, sealed: bool = False) -> Journal:
    step = Step(id="s", says="s", final=sealed)
    operation = Operation(
        kind="move", subject="db", fleet="test", steps=(step,), facts={"volume": "left"}
    )
    made = Journal(id="j", operation=operation, started="", who="", state=state)
    return made.marked("s", State.DONE, at="") if sealed else made


def found(directory: Path, *journals: Journal) -> Needs:
    service = ObservedService(id="s", name="o_x", image="other:2", spec=LIVE, previous_spec=LIVE)
    task = ObservedTask(id="t", service_id="s", container_id="c9", image="task:1")
    snapshot = Snapshot(taken_at=datetime.now(UTC), services=(service,), tasks=(task,))
    section = (
        "backup:\n  repositories:\n"
        "    r: {local: {server: one, path: /var/lib/docker/volumes/copies/_data/r}, "
        "password: {environment: P}}\n"
        "    s: {local: {server: two, path: /b}, password: {environment: P}}\n"
    )
    fleet = fleet_of(directory, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})
    return needs(fleet, snapshot, [("deployment 7", RECORD)], journals, "quorate:1")


def test_all_that_may_be_needed_again(tmp_path: Path) -> None:
    all_of_it = found(tmp_path)
    for image in ("postgres:16", "x:1", "other:2", "task:1", "quorate:1"):
        assert full(image) in all_of_it.references, image
    assert all_of_it.digests == {D: "old/x, deployment 7"}
    assert {"app_rows", "spare-one", "old_v", "n", "other", "copies"} <= set(all_of_it.volumes)
    assert {"app_default", "shared"} <= set(all_of_it.networks)
    assert all_of_it.tasks == {"c9"}
    assert all_of_it.services == {("app", "db")}
    assert all_of_it.stacks == {"app"}
    assert all_of_it.own == "docker.io/library/quorate"


@pytest.mark.parametrize(
    ("made", "stays"),
    [
        (journal(State.BEGUN), True),
        (journal(State.DONE), True),
        (journal(State.UNDONE), False),
        (journal(State.ABANDONED), True),
        (journal(State.DONE, sealed=True), False),
        (journal(State.BEGUN, sealed=True), True),
    ],
)
def test_what_an_operation_names_stays_until_it_cannot_be_undone(
    tmp_path: Path, made: Journal, stays: bool
) -> None:
    assert bool(found(tmp_path, made).mentioned("left")) is stays
    assert found(tmp_path, made).mentioned("lef", "") == ""


@pytest.mark.parametrize(
    ("reference", "whole"),
    [
        ("postgres", "docker.io/library/postgres:latest"),
        ("index.docker.io/me/x:1", "docker.io/me/x:1"),
        ("r.example.org:5000/a/b:2@" + D, "r.example.org:5000/a/b:2"),
        ("a/b@" + D, ""),
    ],
)
def test_references_in_full(reference: str, whole: str) -> None:
    assert full(reference) == whole
    assert digest(reference) == (D if "@" in reference else "")
    assert repository(reference).rpartition("/")[2] in reference
