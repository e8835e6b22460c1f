"""The evidence of the office's backups: the fleet, the amounts, verdicts, the page; no lab."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import (
    office_backups,
    office_controller,
    office_copies,
    office_data,
    office_database,
    office_fleet,
    office_flips,
    office_page,
    office_recovery,
    office_wal,
    run,
)
from benchmarks.measure import FailedError
from benchmarks.office_verdict import Job, Target, cells, held, jobs, overall_rate, red
from quorate.backup.policy.wal import receivers
from quorate.fleet.read import read_fleet

WHERE: dict[str, object] = {"measured": "2026-01-01", "threads": 2, "memory": 24 * 2**30,
                            "system": "Debian", "kernel": "6"}  # fmt: skip
RUN: dict[str, Any] = {
    "runs": [
        {"source": "db", "repository": "near", "server": "a", "outcome": "done", "seconds": 10.0,
         "size": 20 * 2**20, "added": 2**20, "peak": 2**26, "error": None}
    ],
    "refused": [],
    "earlier": [],
    "copied": [
        {"source": "", "repository": "far", "server": "b", "outcome": "failed", "origin": "near",
         "seconds": 4.0, "size": 0, "added": 0, "peak": 0, "error": {"what": "far is full"}}
    ],
    "proofs": [
        {"source": "db", "repository": "near", "copy_id": "1", "server": "c", "proven": True,
         "seconds": 5.0, "size": 20 * 2**20, "error": None},
        {"source": "db", "repository": "far", "copy_id": "2", "server": "c", "proven": False,
         "seconds": 0.0, "size": 0, "differences": ["table x: 2 rows, not 3"], "error": None},
    ],
}  # fmt: skip


def status(proof: str) -> dict[str, Any]:
    copies = [
        {"repository": "near", "state": "ok", "proof": "ok", "size": 5, "restore_seconds": 1.5},
        {"repository": "far", "state": "ok", "proof": proof, "size": 5, "restore_seconds": None},
    ]
    return {"sources": [{"id": "redis", "copies": copies, "problems": []}],
            "unprotected": [], "unread": []}  # fmt: skip


def test_it_is_a_benchmark_by_its_name() -> None:
    assert run.REPORTS[office_page.NAME] is office_backups.write


def test_the_fleet_is_the_offices_and_can_be_read(tmp_path: Path) -> None:
    path = office_fleet.write(tmp_path)
    assert receivers(read_fleet(path)) == ()
    office_fleet.stream(path)
    fleet = read_fleet(path)
    office = read_fleet(office_fleet.OFFICE / "fleet.yaml")
    whole = {service.id: service for service in office.services}
    assert {one.name for one in fleet.services} == set(office_fleet.LIMITS)
    for service in fleet.services:
        assert (service.image, service.pins) == (whole[service.id].image, whole[service.id].pins)
    assert [one.name for one in fleet.backup.repositories] == [
        *(one.name for one in office.backup.repositories),
        "s3",
    ]
    assert {one.place for one in fleet.backup.repositories} == {"local", "sftp", "s3"}
    assert [one.server for one in receivers(fleet)] == ["wsasus"]
    filled = {one.name for one in office_fleet.FILLED}
    assert filled <= set(office_fleet.LIMITS)


def test_the_whole_office_can_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(office_fleet.WHOLE, "1")
    path = office_fleet.write(tmp_path)
    office_fleet.often(path)
    fleet = read_fleet(path)
    assert len(fleet.services) == len(read_fleet(office_fleet.OFFICE / "fleet.yaml").services)
    assert receivers(fleet) == ()


def test_scripts_grow_with_the_amount_and_have_no_place_left_open() -> None:
    for amounts in office_data.NAMED.values():
        texts = [
            office_data.postgres_script(amounts.postgres),
            office_data.mariadb_script(amounts.mariadb, "appwrite"),
        ]
        assert not [text for text in texts if "@" in text.replace("'@'", "")]
        # One argument of a program has room for 128 KiB.
        assert max(map(len, texts)) < 100_000
    full, tiny = (office_data.postgres_script(one.postgres) for one in
                  (office_data.FULL, office_data.TINY))  # fmt: skip
    assert full != tiny


def test_amounts_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(office_data.SIZES, raising=False)
    assert office_data.amounts_asked() == ("full", office_data.FULL)
    monkeypatch.setenv(office_data.SIZES, "tiny")
    assert office_data.amounts_asked() == ("tiny", office_data.TINY)


def test_parts_bring_what_they_stand_on() -> None:
    assert office_backups.chosen("") == tuple(office_backups.PARTS)
    assert office_backups.chosen("flips") == ("data", "copies", "flips")
    assert office_backups.chosen("wal,") == ("data", "wal")
    with pytest.raises(FailedError, match="no such part: nothing"):
        office_backups.chosen("nothing,data")


def test_jobs_are_found_in_every_list_of_an_answer() -> None:
    found = jobs(RUN)
    assert [(one.work, one.repository, one.outcome) for one in found] == [
        ("backup", "near", "done"),
        ("copy", "far", "failed"),
        ("prove", "near", "done"),
        ("prove", "far", "failed"),
    ]
    assert found[0].rate == 2 * 2**20 and found[1].rate is None
    assert found[3].error == "table x: 2 rows, not 3"
    assert overall_rate(found[:1]) == 2 * 2**20
    assert overall_rate(found[1:2]) is None
    assert jobs(None) == ()


def test_a_status_is_green_only_when_all_of_it_is() -> None:
    assert red(status("ok")) == ()
    assert red(status("failed")) == ("redis in far: copy ok, proof failed",)
    assert [cell.good for cell in cells(status("waiting"))] == [True, False]
    unread = {**status("ok"), "unread": [{"name": "far", "why": "gone"}]}
    assert red(unread) == ("unread: far: gone",)


def copies_raw(code: int, proof: str, answer: dict[str, Any]) -> dict[str, Any]:
    verdict = 0 if proof == "ok" else 4
    return {"run": {"code": code, "seconds": 30.0, "answer": answer},
            "status": {"code": verdict, "answer": status(proof)}}  # fmt: skip


def test_copies_are_as_they_should_be_or_not() -> None:
    good = {"runs": RUN["runs"], "proofs": RUN["proofs"][:1]}
    assert all(one.met for one in office_copies.copies_targets(copies_raw(0, "ok", good)))
    bad = office_copies.copies_targets(copies_raw(4, "failed", RUN))
    assert [one.met for one in bad] == [False, False, False]
    assert "2 jobs failed" in bad[0].seen
    nothing = office_copies.copies_targets(
        {"run": {"code": 0, "seconds": 1.0, "answer": {}}, "status": {"code": 0, "answer": None}}
    )
    assert nothing[1].met is False
    error = {"error": "EngineError", "what": "no network", "cause": "it is there", "todo": None}
    ended = office_copies.copies_targets(copies_raw(6, "waiting", error))
    assert ended[0].seen == "exit code 6, 0 jobs failed, 30 s: no network: it is there"


def made(size: int, keys: int, files: int) -> dict[str, Any]:
    def one(service: str, counts: dict[str, Any]) -> dict[str, Any]:
        return {"service": service, "kind": "x", "size": size, "seconds": 1.0, "counts": counts}

    return {
        "made": [
            one("gibd-postgres", {"databases": 3}),
            one("appwrite-mariadb", {"tables": 5}),
            one("gibd-redis", {"keys": keys}),
            one("appwrite", {"kinds": {"file": files - 1, "pipe": 1}, "attributes": True}),
        ]
    }


def test_there_is_enough_data_or_not() -> None:
    assert [one.met for one in office_copies.data_targets(made(2**30, 10**6, 10**5))] == [True] * 4
    assert [one.met for one in office_copies.data_targets(made(2**20, 10, 10))] == [False] * 4
    text = "\n".join(office_copies.data_section(made(2**30, 10, 10)))
    assert "| appwrite | x | 1024.0 | 1 | 9 × file, 1 × pipe, with attributes |" in text


def flip(proof: int, words: str, again: bool) -> dict[str, Any]:
    return {"repository": "s3", "place": "s3", "pack_bytes": 10, "offset": 5,
            "proof_code": proof,
            "proof_seconds": 3.0, "why": "a | b", "status_code": 4, "status": words,
            "mending": "", "mended_seconds": 2.0, "green_again": again}  # fmt: skip


@pytest.mark.parametrize(
    ("proof", "words", "again", "met"),
    [
        (4, "copy ok, proof failed", True, True),
        (0, "copy ok, proof failed", True, False),
        (4, "copy ok, proof ok", True, False),
        (4, "copy ok, proof failed", False, False),
    ],
)
def test_a_changed_byte_is_found_told_and_mended(
    proof: int, words: str, again: bool, met: bool
) -> None:
    raw = {"flips": [flip(proof, words, again)], "after": [True], "after_code": 0}
    (found,) = office_flips.targets(raw)
    assert found.met is met
    assert "a \\| b" in "\n".join(office_flips.section(raw))


def test_copies_that_are_not_proven_are_red() -> None:
    assert office_flips.red_copies(RUN) == ("2",)
    assert office_flips.reasons(RUN) == "table x: 2 rows, not 3"
    assert office_flips.red_copies(None) == ()


def test_what_a_writer_said_is_read_and_a_cut_line_is_not() -> None:
    lines = ["row 1 100.0\n", 'state 100.5 {"rows": 1}\n', "row 2 101.0\n", "row 3 1"]
    found = office_wal.written(lines)
    assert found.rows == {1: 100.0, 2: 101.0}
    assert found.states == ((100.5, {"rows": 1}),)


def test_rows_and_seconds_that_are_missing() -> None:
    rows = {1: 100.0, 2: 101.0, 3: 104.0}
    assert office_wal.missing(rows, [1, 2, 3, 4]) == (0, 0.0)
    assert office_wal.missing(rows, [1]) == (2, 3.0)


def wal_raw(seconds: float, restored: int) -> dict[str, Any]:
    recovery = {"seconds": 9.0, "copying": 4.0, "segments": 3, "state": {"rows": 9}}
    return {
        "acknowledged": 50, "writing_seconds": 20.0, "second_base_seconds": 5.0,
        "missing_rows": 1, "missing_seconds": seconds, "receiving_again_after": None,
        "moments": [{"moment": 1.0, "recorded": {"rows": 7}, "restored": {"rows": restored}}],
        "recoveries": [recovery, recovery],
    }  # fmt: skip


def test_the_log_is_good_enough_or_not() -> None:
    assert [one.met for one in office_wal.targets(wal_raw(1.9, 7))] == [True, True]
    assert [one.met for one in office_wal.targets(wal_raw(2.1, 8))] == [False, False]
    text = "\n".join(office_wal.section(wal_raw(0.5, 8)))
    assert "| 7 rows | 9.0 | 4.0 | 3 | **another** |" in text
    assert "never protected" in text


def killed(**changed: Any) -> dict[str, Any]:
    usual = {"work": "copy", "way": "power", "server": "a", "back_seconds": 30.0, "back_on": "b",
             "settled_seconds": 50.0, "left": [], "counted_code": 0, "counted": 2,
             "counted_right": 2, "next_code": 0, "next_seconds": 20.0}  # fmt: skip
    return {**usual, **changed}


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({}, True),
        ({"back_seconds": 61.0}, False),
        ({"back_seconds": None, "back_on": ""}, False),
        ({"back_on": "a"}, False),
        ({"back_on": "a", "way": "kill"}, True),
        ({"left": ["db: 0 of 1"]}, False),
        ({"counted_right": 1}, False),
        ({"next_code": 6}, False),
    ],
)
def test_a_killed_controller_leaves_nothing(changed: dict[str, Any], met: bool) -> None:
    raw = {"cases": [killed(**changed)]}
    (found,) = office_controller.targets(raw)
    assert found.met is met
    assert len(list(office_controller.section(raw))) == 6


def recovered(**changed: Any) -> dict[str, Any]:
    usual = {"servers": ["a", "b"], "seconds": 400.0, "rto": 300.0, "rpo": {"db": 60.0, "x": None},
             "expected": 200.0, "steps": [{"says": "form a swarm", "seconds": 9.0, "at": ""}],
             "settled_seconds": 0.0, "down": [], "before": {"db": "1"}, "after": {"db": "1"},
             "asked_seconds": 1.0}  # fmt: skip
    return {**usual, **changed}


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({}, [True, True]),
        ({"rto": 901.0}, [False, True]),
        ({"rto": None}, [False, True]),
        ({"down": ["db: 0 of 1"]}, [False, True]),
        ({"after": {"db": "2"}}, [True, False]),
        ({"after": {}}, [True, False]),
        ({"before": {}}, [True, False]),
    ],
)
def test_all_of_it_is_back_in_time_or_not(changed: dict[str, Any], met: list[bool]) -> None:
    raw = recovered(**changed)
    assert [one.met for one in office_recovery.targets(raw)] == met


def test_a_recovery_is_told_with_its_steps_and_what_was_lost() -> None:
    text = "\n".join(office_recovery.section(recovered()))
    assert "took 400 s in all, 300 s until" in text
    assert "| form a swarm | 9.0 |" in text and "was what was written in: db 60 s." in text


@pytest.mark.parametrize(
    ("changed", "met"),
    [({}, True), ({"rto": 60.1}, False), ({"same": False}, False), ({"damaged": False}, False)],
)
def test_a_database_is_back_in_time_with_its_data_or_not(
    changed: dict[str, Any], *, met: bool
) -> None:
    one = {"service": "db", "kind": "postgres", "seconds": 50.0, "rto": 44.0, "rpo": 9.0,
           "damaged": True, "same": True}  # fmt: skip
    raw = {"databases": [{**one, **changed}]}
    (found,) = office_database.targets(raw)
    assert found.met is met
    assert "| db |" in "\n".join(office_database.section(raw))


def test_cases_can_be_named() -> None:
    assert len(office_controller.cases("")) == 8
    assert office_controller.cases("quiesce:power, backup:kill") == (
        ("backup", "kill"),
        ("quiesce", "power"),
    )
    with pytest.raises(FailedError, match="no such case: backup:fire"):
        office_controller.cases("backup:fire")


def test_a_case_that_is_measured_again_takes_the_place_of_the_former() -> None:
    one, other = {"work": "backup", "way": "kill"}, {"work": "prune", "way": "power"}
    former = {"cases": [{**one, "n": 1}, {**other, "n": 2}]}
    new = {"cases": [{**one, "n": 3}, {"work": "copy", "way": "kill", "n": 4}]}
    made = office_controller.joined(former, new)
    assert [case["n"] for case in made["cases"]] == [3, 4, 2]


def test_a_metric_is_read_with_labels_and_without() -> None:
    text = 'x_active{fleet="a"} 1.0\nround_ok 0.0\n'
    assert office_controller.value_of(text, "x_active") == 1.0
    assert office_controller.value_of(text, "round_ok") == 0.0
    assert office_controller.value_of(text, "ok") is None


def test_parts_are_written_beside_former_ones(tmp_path: Path) -> None:
    about: dict[str, Any] = {"machine": WHERE, "sizes": {"name": "tiny"}, "services": 8}
    office_backups.written(
        tmp_path,
        {"data": {**about, "raw": made(2**30, 10**6, 10**5)}},
    )
    found = office_backups.former(tmp_path / "office-backups.json")
    found["copies"] = {**about, "raw": copies_raw(4, "failed", RUN)}
    office_backups.written(tmp_path, found)
    kept = json.loads((tmp_path / "office-backups.json").read_text())
    assert list(kept["parts"]) == ["data", "copies"]
    text = (tmp_path / "office-backups.md").read_text()
    assert "Measured (data, copies): 2026-01-01, 2 threads, 24 GiB" in text
    assert "8 services, amounts: tiny." in text
    assert "| data | Postgres' data | at least 1 GiB | 1.00 GiB | met |" in text
    assert "exit code 4, 2 jobs failed, 30 s | **not met** |" in text
    assert "| wal | all of it |  |  | not tried |" in text
    assert "| copy: **far is full** |" in text
    assert (tmp_path / "office-backups.svg").read_text().count("<rect") == 1 + 3 + 3


def test_what_is_made_again_to_stand_on_keeps_its_former_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Here:  # a lab in name only
        verbs = ()

        def desired(self) -> Any:
            return type("Desired", (), {"services": ()})

    @contextmanager
    def running(*told: Any) -> Iterator[Here]:
        del told
        yield Here()

    part = office_backups.PARTS["data"]
    names = {"data": dataclasses.replace(part, measure=lambda *_: {"size": "small"})}
    names["wal"] = dataclasses.replace(part, measure=lambda *_: {"size": "new"})
    monkeypatch.setattr(office_backups, "PARTS", names)
    monkeypatch.setattr(office_backups, "running", running)
    monkeypatch.setattr(office_backups, "former", lambda _: {"data": {"raw": {"size": "full"}}})
    monkeypatch.setattr(office_fleet, "write", lambda _: tmp_path / "fleet.yaml")
    monkeypatch.setenv(office_backups.SOME, "wal")
    kept: dict[str, Any] = {}
    monkeypatch.setattr(office_backups, "written", lambda _, found: kept.update(found))
    office_backups.write(tmp_path, tmp_path)
    assert {name: one["raw"]["size"] for name, one in kept.items()} == {
        "data": "full",
        "wal": "new",
    }


def test_a_database_is_compared_by_its_name() -> None:
    text = "database a\nt|1:2\nu|0:0\ndatabase b c\nt|3:4\n"
    assert office_database.by_database(text) == {"a": "t|1:2\nu|0:0", "b c": "t|3:4"}
    assert office_database.by_database("x.t\t12\n") == {"": "x.t\t12"}


def test_a_picture_of_nothing_is_one() -> None:
    one = Job(work="prove", source="a<b", repository="r", server="s", outcome="done", seconds=2.0)
    assert "a&lt;b" in office_page.picture([one])
    assert office_page.picture([]).startswith("<svg")


def test_only_what_is_not_met_is_a_failure() -> None:
    def target(met: bool | None) -> Target:
        return Target(part="", what="", wanted="", seen="", met=met)

    assert held([target(True), target(None)])
    assert not held([target(True), target(False)])
