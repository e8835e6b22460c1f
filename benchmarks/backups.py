"""Backups beside the source document's way: `pg_dump | gzip`, and weekly `tar | gzip` of volumes.

Same data, same machine, in turns. Sizes by `QUORATE_BACKUP_MIB` (of the database, 1024) and
`QUORATE_BACKUP_VOLUME_MIB` (256), repetitions by `QUORATE_BACKUP_ROUNDS` (3).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import backup_ground as ground
from benchmarks import machine
from benchmarks.backup_ground import DATABASE, Ran
from benchmarks.backup_jobs import place_of
from benchmarks.backup_physical import received
from quorate.backup import scratch
from quorate.backup.place import opened
from quorate.tools import pg

MIB = 2**20
WEEKS, WEEKLY_CHANGE, ROW_CHANGE = 4, 0.02, 0.01
PIPE = "set -o pipefail; "


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured, and how often."""

    database: int = 1024 * MIB
    volume: int = 256 * MIB
    rounds: int = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table. `unit`: seconds or bytes; `document`: the document's way.

    `least`: how many times better Quorate has to be; `most`: the share of the document's (or of
    the first copy) that it may take; neither: only told.
    """

    name: str
    unit: str
    document: float
    quorate: float
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float:
        """Times faster, or the share of the bytes."""
        if self.unit == "seconds":
            return self.document / self.quorate
        return self.quorate / self.document

    @property
    def met(self) -> bool | None:
        """Whether it is as good as it should be; None: it only is told."""
        if self.least is not None:
            return self.ratio >= self.least
        return None if self.most is None else self.ratio <= self.most


@dataclass(kw_only=True)
class Measured:
    """Every figure: seconds and bytes by what was run, once for each round; peak memory."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    stored: dict[str, list[float]] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)

    def ran(self, name: str, ran: Ran, told: dict[str, float] | None = None) -> None:
        """A run: by its own clock where it has one, else as a whole process."""
        self.seconds.setdefault(name, []).append((told or {}).get("seconds", ran.seconds))
        self.peak[name] = max(self.peak.get(name, 0), ran.peak)
        if told and "stored" in told:
            self.stored.setdefault(name, []).append(told["stored"])

    def wrote(self, name: str, path: Path) -> None:
        """Bytes that a run left in a file."""
        self.stored.setdefault(name, []).append(path.stat().st_size)

    def took(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def held(self, name: str) -> float:
        return statistics.median(self.stored[name])


class Bench:
    """The measurement of databases, in one place, of one server."""

    def __init__(self, server: pg.Server, place: Path, found: Measured) -> None:
        self.server, self.place, self.found = server, place, found
        self.password = place / "password"
        self.password.write_text("only-for-the-benchmark")
        self.copy = place / "document.sql.gz"

    def told(self, server: pg.Server, **more: str) -> dict[str, str]:
        """What a job is told; its spool is empty."""
        spool = self.place / "spool"
        shutil.rmtree(spool, ignore_errors=True)
        return {
            "host": server.host,
            "user": server.user,
            "database": DATABASE,
            "spool": str(spool),
            "repository": str(self.place / "repository"),
            "password_file": str(self.password),
            **more,
        }

    def dump(self, number: int) -> None:
        """Both ways to dump; then the whole job into a new repository."""
        tool = pg.programs_for(self.server).argv("pg_dump")
        at = f"-h {self.server.host} -U {self.server.user}"
        line = f"{PIPE}{tool} {at} {DATABASE} | gzip > {self.copy}"
        self.found.ran("pg_dump | gzip", ground.run(["bash", "-c", line]))
        self.found.wrote("pg_dump | gzip", self.copy)
        self.found.ran("pg_dump alone", *ground.job("dump-alone", self.told(self.server)))
        self.store("job into restic", run=f"first-{number}", anew=True)

    def store(self, name: str, *, run: str, anew: bool = False) -> None:
        """The whole job."""
        told = self.told(self.server, run=run)
        if anew:
            shutil.rmtree(told["repository"], ignore_errors=True)
            opened(place_of(told)).restic.init()
        self.found.ran(name, *ground.job("job", told))

    def restore_physical(self, home: Path) -> None:
        """A base backup copied, its log replayed, until the server answers."""
        told = self.told(self.server, home=str(home), place=str(self.place))
        self.found.ran("restore: Barman", *ground.job("physical", told))

    def restore(self) -> None:
        """Both ways back, each into an empty server."""
        major = pg.programs_for(self.server).major
        with scratch.postgres(major, self.place) as empty:
            programs = pg.programs_for(empty)
            pg.query(empty, "postgres", f"CREATE DATABASE {DATABASE}", programs)
            psql = f"{programs.argv('psql')} -X -q -v ON_ERROR_STOP=1 -h {empty.host}"
            line = f"{PIPE}gunzip -c {self.copy} | {psql} -U {empty.user} {DATABASE} > /dev/null"
            self.found.ran("restore: gunzip | psql", ground.run(["bash", "-c", line]))
        with scratch.postgres(major, self.place) as empty:
            told = self.told(empty)
            self.found.ran("restore: restic, pg_restore", *ground.job("restore", told))


def databases(sizes: Sizes, place: Path, found: Measured) -> list[Row]:
    """Everything about Postgres."""
    with ground.filled_server(place, sizes.database) as server:
        bench = Bench(server, place, found)
        with received(server, place / "wal") as ran:
            found.ran("base backup by Barman", ran)
        for number in range(sizes.rounds):
            print(f"evidence: backups: round {number + 1} of {sizes.rounds}")
            bench.dump(number)
            bench.restore()
            bench.restore_physical(place / "wal")
        ground.add_rows(server, ROW_CHANGE)
        bench.store("second backup: 1 % new rows", run="added")
        ground.change_rows(server, ROW_CHANGE)
        bench.store("third backup: 1 % random rows changed", run="changed")
    return _database_rows(found)


def _database_rows(found: Measured) -> list[Row]:
    document, first = "pg_dump | gzip", "job into restic"
    dump = found.took(document)
    back = "restore: gunzip | psql"
    return [
        Row(name="the dump itself", unit="seconds", document=dump,
            quorate=found.took("pg_dump alone"), least=3.0),
        Row(name="the whole job into the repository", unit="seconds", document=dump,
            quorate=found.took(first), least=1.0),
        Row(name="what it stores", unit="bytes", document=found.held(document),
            quorate=found.held(first)),
        Row(name="restore, logical", unit="seconds", document=found.took(back),
            quorate=found.took("restore: restic, pg_restore"), least=1.2),
        Row(name="restore, physical (Barman)", unit="seconds", document=found.took(back),
            quorate=found.took("restore: Barman"), least=3.0),
        Row(name="second backup, 1 % new rows (beside our first)", unit="bytes",
            document=found.held(first), quorate=found.held("second backup: 1 % new rows"),
            most=0.05),
        Row(name="third backup, 1 % random rows (beside our first)", unit="bytes",
            document=found.held(first),
            quorate=found.held("third backup: 1 % random rows changed")),
    ]  # fmt: skip


def volumes(sizes: Sizes, place: Path, found: Measured) -> list[Row]:
    """Four weeks of a volume."""
    root = place / "volume"
    ground.fill_volume(root / "data", sizes.volume)
    told = {
        "root": str(root),
        "repository": str(place / "weeks"),
        "password_file": str(place / "weeks-password"),
    }
    Path(told["password_file"]).write_text("only-for-the-benchmark")
    opened(place_of(told)).restic.init()
    for week in range(WEEKS):
        if week:
            ground.change_volume(root / "data", WEEKLY_CHANGE, week)
        copy = place / f"week-{week}.tar.gz"
        line = f"{PIPE}tar -C {root} -c data | gzip > {copy}"
        found.ran("volume: tar | gzip", ground.run(["bash", "-c", line]))
        found.wrote("volume: tar | gzip", copy)
        found.ran("volume: restic", *ground.job("volume", {**told, "run": f"week-{week}"}))
    return [
        Row(name=f"{WEEKS} weeks of a volume, {WEEKLY_CHANGE:.0%} new each week", unit="bytes",
            document=sum(found.stored["volume: tar | gzip"]),
            quorate=sum(found.stored["volume: restic"]), most=0.3),
        Row(name="a week's run", unit="seconds", document=found.took("volume: tar | gzip"),
            quorate=found.took("volume: restic")),
    ]  # fmt: skip


def sizes_asked() -> Sizes:
    """Sizes as the environment has them."""
    plain = Sizes()
    return Sizes(
        database=int(float(os.environ.get("QUORATE_BACKUP_MIB", plain.database / MIB)) * MIB),
        volume=int(float(os.environ.get("QUORATE_BACKUP_VOLUME_MIB", plain.volume / MIB)) * MIB),
        rounds=int(os.environ.get("QUORATE_BACKUP_ROUNDS", plain.rounds)),
    )


def write(directory: Path, place: Path) -> None:
    """Measure, print the table, and write backups.json and backups.md.

    Raises:
        FailedError: a measured command did not end with 0.
    """
    sizes, where, found = sizes_asked(), machine.describe(), Measured()
    room = place / "backups"
    room.mkdir()
    room.chmod(0o711)  # the database's user has to get to its own directory in it
    place.chmod(0o711)
    rows = [*databases(sizes, room, found), *volumes(sizes, room, found)]
    directory.mkdir(parents=True, exist_ok=True)
    data = {
        "title": "Backups",
        "machine": where,
        "sizes": asdict(sizes),
        "rows": [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in rows],
        **asdict(found),
    }
    (directory / "backups.json").write_text(json.dumps(data, indent=1) + "\n")
    text = page(where, sizes, rows, found)
    (directory / "backups.md").write_text(text)
    print(text)


def page(where: dict[str, object], sizes: Sizes, rows: list[Row], found: Measured) -> str:
    """The page."""
    return "\n".join(
        [
            "# Backups, beside the source document's way",
            "",
            f"pgbench's data of {sizes.database / MIB:.0f} MiB and a volume of "
            f"{sizes.volume / MIB:.0f} MiB (half text, half noise);",
            f"the middle one of {sizes.rounds} rounds in turns, {where['measured']}: "
            f"{where['threads']} threads, {where['system']}, kernel {where['kernel']},",
            f"load {where['load']} at the start. The accounts' filler is hexadecimal digits "
            "instead of blanks.",
            "Repeat with `python -m benchmarks.run backups`.",
            "",
            "| What | The document's way | Quorate | Ratio | Target |",
            "| --- | ---: | ---: | ---: | --- |",
            *(_line(row) for row in rows),
            "",
            "| Run | Seconds | Stored, MiB | Peak memory, MiB |",
            "| --- | ---: | ---: | ---: |",
            *(_run_line(name, found) for name in found.seconds),
            "",
            "Memory is that of all processes of a run together, the database server's left out; "
            "pages that",
            "several share are counted for each. Every figure: [backups.json](backups.json).",
            "",
        ]
    )


def _line(row: Row) -> str:
    shown: tuple[str, ...]
    if row.unit == "seconds":
        shown = (f"{row.document:.2f} s", f"{row.quorate:.2f} s", f"{row.ratio:.2f} times")
    else:
        size = (f"{value / MIB:.1f} MiB" for value in (row.document, row.quorate))
        shown = (*size, f"{row.ratio:.1%}")
    if row.least is not None:
        target = f"at least {row.least:g} times"
    elif row.most is not None:
        target = f"at most {row.most:.0%}"
    else:
        target = ""
    verdict = {True: ": met", False: ": **missed**", None: ""}[row.met]
    return f"| {row.name} | {' | '.join(shown)} | {target}{verdict} |"


def _run_line(name: str, found: Measured) -> str:
    stored = f"{found.held(name) / MIB:.1f}" if name in found.stored else ""
    shown = name.replace("|", "\\|")
    peak = f"{found.peak[name] / MIB:.0f}" if name in found.peak else ""
    return f"| {shown} | {found.took(name):.2f} | {stored} | {peak} |"
