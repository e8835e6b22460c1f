"""Items of the agenda as jobs: what each is told, and what its service needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quorate.backup.jobs.model import Work
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.agenda import Item
from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode, Snapshot
from quorate.serving.starts import start_for
from tests.unit.fleet.helpers import FLEET, fleet_of
from tests.unit.serving.test_controller import COMPOSE, SECTION

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    directory: Path = tmp_path_factory.mktemp("fleet")
    fleet: Fleet = fleet_of(directory, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    nodes = tuple(
        ObservedNode(
            id=f"id-{name}",
            hostname=name,
            role="manager",
            state="down" if name == "three" else "ready",
            availability="active",
        )
        for name in ("one", "two", "three")
    )
    return Scene(fleet=fleet, snapshot=Snapshot(taken_at=NOW, nodes=nodes), volumes={})


def item(
    work: Work,
    server: str = "two",
    *,
    repository: str = "near",
    origin: str = "",
    source: str = "",
    snapshot: str = "",
) -> Item:
    return Item(
        work=work,
        run="the-key",
        due=NOW,
        repository=repository,
        servers=(server,),
        server=server,
        origin=origin,
        source=source,
        snapshot=snapshot,
    )


def test_a_list_of_copies_has_the_agendas_key(scene: Scene) -> None:
    start = start_for(scene, item(Work.CATALOGUE))
    assert (start.job.work, start.job.run, start.node) == (Work.CATALOGUE, "the-key", "id-two")


def test_a_copy_reaches_both_repositories(scene: Scene) -> None:
    start = start_for(scene, item(Work.COPY, repository="far", origin="near"))
    assert start.job.repository.name == "far" and start.job.origin is not None
    assert start.job.origin.name == "near" and start.job.origin.place == "local"
    assert {mount.target for mount in start.mounts} >= {"/store/near", "/spool"}
    assert start.job.sources == ()  # all of them


def test_a_proof_names_its_copy_and_reaches_a_store_from_elsewhere(scene: Scene) -> None:
    start = start_for(scene, item(Work.PROVE, "one", source="db", snapshot="abc"))
    job = start.job
    assert (job.source, job.kind, job.snapshot, job.server) == ("db", "postgres", "abc", "one")
    assert job.repository.place == "rest" and start.stores == ("near",)
    assert job.deadline == 6 * 3600


def test_a_rehearsal_is_a_proof_with_a_name_of_its_own(scene: Scene) -> None:
    start = start_for(scene, item(Work.REHEARSE, "one", source="db", snapshot="abc"))
    job = start.job
    assert (job.work, job.run, job.source, job.snapshot) == (Work.REHEARSE, "the-key", "db", "abc")
    assert job.repository.place == "rest" and job.deadline == 6 * 3600


def test_retention_has_every_policy_of_what_is_backed_up(scene: Scene) -> None:
    start = start_for(scene, item(Work.FORGET))
    assert set(start.job.keeps) == {"db", "configs"}
    assert start.job.keeps["db"].daily == 7


def test_nothing_is_started_on_a_server_that_is_down(scene: Scene) -> None:
    with pytest.raises(MachineError, match="nothing can be started on three"):
        start_for(scene, item(Work.CHECK, "three"))
