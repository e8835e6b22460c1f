"""The actions of a server's recovery: one for each step, whatever was chosen; what joining does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate import rebuilding, restoring
from quorate.backup.jobs import leftovers
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.leftovers import Found
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome as JobOutcome
from quorate.backup.jobs.watching import Silent as Unwatched
from quorate.backup.model import Kind
from quorate.deploy import images, record
from quorate.deploy.progress import Silent
from quorate.deploy.record import RecordContent
from quorate.errors import (
    CommandError,
    DeployError,
    EngineError,
    LockedError,
    MachineError,
    RefusedError,
)
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.image.recipe import image_name
from quorate.observe.connect import Answers, Connections
from quorate.recover.carrying import Carrier, begin
from quorate.recover.membership import look
from quorate.recover.membership.model import Machine as Host
from quorate.recover.model import Journal, Operation, State
from quorate.recover.server.holding import How, held
from quorate.recover.server.lost import Log
from quorate.recover.server.report import recovered
from quorate.recover.server.sight import Machine
from quorate.recover.server.steps import operation
from quorate.recover.site import Site
from quorate.tools import clock
from tests.fakes.configs import FakeConfigs, refusal
from tests.fakes.services import FakeServices
from tests.unit.backup.jobs.made import NOW, SECTION, fleet, job, scene
from tests.unit.recover.server.test_choosing import (
    ALL,
    COMPOSE,
    GIB,
    choice,
    copy,
    node,
    sight,
)

NAMES = ("one", "two", "three")


class FakeNodes(FakeConfigs):
    """A swarm's nodes besides its configs: every server is in it already, without a label."""

    def __init__(self) -> None:
        super().__init__()
        self.server = ""
        self.labels: dict[str, dict[str, str]] = {name: {} for name in NAMES}
        self.with_image: set[str] = set(NAMES)

    def info(self) -> dict[str, Any]:
        swarm = {
            "LocalNodeState": "active",
            "NodeID": f"id-{self.server}",
            "ControlAvailable": True,
            "Cluster": {"ID": "c"},
        }
        return {**super().info(), "Swarm": swarm}

    def nodes(self) -> list[dict[str, Any]]:
        return [self.inspect_node(f"id-{name}") for name in NAMES]

    def inspect_node(self, identity: str) -> dict[str, Any]:
        name = identity.removeprefix("id-")
        return {
            "ID": identity,
            "Version": {"Index": 1},
            "Spec": {"Role": "manager", "Labels": dict(self.labels[name])},
            "Description": {"Hostname": name},
            "Status": {"State": "ready"},
            "ManagerStatus": {"Reachability": "reachable"},
        }

    def update_node(self, identity: str, version: int, spec: dict[str, Any]) -> None:
        del version
        self.labels[identity.removeprefix("id-")] = spec["Labels"]

    def inspect_distribution(self, image: str, auth_config: Any = None) -> dict[str, Any]:
        raise refusal(404)

    def inspect_image(self, image: str) -> dict[str, Any]:
        if self.server not in self.with_image:
            raise refusal(404)
        return {"Id": f"sha256:{image}"}

    def inspect_swarm(self) -> dict[str, Any]:
        return {"Spec": {}}

    def nothing(self) -> list[dict[str, Any]]:
        return []

    services = tasks = networks = secrets = nothing

    def configs(self, filters: Any = None) -> list[dict[str, Any]]:
        return super().configs(filters or {})

    def create_config(self, name: str, data: bytes, labels: Any) -> Any:
        super().create_config(name, data, labels)
        return {"ID": f"id-{self.number}"}


class Lines:
    """As `Connections` to those nodes."""

    def __init__(self, office: Fleet, swarm: FakeNodes) -> None:
        self.fleet, self.swarm = office, swarm

    def renew(self) -> None:
        """All lines stand."""

    def manager(self) -> Any:
        return SimpleNamespace(client=self.client("one"))

    def client(self, server: str) -> FakeNodes:
        self.swarm.server = server
        return self.swarm

    def each(self, ask: Callable[..., Any], servers: Iterable[str] = NAMES) -> Answers[Any]:
        asked = [one for one in self.fleet.servers if one.name in set(servers)]
        return Answers(results={one.name: ask(one, self.client(one.name)) for one in asked})


def journal_of(made: Operation) -> Journal:
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    return Journal.model_validate_json(journal.model_dump_json())


