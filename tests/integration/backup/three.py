"""What must hold after every fault: no copy counts that should not, nothing is left down or
locked, and no metric says that it went well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quorate.alerts import backup_metrics as metrics
from quorate.alerts import backup_push
from quorate.backup import catalogue, scratch
from quorate.backup.jobs import pushing, standing
from quorate.backup.jobs.model import Job, Work
from quorate.backup.jobs.standing import Begun, Stage, Standing
from quorate.backup.model import Snapshot
from quorate.backup.place import Repository
from quorate.backup.policy.agenda import Doing
from quorate.backup.policy.coverage import coverage
from quorate.backup.policy.sources import planned
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.serving import samples
from quorate.serving.memory import Memory
from quorate.serving.parts import Ended
from quorate.tools import mariadb, pg
from quorate.tools import redis as red
from tests.integration.backup import servers
from tests.integration.backup.working import Said
from tests.real_databases import until
from tests.unit.fleet.helpers import FLEET, written

VOLUME = "volume/app_wiki"
SECTION = """\
backup:
  repositories:
    near: {local: {server: three, path: /b}, password: {environment: P}}
    far: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  exclude: [system/one, system/two, system/three, swarm, configs]
"""
COMPOSE = """\
services:
  postgres: {image: postgres, volumes: ["p:/var"], x-quorate: {state: postgres, pin: one}}
  mariadb: {image: mariadb, volumes: ["m:/var"], x-quorate: {state: mariadb, pin: one}}
  redis: {image: redis, volumes: ["r:/data"], x-quorate: {state: redis, pin: one}}
  gitlab: {image: gitlab, volumes: ["g:/var"], x-quorate: {state: gitlab, pin: one}}
  web: {image: nginx, volumes: ["wiki:/data"], x-quorate: {state: volume, pin: one}}
