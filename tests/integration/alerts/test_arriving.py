"""Backups that fail, all the way: jobs, Pushgateway, controller, Prometheus, Alertmanager.

All of them are real, and so are the scrapes: those of the example office's own configuration. Only
the swarm that the controller works on is played. The rules are those of a trial (`--at-once`).
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate.backup.jobs.model import Mounted, Work
from quorate.backup.jobs.standing import error_of
from quorate.backup.policy.agenda import Doing, Item
from quorate.errors import LockedError, RepositoryError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.serving.loop import Check, Say, Settings, serve
from quorate.serving.parts import Ended
from quorate.tools.http import Address
from tests.fakes.serving import FakeClock, FakeStarter, FakeSwarm
from tests.integration.alerts.monitoring import (
    RESENT,
    RESENT_SECONDS,
    alertmanager,
    arrived,
    pushgateway,
)
from tests.integration.alerts.serving import QUORATE
from tests.integration.backup import ground, working
from tests.real_prometheus import Programs, free_port, get, started
from tests.unit.fleet.helpers import FLEET, written

OFFICE = Path(__file__).parents[3] / "examples/office/config"
PUSHED, SHOWN = "backup-metrics", "quorate-controller"
"""The two jobs of the office's Prometheus that this is about."""
SECONDS = 60.0
TOLD_SECONDS = 3 * RESENT_SECONDS
"""Within this the end of an alert was told; later it may be only that nothing more was heard."""
SOURCE = "volume/app_wiki"
SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
  exclude: [configs, system/one, system/two, system/three, swarm]
"""
COMPOSE = """\
services:
  wiki: {image: nginx, volumes: ["wiki:/data"], x-quorate: {state: volume, pin: one}}
volumes: {wiki: }
"""
FAILED = {
    "alertname": "BackupFailed", "severity": "warning",
    "fleet": "test", "source": SOURCE, "repository": "near", "copy": "original",
}  # fmt: skip
DEAD = {"alertname": "BackupRunnerDead", "severity": "critical", "fleet": "test"}

Arrived = dict[str, list[dict[str, Any]]]


@dataclass(kw_only=True)
class Ward:
    """A fleet with one volume and one repository, and all that watches it."""

    fleet: Fleet
    place: Path
    gateway: Address
    alerts: Address
    prometheus: str
    port: int
    runs: int = 0

    @property
    def repository(self) -> Path:
        return self.place / "near"

    def backup(self) -> working.Said:
        """A backup as its service runs it, which tells the gateway itself."""
        self.runs += 1
        volume = Mounted(name="app_wiki", path=str(self.place / "mounted/data"))
        return working.run(
            working.job(
                "backup",
                working.at(ground.place(self.place, "near")),
                source=SOURCE,
                fleet=self.fleet.name,
                volumes=(volume,),
                push=str(self.gateway),
                run=f"run-{self.runs}",
            ),
            self.place / "spool",
        )

    @contextlib.contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """During the block there is no repository."""
        away = self.repository.with_name("away")
        self.repository.rename(away)
        try:
            yield
        finally:
            away.rename(self.repository)

    def when(self, holds: Callable[[Arrived], bool], *, within: float = SECONDS) -> Arrived:
        """What the Alertmanager holds, once that is so."""
        deadline = time.monotonic() + within
        while not holds(found := arrived(self.alerts)):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def over(self, alert: str) -> Arrived:
        """The same, once the Alertmanager was told of the end of an alert."""
        return self.when(lambda found: alert not in found, within=TOLD_SECONDS)

    def labels(self, query: str) -> list[dict[str, str]]:
        """Of the series that Prometheus has now."""
        found = get(self.prometheus, f"/api/v1/query?query={urllib.parse.quote(query)}")
        return [one["metric"] for one in found["result"]]


@pytest.fixture(scope="module")
def ward(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    place = tmp_path_factory.mktemp("ward")
    fleet = written(place / "fleet", {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    rules = place / "rules.yml"
    argv = [str(QUORATE), "rules", str(fleet), "--at-once", "-o", str(rules)]
    subprocess.run(argv, check=True)
    ground.made(place, "near")
    ground.tree(place / "mounted", size=50_000)
    at = {name: place / name for name in ("gateway", "alertmanager", "prometheus")}
    for directory in at.values():
        directory.mkdir()
    port = free_port()
    with (
        pushgateway(at["gateway"]) as gateway,
        alertmanager(at["alertmanager"], OFFICE / "alertmanager.yml") as alerts,
        started(
            programs,
            at["prometheus"],
            like_the_offices(
                rules,
                {
                    "backup-metrics:9091": gateway.endpoint,
                    "quorate-controller:9912": f"127.0.0.1:{port}",
                    "alertmanager:9093": alerts.endpoint,
                },
            ),
            RESENT,
        ) as prometheus,
    ):
        yield Ward(
            fleet=read_fleet(fleet, environment={"P": "x"}),
            place=place,
            gateway=gateway,
            alerts=alerts,
            prometheus=prometheus,
            port=port,
        )


def like_the_offices(rules: Path, here: dict[str, str]) -> dict[str, Any]:
    """The office's configuration, for what is on this machine; it looks every half second."""

    def moved(entry: dict[str, Any]) -> dict[str, Any]:
        (targets,) = entry["static_configs"]
        return {**entry, "static_configs": [{"targets": [here[one] for one in targets["targets"]]}]}

    config = yaml.safe_load((OFFICE / "prometheus.yml").read_text())
    scrapes = [one for one in config["scrape_configs"] if one["job_name"] in (PUSHED, SHOWN)]
    return {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": list(map(moved, config["alerting"]["alertmanagers"]))},
        "scrape_configs": list(map(moved, scrapes)),
    }


