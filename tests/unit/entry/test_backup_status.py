"""`quorate backup status`: the grid, its JSON, its exit code; from copies that are given."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from quorate import assessing
from quorate.backup.jobs.model import Holds
from quorate.backup.model import Kind, Snapshot
from quorate.backup.policy.coverage import coverage
from quorate.backup.policy.grid import BackupStatus, Evidence, backup_status
from quorate.backup.policy.rehearsals import History, Rehearsal
from quorate.backup.policy.sources import Unprotected, planned
from quorate.backup.wal.standing import Log
from quorate.entry.cli.backup_status_view import render_status
from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.entry.web.status_page import page
from quorate.fleet.read import read_fleet
from quorate.serving import reading
from quorate.serving.reading import Catalogue
from quorate.tools import clock
from tests.unit.backup.policy.made import DAY, HOUR, NOW, copy, proof
from tests.unit.fleet.helpers import FLEET, written

SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
    far: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  exclude: [system/one, system/two, system/three, swarm, configs]
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
volumes: {d: }
"""
MIDNIGHT = NOW.replace(hour=0)


def copies() -> list[Snapshot]:
    """Three days, here and off-site, all proven."""
    here = [
        copy(MIDNIGHT - back * DAY, proof=proof(at=MIDNIGHT - back * DAY + 6 * HOUR))
        for back in range(3)
    ]
    away = [
        replace(
            one,
            id=f"far-{one.id}",
            repository="far",
            original=one.id,
            received=one.taken + 4 * HOUR,
        )
        for one in here
    ]
    return [*here, *away]


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    return str(written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE}))


def status(monkeypatch: pytest.MonkeyPatch, found: Catalogue, *words: str) -> Result:
    monkeypatch.setattr(reading, "read", lambda fleet: found)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return CliRunner().invoke(build(), ["backup", "status", "--direct", *words])


def as_json(result: Result) -> Any:
    made = json.loads(result.stdout)
    jsonschema.validate(made, schema("backup-status"))
    return made


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, fleet: str) -> None:
    result = status(monkeypatch, Catalogue(snapshots=tuple(copies())), fleet, "--json")
    assert result.exit_code == 0, result.output
    made = as_json(result)
    (db,) = (one for one in made["sources"] if one["id"] == "db")
    assert made["good"] and db["good"]
    assert (db["backed_up"], db["offsite"], db["proven"]) == ("ok", "ok", "ok")
    assert (db["age"], db["size"], db["rpo"], db["rto"]) == (43200, 1000, 86400, 60)
    assert [(one["repository"], one["copies"]) for one in db["copies"]] == [("near", 3), ("far", 3)]
    assert db["copies"][0]["restore_seconds"] == 60
    text = status(monkeypatch, Catalogue(snapshots=tuple(copies())), fleet).stdout
    assert "1 source, all as they should be" in text
    assert "12 h" in text and "Wed 01 Jul 00:00" in text


def test_a_copy_that_does_not_restore_is_exit_code_4(
    monkeypatch: pytest.MonkeyPatch, fleet: str
) -> None:
    bad = [
        replace(one, proof=proof(False, at=NOW - HOUR)) if one.id == "far-0630-0000" else one
        for one in copies()
    ]
    result = status(monkeypatch, Catalogue(snapshots=tuple(bad)), fleet)
    assert result.exit_code == 4
    assert "db: far: the newest copy does not restore: public.users: 10 rows" in result.stdout
    assert "1 of 1 source not as it should be" in result.stdout


def test_nothing_there_is_said_of_every_question(
    monkeypatch: pytest.MonkeyPatch, fleet: str
) -> None:
    result = status(monkeypatch, Catalogue(), fleet, "--json")
    assert result.exit_code == 4
    (db,) = (one for one in as_json(result)["sources"] if one["id"] == "db")
    assert {db["backed_up"], db["offsite"], db["proven"]} == {"never"}
    assert db["missing"] == ["no copy at all"]


def test_what_could_not_be_read_is_never_good(monkeypatch: pytest.MonkeyPatch, fleet: str) -> None:
    found = Catalogue(snapshots=tuple(copies()), unread={"far": "it does not answer"})
    result = status(monkeypatch, found, fleet)
    assert result.exit_code == 4
    assert "not read: far: it does not answer" in result.stdout
    assert as_json(status(monkeypatch, found, fleet, "--json"))["good"] is False


