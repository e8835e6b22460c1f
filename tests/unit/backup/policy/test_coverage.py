"""The coverage grid: each state, and that nothing is green without a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.model import Snapshot
from quorate.backup.policy.coverage import Row, State, coverage
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Fleet
from tests.unit.backup.policy.made import DAY, HOUR, NOW, copy, proof
from tests.unit.fleet.helpers import FLEET, fleet_of

SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}, zone: left, medium: hdd}
    far: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true,
          zone: box}
  exclude: [other]
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  other: {image: postgres, volumes: ["o:/var/lib/postgresql"],
          x-quorate: {state: postgres, pin: one}}
volumes: {d: , o: }
"""
MIDNIGHT = NOW.replace(hour=0)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    place = "zone: left, disks: [{name: a, size: 1T, kind: ssd}]"
    text = FLEET.replace("labels: {disk: fast}", place)
    return fleet_of(directory, {"fleet.yaml": text + SECTION, "compose.yaml": COMPOSE})


def row(fleet: Fleet, *copies: Snapshot, now: datetime = NOW, **more: Any) -> Row:
    rows = coverage(fleet, planned(fleet), copies, zone=UTC, now=now, **more)
    return next(one for one in rows if one.planned.source.id == "db")


def far(one: Snapshot, **other: Any) -> Snapshot:
    """Its copy off-site, made at 04:00 and proven at 06:00."""
    made = one.taken.replace(hour=4)
    proven = proof(at=one.taken.replace(hour=6), seconds=90)
    given: dict[str, Any] = {
        "id": f"far-{one.id}",
        "repository": "far",
        "original": one.id,
        "received": made,
    }
    return replace(one, **(given | {"proof": proven} | other))


def good() -> list[Snapshot]:
    """Three days of copies, all proven, here and off-site."""
    copies = [
        copy(MIDNIGHT - back * DAY, proof=proof(at=MIDNIGHT - back * DAY + 6 * HOUR))
        for back in range(3)
    ]
    return [*copies, *(far(one) for one in copies)]


def test_all_is_well(fleet: Fleet) -> None:
    found = row(fleet, *good())
    assert (found.backed_up, found.offsite, found.proven) == (State.OK, State.OK, State.OK)
    assert found.good
    assert found.age == 12 * 3600
    assert found.rpo == 24 * 3600
    assert found.rto == 60 or found.rto == 90
    assert found.size == 1000
    assert found.next == MIDNIGHT + DAY
    assert (found.missing, found.poisoned, found.problems) == ((), (), ())
    assert [(one.repository, one.count) for one in found.copies] == [("near", 3), ("far", 3)]


def test_nothing_there(fleet: Fleet) -> None:
    found = row(fleet)
    assert (found.backed_up, found.offsite, found.proven) == (State.NEVER,) * 3
    assert not found.good
    assert (found.age, found.rpo, found.rto, found.size) == (None, None, None, None)
    assert found.missing == ("no copy at all",)


def test_nothing_there_yet_is_waited_for(fleet: Fleet) -> None:
    """Until the first time after the policy began to hold, and an hour's grace."""
    began = MIDNIGHT + HOUR
    assert row(fleet, since=began).backed_up is State.WAITING
    assert row(fleet, since=began).good
    tomorrow = MIDNIGHT + DAY + timedelta(minutes=59)
    assert row(fleet, since=began, now=tomorrow).backed_up is State.WAITING
    assert row(fleet, since=began, now=MIDNIGHT + DAY + HOUR).backed_up is State.NEVER


def test_an_old_copy_is_late_after_the_grace(fleet: Fleet) -> None:
    tonight = MIDNIGHT + DAY
    assert row(fleet, *good(), now=tonight + timedelta(minutes=59)).backed_up is State.OK
    late = row(fleet, *good(), now=tonight + HOUR)
    assert (late.backed_up, late.good) == (State.LATE, False)
    assert late.age == 25 * 3600


def test_off_site_is_judged_by_itself(fleet: Fleet) -> None:
    """coolify #7779: off-site dead for six weeks, and mails that said all was done."""
    here = [one for one in good() if one.repository == "near"]
    found = row(fleet, *here)
    assert (found.backed_up, found.offsite) == (State.OK, State.NEVER)
    assert found.missing == ("2 copies with the data itself, not 3", "none off-site",
                             "every copy is in the zone of the data itself: left")  # fmt: skip
    old = far(here[2])
    assert row(fleet, *here, old).offsite is State.LATE
    assert row(fleet, *here, far(here[0])).offsite is State.OK


