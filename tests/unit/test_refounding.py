"""The actions of a fleet's recovery: one for each step, whatever was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate import operating, refounding
from quorate.backup.model import Kind
from quorate.deploy.progress import Silent
from quorate.errors import DeployError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.observe.connect import Connections
from quorate.recover.model import Journal
from quorate.recover.server.report import recovered
from quorate.recover.site import Site
from tests.unit.backup.jobs.made import NOW, SECTION, fleet
from tests.unit.recover.fleet.made import COPIES, away, chosen_operation, empty_sight, host
from tests.unit.recover.server.test_choosing import COMPOSE, node

ONCE = COMPOSE.replace(
    "  web:",
    "  migrate: {image: x, deploy: {mode: replicated-job}, x-quorate: {needs: [db]}}\n"
    "  seed: {image: x, deploy: {restart_policy: {condition: none}}}\n"
    "  off: {image: x, deploy: {replicas: 0}}\n"
    "  web:",
)


def swarm_of(office: Fleet, journal: Journal, ended: str = "complete") -> Snapshot:
    """All run where they were planned, but for what runs once, which is in the state `ended`."""
    homes = {name: one["homes"] for name, one in journal.facts["plan"]["services"].items()}
    services, tasks = [], []
    for service in office.swarm_services():
        name, once = service.swarm_name, service.id in ("migrate", "seed")
        restart = {"RestartPolicy": {"Condition": "none" if service.id == "seed" else "any"}}
        services.append(
            ObservedService(
                id=name,
                name=name,
                mode=service.mode.value,
                replicas=service.replicas,
                spec={"TaskTemplate": restart},
            )
        )
        state = ended if once else "running"
        for at in homes.get(service.id, ()) if service.replicas else ():
            tasks.append(
                ObservedTask(
                    id=f"{name}-{at}",
                    service_id=name,
                    node_id=f"id-{at}",
                    state=state,
                    desired_state=state,
                    timestamp=NOW,
                )
            )
    nodes = tuple(node(name) for name in ("one", "two", "three"))
    return Snapshot(taken_at=NOW, nodes=nodes, services=tuple(services), tasks=tuple(tasks))


def test_what_has_run_to_its_end_runs_as_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = fleet(tmp_path, SECTION, ONCE)
    made = chosen_operation(empty_sight(office), *COPIES)
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    verify = refounding.actions(place, journal)["verify"]
    monkeypatch.setattr(Site, "snapshot", lambda site: swarm_of(office, journal))
    assert (verify.do({}) or {}).keys() == {"verified"}
    monkeypatch.setattr(Site, "snapshot", lambda site: swarm_of(office, journal, "failed"))
    with pytest.raises(DeployError) as raised:
        verify.do({})
    assert raised.value.cause == "migrate does not run\nseed does not run"


def test_each_step_has_its_action_also_after_the_journal_was_kept(tmp_path: Path) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    hosts = {name: host(name, ufw=True) for name in ("one", "two", "three")}
    made = chosen_operation(empty_sight(office, hosts=hosts), *COPIES)
    assert operating.ACTIONS[made.kind] == refounding.__name__
    assert made.kind in operating.WITHOUT_SWARM
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    kept = Journal.model_validate_json(journal.model_dump_json())
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    actions = refounding.actions(place, kept)
    assert list(actions) == [step.id for step in made.steps]
    assert not [id for id, one in actions.items() if one.undo is not None]
    assert recovered(kept).rto is None and set(recovered(kept).rpo) >= {"db", "volume/app_v"}


def test_images_are_loaded_by_a_step_and_have_no_age_that_data_has(tmp_path: Path) -> None:
    compose = COMPOSE.replace("  web: {image: x,", '  web: {image: "w:1", build: .,')
    office = fleet(tmp_path, SECTION, compose)
    made = chosen_operation(empty_sight(office), *COPIES, away("images/two", Kind.IMAGES))
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    assert "restore:images/two" in refounding.actions(place, journal)
    assert not [source for source in recovered(journal).rpo if source.startswith("images/")]