volumes: {p: , m: , r: , g: , wiki: }
"""
Shown = dict[tuple[str, ...], float]
Whole = Callable[[Snapshot], bool]


@dataclass
class Truth:
    """What was so before a fault, of repositories that can be read here."""

    fleet: Fleet
    repositories: tuple[Repository, ...]
    copies: tuple[Snapshot, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.copies = self.read()

    def read(self) -> tuple[Snapshot, ...]:
        """Every copy that counts, as the repositories have it now."""
        listed = catalogue.read_all(self.repositories)
        return tuple(copy for copy in listed if copy.complete)

    def shown(self, told: Job, said: Said | None) -> Shown:
        """What a controller shows after a job; `said` None: it was killed, and said nothing.

        Its name and labels but for the fleet → value.
        """
        now = datetime.now(UTC)
        memory = Memory(since=now - timedelta(days=40), digest=now)
        for copy in self.copies:
            memory.copies[copy.repository, copy.id] = copy
        answer = said.answer if said else None
        memory.ended(Ended(doing=_doing(told, now), answer=answer, error=_error(told, said)), now)
        memory.listed = {one.place.name: now for one in self.repositories}
        sources = planned(self.fleet)
        rows = coverage(
            self.fleet, sources, memory.copies.values(), zone=UTC, now=now, since=memory.since
        )
        found = samples.backup_samples("office", memory, rows, (), (), now)
        return {(one.metric.name, *one.labels[1:]): one.value for one in found}


def fleet(directory: Path) -> Fleet:
    """A fleet whose sources the jobs of these tests back up."""
    directory.mkdir()
    text = {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE}
    return read_fleet(written(directory, text), environment={"P": "x"})


def nothing_is_claimed(
    truth: Truth,
    told: Job,
    said: Said | None,
    *,
    gone: Iterable[str] = (),
    whole: Whole = lambda copy: False,
) -> None:
    """After a job that failed, or was killed (`said` is None).

    Args:
        gone: ids that may count no more, as they were to be forgotten.
        whole: restores a copy that counts now; a job that is killed after its mark has made one.
    """
    no_copy_counts(truth, gone, whole)
    no_metric_says_so(truth, told, said)


def no_copy_counts(truth: Truth, gone: Iterable[str], whole: Whole) -> None:
    """Nothing counts that is not whole, nothing is proven that was not, and nothing is lost."""
    before = {(copy.repository, copy.id): copy.proven for copy in truth.copies}
    after = {(copy.repository, copy.id): copy for copy in truth.read()}
    for place, copy in after.items():
        assert place in before or whole(copy), f"{place} counts"
        assert before.get(place) or not copy.proven, f"{place} is proven"
    lost = {id for _, id in before.keys() - after.keys()}
    assert lost <= set(gone), f"{lost} are lost"


def no_metric_says_so(truth: Truth, told: Job, said: Said | None) -> None:
    """Neither what is pushed nor what a controller shows tells of a success."""
    for ended in pushing.results(told, said.answer) if said else ():
        text = backup_push.text(ended)
        assert metrics.LAST_SUCCESS.name not in text, text
        assert f"{metrics.LAST_EXIT_CODE.name} 0.0" not in text, text
    shown = truth.shown(told, said)
    for (name, *labels), value in shown.items():
        if name != metrics.LAST_SUCCESS.name or told.source not in ("", labels[0]):
            continue
        known = [
            copy.taken.timestamp()
            for copy in truth.copies
            if (copy.source, copy.repository) == (labels[0], labels[1])
        ]
        assert value in known, f"{labels} was a success at {value}"
    if told.work in (Work.BACKUP, Work.COPY):
        _the_run_failed(truth, told, shown)


def _the_run_failed(truth: Truth, told: Job, shown: Shown) -> None:
    """The exit code of each source that the run was about is there, and is not 0."""
    kind = metrics.ORIGINAL if told.work is Work.BACKUP else metrics.COPIED
    sources = [told.source] if told.source else {copy.source for copy in truth.copies}
    for source in sources:
        key = (metrics.LAST_EXIT_CODE.name, source, told.repository.name, kind)
        assert shown.get(key), f"{key} in {shown}"
    if told.work is Work.BACKUP and not truth.copies:
        state = [v for (name, *rest), v in shown.items()
                 if name == metrics.STATE.name and rest[0] == told.source]  # fmt: skip
        assert state and 0 not in state, shown


def the_source_serves(source: servers.Source) -> None:
    """It answers, takes writes, and nothing of a backup is left in it."""
    if source.kind == "postgres":
        server = pg.Server(host=source.reach.host, user=scratch.ADMIN)
        programs = pg.installed()[-1]
        left = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quorate'"
            " AND pid <> pg_backend_pid()"
        )
        until(lambda: pg.query(server, "postgres", left, programs) == [0])
        pg.query(server, "shop", "UPDATE t SET v = v WHERE i = 1", programs)
    elif source.kind == "mariadb":
        admin = mariadb.Server(host=source.reach.host, user=scratch.ADMIN)
        mariadb.lines(admin, "UPDATE shop.t SET b = b WHERE a = 1;", mariadb.installed())
        left = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'keeper';"
        until(lambda: mariadb.query(admin, left, mariadb.installed()) == [0])
    else:
        server_ = red.Server(host=source.reach.host, password=servers.PASSWORD)
        assert red.ask(server_, "SET", "key:1", "1") == "OK"
        until(lambda: "connected_slaves:0" in red.ask(server_, "INFO", "replication"))


def _doing(told: Job, now: datetime) -> Doing:
    return Doing(
        work=told.work,
        run=told.run,
        server=told.server,
        repository=told.repository.name,
        source=told.source,
        began=now - timedelta(minutes=1),
    )


def _error(told: Job, said: Said | None) -> QuorateError | None:
    if said is None:
        begun = Begun.of(told, "job", datetime.now(UTC))
        return standing.why_failed(begun, Standing(stage=Stage.ENDED, code=137), "")
    trouble = said.answer.trouble
    return standing.error_of(trouble) if trouble else None