def test_each_step_has_its_action_also_after_the_journal_was_kept(tmp_path: Path) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    files = (copy("volume/app_v", Kind.VOLUME), copy("many@three", Kind.REDIS))
    for name, copies in (("one", ALL), ("three", files)):
        seen = sight(office, name)
        made = operation(seen, choice(seen, *copies), now=NOW)
        place = Site(fleet=office, connections=Connections(office), report=Silent())
        actions = rebuilding.actions(place, journal_of(made))
        assert list(actions) == [step.id for step in made.steps]
        assert [id for id, one in actions.items() if one.undo is not None] == ["hold"]


def test_services_are_brought_home_to_their_data_also_after_a_kill(tmp_path: Path) -> None:
    """Where each goes is in the journal: it is not known any more once homes have changed."""
    loose = COMPOSE.replace("state: postgres, pin: one", "state: postgres")
    office = fleet(tmp_path, SECTION, loose)
    seen = sight(office, "one", "two")
    made = operation(seen, choice(seen, *ALL), now=NOW)
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    home = cast(Any, rebuilding.actions(place, journal_of(made))["home"].do).__self__
    assert home.fleet.service("db").pins == ("two",) and office.service("db").pins == ()
    earlier = made.model_copy(update={"facts": {**made.facts, "bound": {}}})
    before = cast(Any, rebuilding.actions(place, journal_of(earlier))["home"].do).__self__
    assert before.fleet.service("db").pins == ()


def test_whatever_joined_has_its_labels_before_anything_starts_there(tmp_path: Path) -> None:
    """Databases start before `home`: with a constraint on a label they would wait for ever."""
    office = fleet(tmp_path, SECTION, COMPOSE)
    labelled = tuple(
        one.model_copy(update={"labels": {"disk": "ssd"} if one.name == "one" else {"rack": "b"}})
        for one in office.servers
    )
    office = office.model_copy(update={"servers": labelled})
    swarm = FakeNodes()
    swarm.labels["one"] = {"mine": "kept"}
    last = {"one": {"disk": "hdd", "quorate.pool.0a1b2c3d": "yes"}, "two": {"rack": "b"}}
    record.write(cast(Any, swarm), RecordContent(fleet=office.name, stacks={}, labels=last))
    seen = sight(office)
    made = operation(seen, choice(seen, *ALL), now=NOW)
    place = Site(fleet=office, connections=cast(Any, Lines(office, swarm)), report=Silent())
    join = rebuilding.actions(place, journal_of(made))["join"]
    for _ in range(2):
        assert join.do({}) == {"node": "id-one"}
        assert swarm.labels["one"] == {
            "mine": "kept",
            "disk": "ssd",
            "quorate.pool.0a1b2c3d": "yes",
        }
        assert swarm.labels["two"] == swarm.labels["three"] == {}


def test_a_recovery_that_is_not_over_is_said_and_not_that_its_server_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had joined before the recovery was killed, so the swarm says that it is ready."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    office = fleet(tmp_path, SECTION, COMPOSE)
    there = sight(office, "one", nodes=tuple(node(name) for name in NAMES))
    monkeypatch.setattr(rebuilding, "sight", lambda site, name, target: there)
    place = Site(fleet=office, connections=cast(Any, Lines(office, FakeNodes())), report=Silent())
    with pytest.raises(RefusedError, match="is not lost"):
        rebuilding.choose(place, rebuilding.Wish(name="one"))
    lost = sight(office)
    begin(place.in_swarm(), operation(lost, choice(lost, *ALL), now=NOW))
    with pytest.raises(LockedError, match=r"recover server one .* is not over"):
        rebuilding.choose(place, rebuilding.Wish(name="one"))


def test_an_image_that_no_registry_has_is_asked_for_until_it_is_loaded_there(
    tmp_path: Path,
) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    swarm = FakeNodes()
    swarm.with_image = set()
    seen = sight(office)
    made = operation(seen, choice(seen, *ALL), now=NOW)
    place = Site(fleet=office, connections=cast(Any, Lines(office, swarm)), report=Silent())
    image = rebuilding.actions(place, journal_of(made))["image"]
    with pytest.raises(EngineError, match=f"no image {image_name(office.backup)}") as raised:
        image.do({})
    said = raised.value.todo or ""
    assert "| ssh one docker load" in said and "quorate operations resume" in said
    swarm.with_image.add("one")  # no job of it runs on the others
    image.do({})


