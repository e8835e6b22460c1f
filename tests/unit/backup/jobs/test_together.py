"""Sources of a group: in their order, their services stopped once; on FakeServices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.backup import quiesce
from quorate.backup.jobs import decide
from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.launch import Launcher
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.secrets import Deployed
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.stores import Image
from quorate.backup.jobs.together import Together, as_one, sorted_out
from quorate.backup.jobs.watching import Outcome, Silent
from quorate.backup.policy import quiesce as policy
from quorate.errors import MachineError
from quorate.tools import clock
from tests.fakes.services import FakeServices, later
from tests.unit.backup.jobs import made

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], networks: [back],
       x-quorate: {state: postgres, pin: one, group: shop}}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume, pin: three, group: shop}}
  out: {image: x, volumes: ["o:/o"], x-quorate: {state: volume, pin: one}}
networks: {back: }
volumes: {d: , v: , o: }
"""
SECTION = made.SECTION.replace(
    "  exclude: [out]\n",
    "  exclude: [configs, swarm, system/one, system/two, system/three]\n"
    "  kinds: {volume: {quiesce: stop}}\n",
)


@dataclass
class Door:
    """As much of a door as keeping still needs."""

    services: FakeServices
    removed: list[str] = field(default_factory=list)

    def ask(self, what: str, call: Callable[[DockerClient], Any]) -> Any:
        return call(cast("DockerClient", self.services))

    def remove(self, name: str) -> None:
        self.removed.append(name)


@dataclass(frozen=True, kw_only=True)
class Played(Launcher):
    """A launcher whose jobs end at once; `meanwhile` is called while one runs."""

    meanwhile: Callable[[Start], Exception | None] = lambda start: None

    def run(self, starts: Sequence[Start], found: Sequence[Begun] = ()) -> tuple[Outcome, ...]:
        (start,) = starts
        job = Begun.of(start.job, "name", made.NOW)
        self.begun(job)
        error = self.meanwhile(start)
        if isinstance(error, MachineError):
            return (self.over(Outcome(job=job, error=error)),)
        if error is not None:
            raise error
        return (self.over(Outcome(job=job)),)


def launcher(services: FakeServices, meanwhile: Callable[[Start], Any]) -> Played:
    return Played(
        door=cast(Any, Door(services)),
        image=Image(deployed="q"),
        secrets=Deployed(),
        watcher=Silent(),
        meanwhile=meanwhile,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on by what is slept."""
    slept = [0.0]
    monkeypatch.setattr(clock, "sleep", lambda seconds: slept.__setitem__(0, slept[0] + seconds))
    monkeypatch.setattr(clock, "monotonic", lambda: slept[0])


@pytest.fixture
def group(tmp_path: Path) -> Together:
    """`db`, then `volume/app_v`, with `app_files` stopped."""
    scene = made.scene(made.fleet(tmp_path, SECTION, COMPOSE))
    starts = decide.backups(scene, (), due=made.NOW).starts
    alone, (found,) = sorted_out(scene, starts)
    assert [start.job.source for start in alone] == ["volume/app_o"]
    return found


def test_a_group_is_sorted_out_with_what_is_kept_still(group: Together) -> None:
    assert [start.job.source for start in group.starts] == ["db", "volume/app_v"]
    assert group.services == ("app_files",)
    assert group.run == "together:shop@2026-06-30T12:00:00Z"


def test_its_services_are_stopped_once_and_name_the_job_that_reads(group: Together) -> None:
    services = FakeServices(app_files=2, app_db=1)
    seen: list[tuple[str, int, str]] = []

    def look(start: Start) -> None:
        record = policy.record_of(services.raw["app_files"]["Spec"])
        assert record is not None and record.run == group.run
        seen.append((start.job.source, services.replicas("app_files"), record.job))
        active = {start.job.run}
        assert quiesce.converge(cast(Any, services), lambda: active) == ()

    outcomes = list(as_one(launcher(services, look), group))
    runs = [start.job.run for start in group.starts]
    assert seen == [("db", 0, runs[0]), ("volume/app_v", 0, runs[1])]
    assert [one.error for one in outcomes if isinstance(one, Outcome)] == [None, None]
    assert (services.replicas("app_files"), services.replicas("app_db")) == (2, 1)
    assert not policy.marked(services.raw["app_files"]["Spec"])


def test_one_that_fails_does_not_keep_the_others_from_being_done(group: Together) -> None:
    services = FakeServices(app_files=2)
    failing = {"db": MachineError("it is full")}
    outcomes = list(as_one(launcher(services, lambda start: failing.get(start.job.source)), group))
    errors = [one.error.what if one.error else "" for one in outcomes]
    assert errors == ["it is full", ""] and services.replicas("app_files") == 2


def test_who_scales_a_service_meanwhile_is_told_of(group: Together) -> None:
    services = FakeServices(app_files=2)

    def meddle(start: Start) -> None:
        if start.job.source == "db":
            services.scale("app_files", 3)

    outcomes = list(as_one(launcher(services, meddle), group))
    assert all("app_files did not stay stopped" in str(one.error) for one in outcomes)
    assert services.replicas("app_files") == 3


def test_what_cannot_be_followed_is_refused_and_its_services_run_again(group: Together) -> None:
    services = FakeServices(app_files=2)
    played = launcher(services, lambda start: OSError() if start.job.source == "db" else None)
    with pytest.raises(OSError):
        list(as_one(played, group))
    assert services.replicas("app_files") == 2
    services.stuck.add("app_files")
    services.now = later(0)
    outcomes = list(as_one(launcher(services, lambda start: None), group))
    assert [one.what for one in outcomes if isinstance(one, Refused)] == ["db", "volume/app_v"]
    assert services.replicas("app_files") == 2


def test_interrupted_the_job_that_reads_is_removed_and_services_run_again(group: Together) -> None:
    services = FakeServices(app_files=2)

    def die(start: Start) -> None:
        if start.job.source != "db":
            raise KeyboardInterrupt

    played = launcher(services, die)
    with pytest.raises(KeyboardInterrupt):
        list(as_one(played, group))
    assert len(cast(Door, played.door).removed) == 1 and services.replicas("app_files") == 2
