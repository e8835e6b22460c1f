"""Which copies are brought elsewhere, proven, and let go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.copies import Known, known
from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.decide_copies import Proving, copies, keepings, proofs, upkeep
from quorate.backup.jobs.leftovers import under_way
from quorate.backup.jobs.model import Answer, Copied, Work
from quorate.backup.jobs.names import task_of
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.backup.model import Kind, Proof, Snapshot
from quorate.errors import MachineError, RepositoryError, UsageError
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.made import NOW, SECTION, fleet, job, node, scene, snapshot

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet(directory)


def copy(id: str, hours: float, *, repository: str = "second", **more: Any) -> Snapshot:
    """A copy of `db`, taken so many hours ago."""
    taken = NOW - hours * HOUR
    given: dict[str, Any] = {
        "id": id,
        "source": "db",
        "kind": Kind.POSTGRES,
        "repository": repository,
        "taken": taken,
        "received": taken,
        "complete": True,
        "server": "one",
    }
    return Snapshot(**(given | more))


def proof(ok: bool = True) -> Proof:
    return Proof(snapshot="", repository="", at=NOW, ok=ok)


def there(*snapshots: Snapshot, dark: tuple[str, ...] = ()) -> Known:
    unread = tuple(Refused(what=name, error=MachineError("down")) for name in dark)
    return Known(snapshots=snapshots, unread=unread)


def test_the_newest_goes_off_site_from_where_it_is(found: Fleet) -> None:
    decision = copies(scene(found), there(copy("a" * 64, 1)), [], [], due=NOW)
    (start,) = decision.starts
    assert not decision.refused
    assert start.job.work is Work.COPY and start.job.sources == ()
    assert start.job.origin is not None
    assert (start.job.origin.name, start.job.repository.name) == ("second", "away")
    # Beside the repository that has it: only the copy itself goes over the network.
    assert start.job.server == "two" and start.job.origin.place == "local"
    assert task_of(start.job.run) == "copy:second>away"


def test_what_is_there_already_is_not_copied_again(found: Fleet) -> None:
    original = copy("a" * 64, 1)
    copied = copy("b" * 64, 1, repository="away", original=original.id)
    known_now = there(original, copied)
    assert copies(scene(found), known_now, [], [], due=NOW).starts == ()
    newer = there(original, copied, copy("c" * 64, 0.5))
    assert len(copies(scene(found), newer, [], [], due=NOW).starts) == 1


def test_named_sources_go_alone_and_to_any_repository(found: Fleet) -> None:
    (start,) = copies(scene(found), there(copy("a", 1)), ["db"], ["first"], due=NOW).starts
    assert start.job.sources == ("db",) and start.job.repository.name == "first"
    decision = copies(scene(found), there(), ["db"], ["first"], due=NOW)
    assert [one.what for one in decision.refused] == ["db"] and not decision.starts


def test_what_cannot_be_read_is_not_copied_to(found: Fleet) -> None:
    assert not copies(scene(found), there(copy("a", 1), dark=("away",)), [], [], due=NOW).starts


def test_a_fleet_without_anything_off_site_says_so(tmp_path: Path) -> None:
    near = fleet(tmp_path, SECTION.replace(", offsite: true", ""))
    with pytest.raises(UsageError, match="no repository that gets copies"):
        copies(scene(near), there(copy("a", 1)), [], [], due=NOW)


def test_the_newest_in_each_repository_is_proven_elsewhere_than_its_source(found: Fleet) -> None:
    new, old = copy("new", 1), copy("old", 5)
    far = copy("far", 5, repository="away", original="old")
    half = copy("half", 0.5, complete=False)
    decision = proofs(scene(found), there(new, old, far, half), [], Proving(), due=NOW)
    assert {(one.job.repository.name, one.job.snapshot) for one in decision.starts} == {
        ("second", "new"),
        ("away", "far"),
    }
    # Two proofs, two servers, and neither is the source's.
    assert {one.job.server for one in decision.starts} == {"two", "three"}
    assert all(one.job.kind is Kind.POSTGRES for one in decision.starts)
    every = proofs(scene(found), there(new, old, far), ["db"], Proving(every=True), due=NOW)
    assert [one.job.snapshot for one in every.starts] == ["new", "old", "far"]
    only = Proving(repositories=("away",))
    (start,) = proofs(scene(found), there(new, old, far), [], only, due=NOW).starts
    assert start.job.snapshot == "far"


def test_a_copy_is_proven_by_its_id_wherever_it_is(found: Fleet) -> None:
    old, far = copy("abc1", 5), copy("def2", 5, repository="away", original="abc1")
    listed = there(copy("abd9", 1), old, far)
    decision = proofs(scene(found), listed, [], Proving(copy="abc"), due=NOW)
    assert [one.job.snapshot for one in decision.starts] == ["abc1", "def2"]
    with pytest.raises(UsageError, match="have ids that begin with ab"):
        proofs(scene(found), listed, [], Proving(copy="ab"), due=NOW)
    with pytest.raises(UsageError, match="no complete copy has the id"):
        proofs(scene(found), listed, [], Proving(copy="9"), due=NOW)


def test_where_only_the_sources_server_is_up_it_is_proven_nowhere_else(found: Fleet) -> None:
    nodes = [node("one"), node("two", state="down"), node("three", availability="drain")]
    seen = scene(found, snapshot(nodes=nodes))
    decision = proofs(seen, there(copy("a", 1)), [], Proving(), due=NOW)
    (refused,) = decision.refused
    assert "nothing can be started on two" in refused.error.what


def test_only_proven_copies_have_places_and_the_rest_is_said(found: Fleet) -> None:
    days = [copy(f"d{day}", 24 * day + 1, proof=proof()) for day in range(10)]
    bad = copy("bad", 2, proof=proof(False))
    stranger = copy("s", 3, source="gone")
    made, refused = keepings(scene(found), there(*days, bad, stranger), ["second"], now=NOW)
    (keeping,) = made
    assert not refused and keeping.strangers == ("gone",)
    decision = keeping.decisions["db"]
    assert "bad" in decision.forgotten and "d0" in decision.kept
    assert keeping.forgotten == len(decision.forgotten)


def test_nothing_is_let_go_where_the_far_side_lets_nobody(tmp_path: Path) -> None:
    section = SECTION.replace("offsite: true", "offsite: true, append_only: true")
    seen = scene(fleet(tmp_path, section))
    made, refused = keepings(seen, there(copy("a", 1)), [], now=NOW)
    assert not refused and "away" not in {one.repository for one in made}
    made, refused = keepings(seen, there(copy("a", 1)), ["away"], now=NOW)
    assert [one.what for one in refused] == ["away"] and not made


def test_upkeep_is_done_where_the_repository_lies(found: Fleet) -> None:
    decision = upkeep(scene(found), Work.FORGET, ["second", "away"], due=NOW)
    second, away = decision.starts
    assert (second.job.server, second.job.repository.place) == ("two", "local")
    assert second.job.keeps["db"].daily == 7 and away.job.server == "one"
    (prune,) = upkeep(scene(found), Work.PRUNE, ["second"], due=NOW).starts
    assert prune.job.work is Work.PRUNE and prune.job.keeps == {}


def test_lists_of_copies_become_what_is_known() -> None:
    said = Copied(
        id="a",
        source="db",
        kind=Kind.POSTGRES,
        repository="second",
        taken=NOW,
        received=NOW,
        complete=True,
        proven=True,
        proven_at=NOW,
    )

    def ended(repository: str, **more: Any) -> Outcome:
        at = job().repository.model_copy(update={"name": repository})
        told = job(work=Work.CATALOGUE, source="", repository=at)
        return Outcome(job=Begun.of(told, "x", NOW), **more)

    listed = ended("second", answer=Answer(work=Work.CATALOGUE, run="r", copies=(said,)))
    missing = RepositoryError("there is none", reason="missing")
    outcomes = [listed, ended("away", error=missing), ended("first", error=missing)]
    now = known(outcomes, [], unmade=["away"])
    assert [one.proven for one in now.snapshots] == [True]
    assert now.dark == {"first"}  # what was made and is gone is an error
    worse = said.model_copy(update={"proven": False, "differences": ("t: 1, not 2",)})
    again = now.after([ended("second", answer=Answer(work=Work.PROVE, run="r", copies=(worse,)))])
    (one,) = again.snapshots
    assert one.proof is not None and not one.proof.ok


def test_another_proof_or_restore_is_not_taken_for_the_same() -> None:
    mine = job(work=Work.RESTORE, run="restore:second:abc>db2@2026-06-30T12:00:00Z")
    same = Begun.of(
        mine.model_copy(update={"run": mine.run[:-20] + "2026-06-30T11:00:00Z"}), "s", NOW
    )
    other = Begun.of(mine.model_copy(update={"run": "restore:second:abc>db3@2026"}), "o", NOW)
    assert under_way(mine, [other]) is None
    assert under_way(mine, [other, same]) is same
    backup = Begun.of(job(run="db@2026-06-30T00:00:00Z"), "b", NOW)
    assert under_way(job(), [backup]) is backup
