"""One backup job of Quorate's in a process of its own, so that its memory can be measured.

`python -m benchmarks.backup_jobs NAME TOLD`: TOLD is JSON, and so is the one line of its answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup import catalogue, filetree
from quorate.backup.model import Kind, Source
from quorate.backup.place import Place, PlaceType, Repository, opened
from quorate.backup.pruning import stored
from quorate.backup.repository import Payload, store
from quorate.backup.sources.postgres import Postgres
from quorate.backup.sources.postgres_seen import hold
from quorate.backup.wal import recover
from quorate.tools import clock, pg

JOBS = 2
Told = Mapping[str, str]


def dump_alone(told: Told) -> dict[str, float]:
    """pg_dump as Quorate runs it, without counting anything."""
    server = _server(told)
    programs = pg.programs_for(server)
    with ExitStack() as stack:
        held = hold(server, told["database"], programs, stack)
        began = clock.monotonic()
        pg.dump(
            server,
            told["database"],
            programs,
            Path(told["spool"]),
            snapshot=held.snapshot,
            jobs=JOBS,
            timeout=86400.0,
        )
        return {"seconds": clock.monotonic() - began}


def whole_job(told: Told) -> dict[str, float]:
    """Dump, count and hash every row in the same snapshot, read back, store, verify, mark."""
    spool, repository = Path(told["spool"]), _repository(told)
    before = stored(repository.place) or 0
    began = clock.monotonic()
    manifest = Postgres(server=_server(told), jobs=JOBS).dump(spool)
    dumped = clock.monotonic()
    payload = Payload(
        source=Source(id="db", kind=Kind.POSTGRES),
        run=told["run"],
        server="here",
        taken=datetime.now(UTC),
        manifest=manifest,
        root=spool,
        paths=tuple(sorted(path.name for path in spool.iterdir())),
    )
    store(repository, payload)
    ended = clock.monotonic()
    return {
        "seconds": ended - began,
        "dump_seconds": dumped - began,
        "stored": (stored(repository.place) or 0) - before,
    }


def restore(told: Told) -> dict[str, float]:
    """The newest copy out of the repository, into an empty server."""
    repository, into = _repository(told), Path(told["spool"])
    newest = catalogue.read(repository)[-1]
    began = clock.monotonic()
    repository.restic.restore(newest.id, into)
    fetched = clock.monotonic()
    restored = Postgres(server=_server(told), jobs=JOBS).restore(into)
    return {
        # Without looking at what came of it, which is the proof's part.
        "seconds": fetched - began + restored.seconds,
        "fetch_seconds": fetched - began,
        "tables": len(restored.manifest.parts),
    }


def physical(told: Told) -> dict[str, float]:
    """The last state that Barman has, until a server answers with it."""
    with recover.tried(Path(told["home"]), None, Path(told["place"]), role=told["user"]) as found:
        done = found[1]
    return {"seconds": done.seconds, "copying": done.copying, "segments": done.segments}


def volume(told: Told) -> dict[str, float]:
    """A volume's files into the repository."""
    root, repository = Path(told["root"]), _repository(told)
    before = stored(repository.place) or 0
    began = clock.monotonic()
    payload = Payload(
        source=Source(id="volume/files", kind=Kind.VOLUME),
        run=told["run"],
        server="here",
        taken=datetime.now(UTC),
        manifest=filetree.manifest_of(root / "data"),
        root=root,
        paths=("data",),
    )
    store(repository, payload)
    seconds = clock.monotonic() - began
    return {"seconds": seconds, "stored": (stored(repository.place) or 0) - before}


JOB: dict[str, Callable[[Told], dict[str, float]]] = {
    "dump-alone": dump_alone,
    "job": whole_job,
    "restore": restore,
    "physical": physical,
    "volume": volume,
}


def place_of(told: Told) -> Place:
    """The repository on this machine that a job is told of."""
    return Place(
        name="bench",
        type=PlaceType.LOCAL,
        location=told["repository"],
        password_file=Path(told["password_file"]),
    )


def _repository(told: Told) -> Repository:
    return opened(place_of(told))


def _server(told: Told) -> pg.Server:
    return pg.Server(host=told["host"], user=told["user"])


if __name__ == "__main__":
    print(json.dumps(JOB[sys.argv[1]](json.loads(sys.argv[2]))))