def test_proofs_are_judged_for_each_copy(fleet: Fleet) -> None:
    copies = [replace(one, proof=None) if one.repository == "far" else one for one in good()]
    found = row(fleet, *copies)
    assert (found.backed_up, found.offsite, found.proven) == (State.OK, State.OK, State.NEVER)
    assert [one.proof for one in found.copies] == [State.OK, State.NEVER]


def test_a_proof_of_an_older_copy_only_is_late(fleet: Fleet) -> None:
    copies = [replace(one, proof=None) if one.taken == MIDNIGHT else one for one in good()]
    assert row(fleet, *copies).proven is State.LATE


def test_a_copy_that_does_not_restore_is_red_at_once(fleet: Fleet) -> None:
    bad = proof(False, at=NOW)
    copies = [replace(one, proof=bad) if one.id == good()[0].id else one for one in good()]
    found = row(fleet, *copies)
    assert found.proven is State.FAILED
    assert found.problems == (
        "near: the newest copy does not restore: public.users: 10 rows, not 12",
    )


def test_incomplete_copies_do_not_count(fleet: Fleet) -> None:
    found = row(fleet, *(replace(one, complete=False) for one in good()))
    assert (found.backed_up, found.proven, found.age) == (State.NEVER, State.NEVER, None)


def test_a_copy_from_the_future_makes_nothing_fresh(fleet: Fleet) -> None:
    future = copy(NOW + 300 * DAY, id="poison")
    found = row(fleet, future)
    assert found.backed_up is State.NEVER
    assert found.poisoned == ("poison: 300 days in the future",)
    assert not row(fleet, *good(), future).good


def test_a_size_that_dropped(fleet: Fleet) -> None:
    copies = [replace(one, size=400) if one.taken == MIDNIGHT else one for one in good()]
    assert row(fleet, *copies).problems == ("the newest copy holds 400 B, those before 1000 B",)


def test_a_restore_that_takes_too_long(fleet: Fleet) -> None:
    slow = proof(at=NOW, seconds=3600)
    copies = [replace(one, proof=slow) if one.taken == MIDNIGHT else one for one in good()]
    found = row(fleet, *copies)
    assert (found.rto, found.problems) == (3600, ("a restore took 1 h, and may take 30 min",))


def test_the_worst_gap_of_the_last_days_is_the_rpo(fleet: Fleet) -> None:
    copies = [copy(MIDNIGHT), copy(MIDNIGHT - 2 * DAY), copy(MIDNIGHT - 9 * DAY)]
    # Nine days ago is beyond three periods: copies between were thinned out.
    assert row(fleet, *copies).rpo == 7 * 86400
    assert row(fleet, *copies[:2]).rpo == 2 * 86400


def test_a_source_that_moved_is_backed_up_where_it_was(fleet: Fleet) -> None:
    """Its copies lie in another repository than the one it goes to now."""
    found = row(fleet, *(replace(one, repository="before") for one in good()[:3]))
    assert found.backed_up is State.OK
    assert found.copies[0].state is State.NEVER


def test_what_is_excluded_is_said_to_be(fleet: Fleet) -> None:
    rows = coverage(fleet, planned(fleet), [], zone=UTC, now=NOW)
    other = next(one for one in rows if one.planned.source.id == "other")
    assert (other.backed_up, other.offsite, other.proven) == (State.EXCLUDED,) * 3
    assert len(rows) == len(planned(fleet))


def test_what_is_still_to_be_copied_waits_for_its_proof_too(fleet: Fleet) -> None:
    """A new policy's first night: nothing is off-site before 04:00."""
    now = MIDNIGHT + HOUR
    found = row(fleet, copy(MIDNIGHT, proven=None), now=now, since=MIDNIGHT - HOUR)
    assert (found.offsite, found.proven) == (State.WAITING, State.WAITING)
    assert found.good


def test_where_a_copy_was_proven_beside_its_source_is_told_and_no_fault(fleet: Fleet) -> None:
    """The policy's own word: told, since it proves less, and not red."""

    def proven_on(server: str) -> Row:
        made = [replace(one, server="one") for one in good()]
        told = [replace(one, proof=replace(one.proof, server=server)) for one in made if one.proof]
        return row(fleet, *told)

    assert [proven_on(server).beside for server in ("one", "two", "")] == ["one", "", ""]
    assert proven_on("one").good
    alone = fleet.model_copy(update={"servers": fleet.servers[:1]})
    made = [replace(one, server="one") for one in good()]
    told = [replace(one, proof=replace(one.proof, server="one")) for one in made if one.proof]
    (found,) = (
        one
        for one in coverage(alone, planned(fleet), told, zone=UTC, now=NOW)
        if one.planned.source.id == "db"
    )
    assert found.beside == ""
