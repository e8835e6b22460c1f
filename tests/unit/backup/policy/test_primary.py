"""What a Postgres needs so that its log can be received, as a diff."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.policy import primary
from quorate.backup.policy.primary import Record, Seen, Step, Wanted

WANTED = Wanted(role="quorate_wal", room=4 * 2**30)
HBA = "local all all trust\nhost all all all scram-sha-256\n"
FRESH = Seen(
    version=16,
    superuser=True,
    in_recovery=False,
    level="replica",
    max_slots=10,
    slots=0,
    max_senders=10,
    room=None,
    room_set=None,
    hba_path="/data/pg_hba.conf",
    hba=HBA,
    role=False,
    lacking=("pg_read_all_settings",),
)
READY = replace(
    FRESH,
    room=WANTED.room,
    room_set="4096MB",
    hba=primary.with_line(HBA, WANTED),
    role=True,
    replication=True,
    login=True,
    password=True,
    lacking=(),
    comment=primary.comment(Record(room_before=None, room_ours="4096MB", role_before=False)),
)


def steps(seen: Seen) -> list[Step]:
    return [change.step for change in primary.changes(seen, WANTED)]


def test_a_fresh_server_of_the_official_image_needs_all_of_it() -> None:
    found = primary.changes(FRESH, WANTED)
    assert [change.line for change in found] == [
        "+ role quorate_wal: may log in and replicate, and read no table",
        "+ rights of quorate_wal: pg_read_all_settings",
        "~ max_slot_wal_keep_size: unbounded → 4 GiB",
        "+ /data/pg_hba.conf: host replication,postgres quorate_wal samenet scram-sha-256",
    ]
    assert primary.lacks(FRESH) == ()


def test_a_server_that_is_ready_needs_nothing() -> None:
    assert primary.changes(READY, WANTED) == ()


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"password": False}, Step.ROLE),
        ({"replication": False}, Step.ROLE),
        ({"login": False}, Step.ROLE),
        ({"lacking": ("EXECUTE ON FUNCTION pg_catalog.pg_switch_wal()",)}, Step.RIGHTS),
        ({"room": None}, Step.ROOM),
        ({"room": WANTED.room + 1}, Step.ROOM),
        ({"hba": HBA}, Step.HBA),
        ({"hba": "host all all all reject\n" + READY.hba}, Step.HBA),
    ],
)
def test_each_thing_that_is_not_as_wanted(change: dict[str, Any], step: Step) -> None:
    assert steps(replace(READY, **change)) == [step]


def test_a_smaller_bound_is_left_alone() -> None:
    assert steps(replace(READY, room=2**30)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 12}, "cannot bound what a slot holds back"),
        ({"superuser": False}, "no superuser"),
        ({"in_recovery": True}, "standby"),
        ({"level": "minimal"}, "wal_level is minimal"),
        ({"slots": 10}, "all 10 replication slots are taken"),
        ({"max_senders": 1}, "max_wal_senders is 1"),
    ],
)
def test_what_stands_in_the_way_is_said(change: dict[str, Any], words: str) -> None:
    (said,) = primary.lacks(replace(FRESH, **change))
    assert words in said


LINES = st.lists(
    st.text(st.characters(exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
    .filter(lambda line: not line.startswith(primary.HBA_MARK))
    .map(lambda line: f"{line}\n")
)


@given(LINES)
def test_the_line_is_put_first_once_and_taken_out_again(lines: list[str]) -> None:
    hba = "".join(lines)
    made = primary.with_line(hba, WANTED)
    assert made.splitlines()[1] == primary.hba_line(WANTED)
    assert primary.with_line(made, WANTED) == made
    assert primary.without_line(made) == hba


@pytest.mark.parametrize("room", [None, "64MB"])
@pytest.mark.parametrize("ours", [None, "4096MB"])
@pytest.mark.parametrize("role", [True, False])
def test_what_was_there_is_kept_in_the_comment(
    room: str | None, ours: str | None, role: bool
) -> None:
    kept = Record(room_before=room, room_ours=ours, role_before=role)
    assert primary.recorded(primary.comment(kept)) == kept


@pytest.mark.parametrize("said", ["", "somebody's", primary.COMMENT, primary.COMMENT + "[]"])
def test_somebody_elses_comment_is_no_record(said: str) -> None:
    assert primary.recorded(said) is None


def test_what_was_there_at_first_stays_recorded() -> None:
    first = primary.record(FRESH, WANTED)
    assert first == Record(room_before=None, room_ours="4096MB", role_before=False)
    later = replace(READY, room=8 * 2**30, room_set="8192MB", comment=primary.comment(first))
    again = primary.record(later, replace(WANTED, room=2**30))
    assert again == Record(room_before=None, room_ours="1024MB", role_before=False)


def test_undoing_takes_back_only_what_is_ours() -> None:
    found = primary.undoing(READY, WANTED)
    assert [change.step for change in found] == [Step.HBA, Step.ROOM, Step.ROLE]
    others = replace(READY, room_set="1GB", hba=HBA)
    assert [change.step for change in primary.undoing(others, WANTED)] == [Step.ROLE]
    assert primary.undoing(FRESH, WANTED) == ()
