"""Data for the office's services: the same for the same amounts, made inside the services.

What makes it lies in benchmarks/office_assets/: SQL, and Python that needs its standard library
alone. A `Door` runs a shell's line in a service's task, so that the same code fills the lab, and
servers of a test's own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).resolve().parent / "office_assets"
KIB, MIB, GIB = 2**10, 2**20, 2**30

Door = Callable[[str, str, Sequence[str]], str]
"""(service, a line for `sh -ec`, words: `$0`, `$1` …) → what it printed."""

SCALE_BYTES = 15.3 * MIB
"""Of pgbench's scale 1, index and history with it."""
ORDER_BYTES, OBJECT_BYTES, CHUNK_BYTES = 340, 128 * KIB, 64
"""Of a row in a partition with its indexes; of a large object; of what it is put together from."""
DOCUMENT_BYTES, EVENT_BYTES, FILE_BYTES = 600, 85, 64 * KIB
SIZES = "QUORATE_OFFICE_SIZES"
"""The environment variable: `full`, `small`, or `tiny`."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How much is made. Databases in bytes on disk; keys, files, issues by number."""

    postgres: int
    mariadb: int
    keys: int
    files: int
    issues: int


FULL = Amounts(postgres=1152 * MIB, mariadb=1152 * MIB, keys=10**6, files=10**5, issues=200_000)
SMALL = Amounts(postgres=64 * MIB, mariadb=64 * MIB, keys=50_000, files=5_000, issues=10_000)
TINY = Amounts(postgres=20 * MIB, mariadb=4 * MIB, keys=2_000, files=1_200, issues=500)
NAMED: Mapping[str, Amounts] = {"full": FULL, "small": SMALL, "tiny": TINY}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made in a service. `size`: bytes as the service counts them; `seconds` it took."""

    service: str
    kind: str
    size: int
    seconds: float
    counts: Mapping[str, Any] = field(default_factory=dict)


def amounts_asked() -> tuple[str, Amounts]:
    """The amounts that the environment asks for, and their name.

    Raises:
        KeyError: it names none of them.
    """
    name = os.environ.get(SIZES, "full")
    return name, NAMED[name]


def filled(name: str, **values: object) -> str:
    """An asset with `@NAME@` replaced."""
    text = (ASSETS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    return text


def postgres_script(size: int) -> str:
    """SQL for psql: three fifths of `size` bytes are pgbench's, a fifth orders, a fifth objects."""
    return filled(
        "postgres.sql",
        scale=max(1, round(size * 0.6 / SCALE_BYTES)),
        orders=max(1000, round(size * 0.2 / ORDER_BYTES)),
        objects=max(4, round(size * 0.2 / (2 * OBJECT_BYTES))),
        chunks=OBJECT_BYTES // CHUNK_BYTES,
    )


def mariadb_script(size: int, database: str) -> str:
    """SQL for MariaDB's client: most of `size` bytes are documents."""
    return filled(
        "mariadb.sql",
        documents=max(200, round(size * 0.75 / DOCUMENT_BYTES)),
        events=max(500, round(size * 0.1 / EVENT_BYTES)),
        files=max(4, round(size * 0.15 / FILE_BYTES)),
        database=database,
    )


def postgres(door: Door, service: str, size: int, *, user: str, database: str) -> Made:
    """Fill a Postgres through its socket, as its superuser."""
    began = time.monotonic()
    client = f"psql -X -q -v ON_ERROR_STOP=1 -U {user}"
    door(service, f'printf %s "$0" | {client} -d {database}', [postgres_script(size)])
    seconds = time.monotonic() - began
    ask = (
        "SELECT json_build_object('bytes', sum(pg_database_size(oid)), 'databases', count(*), "
        "'roles', (SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_')) "
        "FROM pg_database WHERE datallowconn AND NOT datistemplate"
    )
    said = json.loads(door(service, f'{client} -At -d {database} -c "$0"', [ask]))
    return Made(
        service=service, kind="postgres", size=said.pop("bytes"), seconds=seconds, counts=said
    )


def mariadb(
    door: Door, service: str, size: int, *, database: str, client: str = "mariadb -u root"
) -> Made:
    """Fill a MariaDB. `client`: the command line that reaches it as root."""
    began = time.monotonic()
    door(service, f'printf %s "$0" | {client}', [mariadb_script(size, database)])
    seconds = time.monotonic() - began
    ask = (
        "SELECT sum(data_length + index_length), count(DISTINCT table_schema), count(*) "
        "FROM information_schema.tables WHERE engine = 'InnoDB' AND table_schema <> 'mysql'"
    )
    line = f'{client} -N -B -e "ANALYZE TABLE {database}.documents" > /dev/null; '
    words = door(service, f'{line}{client} -N -B -e "$0"', [ask]).split()
    size_there, databases, tables = (int(float(word)) for word in words)
    return Made(
        service=service,
        kind="mariadb",
        size=size_there,
        seconds=seconds,
        counts={"databases": databases, "tables": tables},
    )


def redis(door: Door, service: str, keys: int, *, client: str = "redis-cli") -> Made:
    """Fill a Redis by `redis-cli --pipe`.

    Raises:
        ValueError: it refused some commands.
    """
    began = time.monotonic()
    line = f'python3 -c "$0" {keys} | {client} --pipe'
    said = door(service, line, [filled("redis_keys.py")])
    seconds = time.monotonic() - began
    if "errors: 0" not in said:
        raise ValueError(f"{service} refused commands: {said[-400:]}")
    there = door(service, f"{client} DBSIZE; {client} INFO memory", [])
    memory = next(line for line in there.splitlines() if line.startswith("used_memory:"))
    return Made(
        service=service,
        kind="redis",
        size=int(memory.partition(":")[2]),
        seconds=seconds,
        counts={"keys": int(there.split()[0])},
    )


def files(door: Door, service: str, number: int, *, root: str) -> Made:
    """Fill a volume, from inside a container that has it at `root`."""
    began = time.monotonic()
    said = json.loads(
        door(service, f'python3 -c "$0" {root} {number}', [filled("volume_files.py")])
    )
    return Made(
        service=service,
        kind="volume",
        size=said.pop("bytes"),
        seconds=time.monotonic() - began,
        counts=said,
    )


def gitlab(door: Door, service: str, issues: int, *, root: str = "") -> Made:
    """Fill the stand-in for GitLab by its own command; `root`: what its paths are below."""
    began = time.monotonic()
    repositories, each = max(5, issues // 1000), max(5, issues // 2000)
    fill = f"fill --rows={issues} --repositories={repositories} --files={each} --seed=5"
    door(service, f"gitlab-ctl reconfigure > /dev/null; gitlab-standin {fill}", [])
    size = door(service, f"du -sb {root}/var/opt/gitlab | cut -f 1", [])
    return Made(
        service=service,
        kind="gitlab",
        size=int(size),
        seconds=time.monotonic() - began,
        counts={"issues": issues, "repositories": repositories},
    )
