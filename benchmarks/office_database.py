"""Part `database`: every row of a database gone in a bad migration; one command brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.office_copies import as_root
from benchmarks.office_fleet import FILLED, Service
from benchmarks.office_ground import Ground
from benchmarks.office_recovery import content
from benchmarks.office_verdict import Raw, Target

LIMIT_SECONDS = 60.0
HEAD = "database "
KINDS = ("postgres", "mariadb")
POSTGRES = """psql -X -q -v ON_ERROR_STOP=1 -U "$0" -d "$1" -c "$2" """
TRUNCATE = """
DO $$ DECLARE found text; BEGIN
  FOR found IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
  LOOP EXECUTE 'TRUNCATE ' || found || ' CASCADE'; END LOOP;
END $$
"""
MARIADB = """
mariadb -u root -N -B -e "SELECT concat('TRUNCATE \\`', table_schema, '\\`.\\`', table_name, '\\`;')
  FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = '$0'" |
{ echo 'SET foreign_key_checks = 0;'; cat; } | mariadb -u root
"""


def measure(here: Ground) -> dict[str, Any]:
    """Back each of the large databases up, empty it, recover it, compare.

    Raises:
        FailedError: a verb failed.
    """
    chosen = [one for one in FILLED if one.kind in KINDS and one.source == one.name]
    return {"databases": [_measured(here, one) for one in chosen]}


def _measured(here: Ground, service: Service) -> dict[str, Any]:
    name = service.name
    print(f"evidence: office-backups: database: {name}", flush=True)
    here.backup("run", service.source, "--prove")
    before = by_database(content(here, service))
    _emptied(here, service)
    emptied = by_database(content(here, service))
    where = ("--fleet", str(here.fleet), "--lab", "--json")
    verb = here.run("recover", "database", name, "--yes-really", name, *where)
    answer: Any = verb.answer
    after = by_database(content(here, service))
    return {
        "service": name,
        "kind": service.kind,
        "seconds": verb.seconds,
        "rto": answer["rto_seconds"],
        "rpo": answer["rpo_seconds"],
        "filled": answer["restore_seconds"],
        "steps": {
            one["step"]: one["seconds"]
            for one in answer["operation"]["entries"]
            if one["seconds"] is not None
        },
        "said": verb.said.splitlines(),
        "damaged": emptied != before,
        # The damaged one is kept beside it, under another name.
        "same": {name: after.get(name) for name in before} == before,
    }


def by_database(text: str) -> dict[str, str]:
    """What is said of each database, by its name; all of it by none where no names are said."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(HEAD):
            name = line.removeprefix(HEAD)
        else:
            found.setdefault(name, []).append(line)
    return {one: "\n".join(lines) for one, lines in found.items()}


def _emptied(here: Ground, service: Service) -> None:
    if service.kind == "postgres":
        here.inside(service.name, POSTGRES, [service.user, service.database, TRUNCATE])
    else:
        as_root(here.inside)(service.name, MARIADB, [service.database])


def targets(raw: Raw) -> tuple[Target, ...]:
    """Back in time, and as it was."""
    return tuple(
        Target(
            part="database",
            what=f"`recover database {one['service']}`",
            wanted=f"within {LIMIT_SECONDS:.0f} s, the same data",
            seen=f"{one['rto']:.1f} s, {'the same' if one['same'] else 'other data'}",
            met=one["rto"] <= LIMIT_SECONDS and one["same"] and one["damaged"],
        )
        for one in raw["databases"]
    )


def section(raw: Raw) -> Iterator[str]:
    """Each database, with what it took and what was lost."""
    yield from ("## A database back after a bad migration", "")
    yield (
        "Every table of it was emptied. RTO: from the first step until it and what uses it is "
        "well, its damaged data kept; RPO: how old the copy was. Filled: the part of it from an "
        "empty server to a full one; the rest is fetched, kept, counted, started. The command as a "
        "whole also reads the repositories before."
    )
    yield from ("", "| Database | RTO, s | Filled, s | Command, s | RPO, s | Data |")
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for one in raw["databases"]:
        same = "the same" if one["same"] else "**other data**"
        times = " | ".join(_seconds(one.get(key)) for key in ("rto", "filled", "seconds", "rpo"))
        yield f"| {one['service']} | {times} | {same} |"
    yield ""


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