class Now(FakeClock):
    """The time it is: Prometheus holds the controller's heartbeat against its own clock."""

    def __call__(self) -> datetime:
        self.moment = datetime.now(UTC)
        return self.moment


@dataclass
class RealJobs(FakeStarter):
    """Backups are real jobs, done at once; all others are played."""

    ward: Ward
    swarm: FakeSwarm

    def _end(self, item: Item) -> Ended:
        if item.work is not Work.BACKUP:
            return super()._end(item)
        said = self.ward.backup().answer
        self.swarm.copies |= {(one.repository, one.id): one for one in said.copies}
        doing = Doing(
            work=item.work,
            run=item.run,
            server=item.server,
            repository=item.repository,
            source=item.source,
            began=self.swarm.clock.moment,
        )
        error = error_of(said.trouble) if said.trouble else None
        return Ended(doing=doing, answer=said, error=error)


@dataclass(kw_only=True)
class Serving:
    """A controller that runs. `by_hand`: what somebody has begun beside it."""

    swarm: FakeSwarm
    fleet: Fleet
    ending: threading.Event = field(default_factory=threading.Event)

    def by_hand(self, work: Work, source: str = "") -> None:
        run, now = f"by-hand-{len(self.swarm.started)}", datetime.now(UTC)
        self.swarm.started.append(
            Item(work=work, run=run, due=now, repository="near", servers=("two",), source=source)
        )
        self.swarm.jobs.append(self.swarm.started[-1])

    @contextlib.contextmanager
    def hold(self, tell: Say) -> Iterator[Check]:
        def check() -> None:
            if self.ending.is_set():
                raise LockedError("the test is over")

        yield check


@contextlib.contextmanager
def controller(ward: Ward) -> Iterator[Serving]:
    """The loop of `quorate serve`, with its page where Prometheus looks for it."""
    swarm = FakeSwarm(fleet=ward.fleet, clock=Now(datetime.now(UTC), timedelta()))
    serving = Serving(swarm=swarm, fleet=ward.fleet)
    parts = swarm.parts(starter=RealJobs(ward, swarm))

    def work() -> None:
        with contextlib.suppress(LockedError):
            serve(ward.fleet, parts, serving.hold, Settings(port=ward.port, every=0.5))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        serving.ending.set()
        thread.join(SECONDS)
        assert not thread.is_alive()


def labels(found: Arrived, alert: str) -> list[dict[str, str]]:
    return [one["labels"] for one in found.get(alert, ())]


def code(ward: Ward, job: str) -> list[dict[str, str]]:
    return ward.labels(f'backup_last_exit_code{{job="{job}"}}')


@pytest.mark.slow
def test_a_job_that_fails_is_told_of_where_no_controller_runs(ward: Ward) -> None:
    """By its own word in the Pushgateway alone, and so is the good run after it."""
    with ward.out_of_reach():
        assert ward.backup().code == 6
    found = ward.when(lambda there: {"BackupFailed", "BackupRunnerDead"} <= there.keys())
    assert labels(found, "BackupFailed") == [FAILED]
    assert labels(found, "BackupRunnerDead") == [DEAD]
    (failed,) = found["BackupFailed"]
    said = f"The last backup of {SOURCE} into near failed: exit code 6"
    assert failed["annotations"]["summary"] == said
    assert "quorate backup status fleet.yaml" in failed["annotations"]["action"]
    # The job's labels are its own (`honor_labels`), and it is no instance of anything.
    one = {name: FAILED[name] for name in ("fleet", "source", "repository", "copy")}
    assert ward.labels("backup_last_exit_code") == [
        {"__name__": "backup_last_exit_code", "job": "quorate-backup", **one}
    ]
    assert ward.backup().code == 0
    found = ward.over("BackupFailed")
    assert labels(found, "BackupRunnerDead") == [DEAD]


@pytest.mark.slow
def test_what_the_controller_shows_arrives_and_ends(ward: Ward) -> None:
    """A backup that fails is told of by both, as one alert; a damaged repository by it alone."""
    ward.when(lambda there: "BackupRunnerDead" in there)
    gone = contextlib.ExitStack()
    gone.enter_context(ward.out_of_reach())
    with gone, controller(ward) as serving:  # whose first backup it is
        found = ward.when(lambda there: "BackupRunnerDead" not in there and "BackupFailed" in there)
        assert labels(found, "BackupFailed") == [FAILED]
        # The job's own word may be scraped, and told of, before the controller's.
        ward.when(lambda _: len(code(ward, SHOWN)) == len(code(ward, "quorate-backup")) == 1)
        assert labels(arrived(ward.alerts), "BackupFailed") == [FAILED]

        gone.close()
        serving.by_hand(Work.BACKUP, SOURCE)
        ward.when(lambda _: len(ward.labels("backup_last_exit_code == 0")) == 2)
        ward.over("BackupFailed")

        serving.swarm.errors["check of near"] = RepositoryError("near is damaged", reason="damaged")
        serving.by_hand(Work.CHECK)
        found = ward.when(lambda there: "BackupRepositoryDamaged" in there)
        assert labels(found, "BackupRepositoryDamaged") == [
            {
                **{"alertname": "BackupRepositoryDamaged", "severity": "critical"},
                **{"fleet": "test", "repository": "near"},
                **{"job": SHOWN, "instance": f"127.0.0.1:{ward.port}"},
            }
        ]
        serving.swarm.errors.clear()
        serving.by_hand(Work.CHECK)
        found = ward.over("BackupRepositoryDamaged")
        assert not {"BackupFailed", "BackupRunnerDead"} & found.keys()
    ward.when(lambda there: "BackupRunnerDead" in there)