@pytest.mark.parametrize("broken", [False, True])
def test_an_image_that_no_registry_has_comes_from_a_server_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    office, copied = fleet(tmp_path, SECTION, COMPOSE), []
    swarm = FakeNodes()
    swarm.with_image = {"two", "three"}

    def copy_image(source: Any, target: Any, name: str) -> None:
        assert name == image_name(office.backup)
        if broken:
            raise EngineError("the image could not be copied", cause="no space left on device")
        copied.append((source.asked, target.asked))

    class Each(Lines):
        def client(self, server: str) -> Any:
            self.swarm.server = server
            return SimpleNamespace(api=self.swarm, asked=server)

    monkeypatch.setattr(images, "copy_image", copy_image)
    seen = sight(office)
    made = operation(seen, choice(seen, *ALL), now=NOW)
    place = Site(fleet=office, connections=cast(Any, Each(office, swarm)), report=Silent())
    image = rebuilding.actions(place, journal_of(made))["image"]
    if broken:
        with pytest.raises(EngineError, match="could not be copied") as raised:
            image.do({})
        assert "| ssh one docker load" in (raised.value.todo or "")
    else:
        image.do({})
        assert copied == [("three", "one")]


def test_undoing_lets_nothing_go_before_its_restore_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who followed the job is gone, and it goes on."""
    office = fleet(tmp_path, SECTION, COMPOSE)
    seen = sight(office, "three")
    copies = (copy("volume/app_v", Kind.VOLUME), copy("many@three", Kind.REDIS))
    journal = journal_of(operation(seen, choice(seen, *copies), now=NOW))
    for step in ("hold", "join", "restore:volume/app_v"):
        state = State.BEGUN if step.startswith("restore:") else State.DONE
        journal = journal.marked(step, state, at=NOW.isoformat())
    swarm = FakeServices(app_files=1, app_many=1)
    swarm.raw["app_files"]["Spec"] = held(swarm.raw["app_files"]["Spec"], "x", How.STOP, "three")
    told = job(work=Work.RESTORE, source="volume/app_v", server="three", kind="volume")
    looks = [(Begun.of(told, "r", NOW),), (Begun.of(told, "r", NOW),), ()]
    while_held: list[int] = []

    def sweep(door: Any, name: str) -> Found:
        while_held.append(swarm.replicas("app_files"))
        return Found(going=looks.pop(0))

    monkeypatch.setattr(leftovers, "sweep", sweep)
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    lines = SimpleNamespace(renew=lambda: None, manager=lambda: SimpleNamespace(client=swarm))
    place = Site(fleet=office, connections=cast(Any, lines), report=Silent())
    store = cast(Any, SimpleNamespace(save=lambda journal: None))
    actions = rebuilding.actions(place, journal)
    Carrier(store=store, actions=actions, report=Silent()).back(journal)
    assert while_held == [0, 0, 0] and not looks and swarm.replicas("app_files") == 1


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_a_job_that_has_used_what_was_lost_and_ended_is_as_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """`off` has none that runs, as its file says."""
    compose = COMPOSE.replace(
        "  web:",
        "  index: {image: x, volumes: ['v:/v'], deploy: {mode: replicated-job}}\n"
        "  off: {image: x, volumes: ['v:/v'], deploy: {replicas: 0}}\n"
        "  web:",
    ).replace("'v:/v']", "'v:/v'], x-quorate: {state: volume, pin: three}")
    office = fleet(tmp_path, SECTION, compose)
    seen = sight(office, "three")
    copies = (copy("volume/app_v", Kind.VOLUME), copy("many@three", Kind.REDIS))
    journal = journal_of(operation(seen, choice(seen, *copies), now=NOW))
    (volume,) = [one for one in journal.facts["lost"] if one["source"] == "volume/app_v"]
    assert {"index", "off"} <= set(volume["services"])

    def looked(site: Site) -> Snapshot:
        services, tasks = [], []
        for service in office.swarm_services():
            name = service.swarm_name
            services.append(
                ObservedService(
                    id=name, name=name, mode=service.mode.value, replicas=service.replicas
                )
            )
            if service.replicas:
                how = state if service.id == "index" else "running"
                tasks.append(
                    ObservedTask(
                        id=name,
                        service_id=name,
                        node_id="id-three",
                        state=how,
                        desired_state=how,
                        timestamp=NOW,
                    )
                )
        nodes = tuple(node(name) for name in NAMES)
        return Snapshot(taken_at=NOW, nodes=nodes, services=tuple(services), tasks=tuple(tasks))

    monkeypatch.setattr(Site, "snapshot", looked)
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    verify = rebuilding.actions(place, journal)["verify"]
    if state == "complete":
        assert (verify.do({}) or {}).keys() == {"verified"}
        return
    with pytest.raises(DeployError, match="index does not run on three"):
        verify.do({})


@pytest.mark.parametrize("failed", [False, True])
def test_how_old_the_data_is_goes_by_what_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: bool
) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    seen = sight(office)
    logs = {"db": Log(server="two", path="/wal", until=NOW - timedelta(seconds=30))}
    journal = journal_of(operation(seen, choice(seen, *ALL, logs=logs), now=NOW))

    def run(ground: Ground, decision: Decision) -> Round:
        (start,) = decision.starts
        error = MachineError("it has a hole") if failed and start.job.given else None
        outcome = JobOutcome(job=Begun.of(start.job, "j", NOW), error=error)
        ground.watcher.ended(outcome)
        return Round(outcomes=(outcome,))

    monkeypatch.setattr(restoring, "run", run)
    ground = Ground(scene=scene(office), door=cast(Any, None), watcher=Unwatched())
    monkeypatch.setattr(rebuilding._Work, "_ground", lambda work: nullcontext(ground))
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    told = rebuilding.actions(place, journal)["restore:db"].do(journal.facts)
    journal = journal.marked("restore:db", State.DONE, at=NOW.isoformat(), facts=told)
    assert recovered(journal).rpo["db"] == (5 * 3600 if failed else 30)


@pytest.mark.parametrize("installed", [False, True])
def test_a_replacement_without_an_engine_is_seen_as_what_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """Where there is one that does not answer, it may be the server itself, and is not lost."""
    office = fleet(tmp_path, SECTION, COMPOSE)
    swarm, host = FakeNodes(), Host(name="one", address="192.0.2.1", host_name="one", memory=GIB)

    class WithoutOne(Lines):
        def each(self, ask: Callable[..., Any], servers: Iterable[str] = NAMES) -> Answers[Any]:
            return super().each(ask, set(servers) - {"one"})

    def machine(target: Any, managers: Any) -> Host:
        assert target.name == "one"
        return host.model_copy(update={"installed": installed})

    monkeypatch.setattr(look, "machine", machine)
    monkeypatch.setattr(look, "firewalled", lambda connections: ("one", "two"))
    monkeypatch.setattr(rebuilding, "occupied", lambda server, paths: frozenset())
    monkeypatch.setattr(Site, "snapshot", lambda site: Snapshot(taken_at=NOW))
    place = Site(fleet=office, connections=cast(Any, WithoutOne(office, swarm)), report=Silent())
    seen = rebuilding.sight(place, "one", "one")
    assert seen.ssh and seen.old is None
    if installed:
        assert seen.new is None and seen.bare is None and seen.walls == ()
    else:
        assert seen.new == Machine(memory=GIB, host_name="one") and seen.walls == ("one", "two")
        assert seen.bare is not None and seen.bare.bare


def test_a_server_that_does_not_tell_of_its_firewall_stops_no_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(connections: Any) -> tuple[str, ...]:
        raise CommandError("`sh` on three did not end within 30 s")

    said: list[str] = []
    monkeypatch.setattr(look, "firewalled", hangs)
    monkeypatch.setattr(rebuilding, "occupied", lambda server, paths: frozenset())
    monkeypatch.setattr(rebuilding, "machine_of", lambda server, client: Machine(memory=GIB))
    monkeypatch.setattr(Site, "snapshot", lambda site: Snapshot(taken_at=NOW))
    office = fleet(tmp_path, SECTION, COMPOSE)
    report = cast(Any, SimpleNamespace(note=said.append))
    lines = cast(Any, Lines(office, FakeNodes()))
    seen = rebuilding.sight(Site(fleet=office, connections=lines, report=report), "one", "one")
    assert seen.new == Machine(memory=GIB) and seen.walls == ()
    assert said and "on three did not end" in said[0]
