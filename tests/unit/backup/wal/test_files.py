"""What lies in a log's directory, and what is made of it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quorate.backup.policy.wal import Base, Break, Window
from quorate.backup.wal import config, feeding, health, scram, store
from quorate.backup.wal.config import Places
from quorate.backup.wal.main import read
from quorate.backup.wal.model import Health, Kept, Slot, State
from quorate.backup.wal.watching import Look, Progress
from quorate.errors import MachineError, UsageError
from quorate.tools import pg
from quorate.tools.barman import Barman, failure

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST, NEXT, LAST = (f"00000001000000000000000{n}" for n in (1, 2, 3))
SIZE = 4
"""Bytes of a segment in these tests."""
SERVER = pg.Server(host="db.internal", user="quorate_wal", password="hunter2")
KEPT_HEALTH = Health(
    source='o"dd',
    state=State.STREAMING,
    at=NOW,
    since=NOW - 60 * SECOND,
    until=NOW - SECOND,
    lag_bytes=10,
    lag_seconds=1.5,
    slot=Slot(active=True, status="reserved", room=5),
    bases=(Base(id="a", begin=NOW - 50 * SECOND, end=NOW - 40 * SECOND),),
    windows=(Window(begin=NOW - 40 * SECOND, end=NOW - SECOND),),
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(home=tmp_path)
    for each in (made.received, made.aside, made.archived / FIRST[:16]):
        each.mkdir(parents=True)
    return made


def kept_in(places: Places) -> store.Store:
    programs = pg.Programs(directory=Path("/nowhere"), major=16)
    barman = Barman(config=places.config)
    return store.Store(places=places, server=SERVER, programs=programs, barman=barman)


def test_the_configuration_has_no_password(places: Places) -> None:
    text = config.barman_conf(places, SERVER, "slot", "root")
    assert "hunter2" not in text
    assert "host='db.internal'" in text and "barman_user = root" in text


def test_segments_are_found_wherever_they_are(places: Places, tmp_path: Path) -> None:
    (places.archived / FIRST[:16] / FIRST).write_bytes(gzip.compress(b"first"))
    (places.received / NEXT).write_bytes(b"next")
    (places.received / f"{LAST}.partial").write_bytes(b"last")
    (places.archived / "00000002.history").write_bytes(b"history")
    into = tmp_path / "into"
    for name, content in (
        (FIRST, b"first"),
        (NEXT, b"next"),
        (LAST, b"last"),
        ("00000002.history", b"history"),
    ):
        assert feeding.fetch(places, name, into, SIZE)
        assert into.read_bytes() == content
    assert not feeding.fetch(places, "000000010000000000000004", into, SIZE)
    assert not feeding.fetch(places, "00000003.history", into, SIZE)


def test_a_part_that_was_only_just_begun_has_nothing_to_give(
    places: Places, tmp_path: Path
) -> None:
    (places.received / f"{FIRST}.partial").write_bytes(b"")
    assert not feeding.fetch(places, FIRST, tmp_path / "into", SIZE)
    assert feeding.only_begun(places, FIRST, SIZE)
    assert not feeding.only_begun(places, NEXT, SIZE)
    (places.aside / f"{FIRST}.partial").write_bytes(b"part")
    assert feeding.fetch(places, FIRST, tmp_path / "into", SIZE)
    assert not feeding.only_begun(places, FIRST, SIZE)


def test_the_newest_segment_is_the_furthest_in_the_log(places: Places) -> None:
    assert feeding.newest(places) == ""
    (places.archived / FIRST[:16] / FIRST).touch()
    (places.aside / f"{LAST}.partial").touch()
    (places.received / "000000020000000000000002").touch()
    (places.received / "00000002.history").touch()
    assert feeding.newest(places) == LAST


def test_a_whole_segment_goes_before_a_part_of_it(places: Places, tmp_path: Path) -> None:
    (places.aside / f"{FIRST}.partial").write_bytes(b"part")
    (places.archived / FIRST[:16] / FIRST).write_bytes(b"whole")
    into = tmp_path / "into"
    assert feeding.fetch(places, FIRST, into, SIZE)
    assert into.read_bytes() == b"whole"


def test_the_last_file_is_not_put_away(places: Places) -> None:
    made = kept_in(places)
    assert made.segments() == ()
    (places.received / FIRST).touch()
    assert made.segments() == ()
    (places.received / f"{NEXT}.partial").touch()
    assert [path.name for path in made.segments()] == [FIRST]


def test_what_was_received_before_a_hole_stays_until_nobody_needs_it(places: Places) -> None:
    made = kept_in(places)
    (places.received / FIRST).write_bytes(b"1")
    (places.received / f"{NEXT}.partial").write_bytes(b"2")
    made.set_aside()
    assert list(places.received.iterdir()) == []
    older = Base(id="a", begin=NOW, end=NOW, wal=NEXT)
    made.clear_aside([older])
    assert [path.name for path in places.aside.iterdir()] == [f"{NEXT}.partial"]
    made.clear_aside([Base(id="b", begin=NOW, end=NOW, wal=LAST)])
    assert list(places.aside.iterdir()) == []


def test_nothing_is_cleared_where_there_is_no_base_backup(places: Places) -> None:
    (places.aside / FIRST).touch()
    kept_in(places).clear_aside([])
    assert list(places.aside.iterdir()) == [places.aside / FIRST]


def test_whether_anything_was_put_away(places: Places) -> None:
    made = kept_in(places)
    (places.archived / "xlog.db").touch()
    assert not made.has_archived()
    (places.archived / FIRST[:16] / FIRST).touch()
    assert made.has_archived()


def test_what_is_kept_is_read_again(places: Places) -> None:
    assert health.read_kept(places.state) == Kept()
    kept = Kept(system="7", since=NOW, breaks=(Break(begin=NOW), Break(begin=NOW, end=NOW)))
    health.write(places.state, kept.model_dump_json())
    assert health.read_kept(places.state) == kept
    places.state.write_text("{")
    with pytest.raises(MachineError, match="where the log has holes"):
        health.read_kept(places.state)


def test_health_is_read_again_and_grows_old(places: Places) -> None:
    assert health.read_health(places.health) is None
    health.write(places.health, KEPT_HEALTH.model_dump_json())
    assert health.read_health(places.health) == KEPT_HEALTH
    assert health.well(KEPT_HEALTH, NOW + 290 * SECOND)
    assert not health.well(KEPT_HEALTH, NOW + 310 * SECOND)
    assert not health.well(None, NOW)


def test_it_protects_when_it_receives_and_has_a_base_backup_since_the_last_hole() -> None:
    assert KEPT_HEALTH.protected
    assert not KEPT_HEALTH.model_copy(update={"since": NOW}).protected
    assert not KEPT_HEALTH.model_copy(update={"state": State.UNREACHABLE}).protected
    assert not KEPT_HEALTH.model_copy(update={"bases": ()}).protected


def test_metrics_have_one_value_each_and_nothing_that_is_not_known() -> None:
    lines = health.metrics(KEPT_HEALTH).splitlines()
    assert 'backup_wal_lag_bytes{source="o\\"dd"} 10' in lines
    assert 'backup_wal_protected{source="o\\"dd"} 1' in lines
    bare = Health(source="db", state=State.STARTING, at=NOW)
    said = [line for line in health.metrics(bare).splitlines() if not line.startswith("#")]
    assert said == [
        'backup_wal_up{source="db"} 0',
        'backup_wal_protected{source="db"} 0',
        'backup_wal_restarts_total{source="db"} 0',
    ]


def look(seconds: int, flushed: int, received: int | None) -> Look:
    return Look(
        now=NOW + seconds * SECOND, system="7", standby=False, flushed=flushed, received=received
    )


def test_all_is_received_until_what_was_written_then_is_received() -> None:
    progress = Progress()
    progress.add(look(0, 100, None))
    assert progress.until is None
    progress.add(look(1, 200, 150))
    assert progress.until == NOW
    progress.add(look(2, 200, 200))
    assert progress.until == NOW + 2 * SECOND
    progress.add(look(3, 300, 200))
    assert progress.until == NOW + 2 * SECOND


def test_what_was_written_before_a_hole_counts_no_more() -> None:
    progress = Progress(until=NOW)
    progress.add(look(1, 200, 100))
    progress.forget()
    progress.add(look(5, 500, 400))
    assert progress.until == NOW
    progress.add(look(6, 500, 500))
    assert progress.until == NOW + 6 * SECOND


def test_a_password_is_kept_as_postgres_keeps_it() -> None:
    # RFC 7677, section 3: user "user", password "pencil".
    made = scram.verifier("pencil", salt=b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81")
    assert made == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert scram.fits("pencil", made) and not scram.fits("pencils", made)
    assert not scram.fits("pencil", "md5deadbeef") and not scram.fits("", made)


@pytest.mark.parametrize("password", ["", "grün", "a\nb"])
def test_a_password_that_would_have_to_be_normalized_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram.verifier(password)


def test_what_a_receiver_is_told_must_be_readable() -> None:
    with pytest.raises(UsageError, match="QUORATE_WAL cannot be read"):
        read("{}")
    with pytest.raises(UsageError, match="QUORATE_WAL"):
        read("")


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ("ERROR: cannot write: No space left on device", "make room"),
        ("ERROR: replication slot 'q' is already in use", "the other receiver"),
        ('ERROR: FATAL:  password authentication failed for user "w"', "the password"),
    ],
)
def test_barmans_words_get_an_advice(said: str, todo: str) -> None:
    error = failure(("receive-wal",), said, 1)
    assert todo in (error.todo or "")
    assert error.cause == said.removeprefix("ERROR: ")