def test_what_nobody_backs_up_is_red(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compose = COMPOSE.replace('"d:/var/lib/postgresql"', '"d:/var/lib/postgresql", "/nameless"')
    path = str(written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": compose}))
    found = Catalogue(snapshots=tuple(copies()))
    result = status(monkeypatch, found, path)
    assert result.exit_code == 4
    assert "unprotected: db: /nameless: a volume without a name" in result.stdout


def test_bad_is_red_and_good_is_green_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, fleet: str
) -> None:
    monkeypatch.setattr(reading, "read", lambda fleet: Catalogue())
    monkeypatch.setattr(clock, "now", lambda: NOW)
    made = assessing.read_from_here(read_fleet(Path(fleet)))
    out = io.StringIO()
    render_status(made, UTC, Console(file=out, force_terminal=True, width=160))
    assert "\x1b[1;31mnever" in out.getvalue()


def test_a_copy_of_another_kind_is_no_trouble(monkeypatch: pytest.MonkeyPatch, fleet: str) -> None:
    """Copies of what the fleet no longer has are in the repositories for a while."""
    old = replace(copies()[0], id="old", source="gone", kind=Kind.VOLUME,
                  taken=NOW - timedelta(days=90), received=NOW - timedelta(days=90))  # fmt: skip
    result = status(monkeypatch, Catalogue(snapshots=(*copies(), old)), fleet)
    assert result.exit_code == 0, result.output


HOLDS = {"near": Holds(stored=40 * 2**30, free=5 * 2**30, disk=100 * 2**30)}


def live(fleet: str, **evidence: Any) -> BackupStatus:
    """As the swarm would be asked: `db` runs on one."""
    found, homes = copies(), {"db": ("one",)}
    read = read_fleet(Path(fleet))
    rows = coverage(read, planned(read, homes), found, zone=UTC, now=NOW)
    without = evidence.pop("unprotected", ())
    return backup_status(read, rows, without, Evidence(snapshots=found, **evidence), now=NOW)


def test_repositories_are_counted_with_what_they_take(fleet: str) -> None:
    made = live(fleet, holds=HOLDS)
    near, far = made.repositories
    assert (near.copies, near.sources, near.server) == (3, 1, "two")
    assert (near.stored, near.free, near.room) == (40 * 2**30, 5 * 2**30, 100 * 2**30)
    assert (far.stored, far.free, far.offsite) == (None, None, True)
    assert (made.totals.sources, made.totals.copies, made.totals.stored) == (1, 6, None)
    assert made.good and made.totals.three_two_one == 1


def log(**more: Any) -> Log:
    said: dict[str, Any] = {
        "source": "db",
        "server": "two",
        "good": True,
        "state": "streaming",
        "why": "",
        "at": NOW,
        "behind_seconds": 3.0,
        "slot": "reserved",
        "slot_room": 900 * 2**20,
        "slot_bound": 2**30,
        "restorable_from": NOW - DAY,
        **more,
    }
    return Log(**said)


def test_a_log_that_is_behind_is_red(fleet: str) -> None:
    good = live(fleet, logs=(log(),))
    out = io.StringIO()
    render_status(good, UTC, Console(file=out, width=80))
    assert good.good and "900 MiB of 1 GiB" in out.getvalue() and "streaming" in out.getvalue()
    bad = live(fleet, logs=(log(good=False, state="unreachable", why="refused"),))
    assert not bad.good and all(one.good for one in bad.sources)
    render_status(bad, UTC, Console(file=out, width=80))
    for words in ("write-ahead log of db: the log is not received: refused",
                  "1 of the write-ahead logs not as they should be"):  # fmt: skip
        assert words in out.getvalue(), out.getvalue()
    assert "write-ahead log of db" in page(bad, UTC)
    jsonschema.validate(json.loads(bad.model_dump_json()), schema("backup-status"))


def test_a_server_that_was_not_asked_is_not_good(fleet: str) -> None:
    made = live(fleet, unasked={"two": "it does not answer"})
    assert not made.good and all(one.good for one in made.sources)


def test_what_moved_since_it_was_copied_is_told(fleet: str) -> None:
    assert live(fleet).sources[0].moved == ""
    read = read_fleet(Path(fleet))
    found = [replace(one, server="three") for one in copies()]
    rows = coverage(read, planned(read, {"db": ("one",)}), found, zone=UTC, now=NOW)
    made = backup_status(read, rows, (), Evidence(snapshots=found), now=NOW)
    assert made.sources[0].moved == "three"
    out = io.StringIO()
    render_status(made, UTC, Console(file=out, width=120))
    assert "db: is on one now; the newest copy is of what was on three" in out.getvalue()


def test_what_was_proven_beside_its_source_is_told(fleet: str) -> None:
    read = read_fleet(Path(fleet))
    found = [
        replace(one, server="one", proof=replace(one.proof, server="one"))
        for one in copies()
        if one.proof
    ]
    rows = coverage(read, planned(read, {"db": ("one",)}), found, zone=UTC, now=NOW)
    made = backup_status(read, rows, (), Evidence(snapshots=found), now=NOW)
    assert made.good and made.sources[0].beside == "one"
    out = io.StringIO()
    render_status(made, UTC, Console(file=out, width=120))
    words = "was proven on one, its own server"
    assert f"db: {words}" in out.getvalue() and words in page(made, UTC)


@pytest.mark.parametrize("width", [80, 120])
def test_the_grid_fits_into_the_terminal(fleet: str, width: int) -> None:
    out = io.StringIO()
    render_status(live(fleet, holds=HOLDS), UTC, Console(file=out, width=width))
    grid = out.getvalue().split("\n\n")[0]
    assert max(map(len, grid.splitlines())) <= width
    for word in ("3-2-1", "age", "RPO", "RTO", "proven" if width > 100 else "proof"):
        assert word in grid


def test_the_page_shows_all_of_it_and_escapes_it(fleet: str) -> None:
    stranger = Unprotected(what="<old>", server="two", why="nobody mounts it")
    made = live(fleet, holds=HOLDS, unprotected=(stranger,), unasked={"three": "silent"})
    found = page(made, UTC)
    assert "&lt;old&gt; on two" in found and "<old>" not in found
    assert "1 that no backup holds, 1 server not asked" in found
    assert "5 GiB free of 100 GiB" in found and 'class="tile good"' in found
    assert "<script" not in found and "http" not in found.replace("http-equiv", "")
    assert page(live(fleet), UTC).count("as they should be") >= 2


def test_without_a_manager_servers_count_as_not_asked(fleet: str) -> None:
    read = read_fleet(Path(fleet))
    made = assessing.nobody_asked(live(fleet), read, "no manager answers")
    assert not made.good
    assert {one.name for one in made.unasked} == {"one", "two", "three"}


def test_rehearsed_recoveries_have_a_table_of_their_own(tmp_path: Path) -> None:
    more = "  rehearse: true\n  kinds: {postgres: {lose_at_most: 1h}}\n"
    path = written(tmp_path, {"fleet.yaml": FLEET + SECTION + more, "compose.yaml": COMPOSE})
    read, found = read_fleet(path), copies()
    done = Rehearsal(at=NOW - DAY, ok=True, rto=95.0, rpo=7200.0, server="three")
    history = History(of={"db": (done,)}, since=NOW - 90 * DAY)
    rows = coverage(
        read, planned(read, {"db": ("one",)}), found, zone=UTC, now=NOW, rehearsals=history
    )
    made = backup_status(read, rows, (), Evidence(snapshots=found), now=NOW)
    jsonschema.validate(made.model_dump(mode="json"), schema("backup-status"))
    out = io.StringIO()
    render_status(made, UTC, Console(file=out, force_terminal=False, width=160))
    (line,) = [one for one in out.getvalue().splitlines() if "three" in one and "db" in one]
    assert line.split() == [
        *("db", "ok", f"{NOW - DAY:%Y-%m-%d}", "12:00", "three"),
        *("1", "min", "35", "s", "30", "min", "2", "h", "1", "h"),
    ]
    said = "db: its rehearsed recovery would have lost 2 h, and may lose 1 h"
    assert said in out.getvalue() and not made.good
