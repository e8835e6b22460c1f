"""The steps of verbs on copies, in order; rounds of jobs are played, none is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from quorate import backing
from quorate.backup.jobs import decide, making, running
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.decide_copies import Keeping
from quorate.backup.jobs.decide_restore import Restoring, Wish
from quorate.backup.jobs.model import Answer, Copied, Work
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome, Silent
from quorate.backup.model import Snapshot
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock
from quorate.workflows import Opened
from tests.unit.backup.jobs.made import NOW, fleet, scene
from tests.unit.backup.jobs.test_decide_copies import copy, proof

OPENED = cast(Opened, None)


class FakeRounds:
    """Plays rounds: lists tell of `copies`, a proof or copy of its own; `broken` work fails."""

    def __init__(self, copies: list[Snapshot], broken: tuple[Work, ...] = ()) -> None:
        self.copies, self.broken = copies, broken
        self.done: list[tuple[Work, str]] = []

    def run(self, ground: Ground, decision: Decision) -> Round:
        outcomes = []
        for start in decision.starts:
            job = start.job
            name = job.repository.name
            self.done.append((job.work, name))
            mine = [one for one in self.copies if one.repository == name]
            told: tuple[Copied, ...] = ()
            if job.work is Work.CATALOGUE:
                told = tuple(told_of(one) for one in mine)
            elif job.work is Work.COPY:
                told = tuple(
                    told_of(one, id=f"{one.id}-far", repository=name, original=one.id)
                    for one in self.copies
                )
            error = MachineError(f"{job.work} failed") if job.work in self.broken else None
            answer = Answer(work=job.work, run=job.run, copies=told)
            begun = Begun.of(job, "quorate-job-x", NOW)
            outcomes.append(Outcome(job=begun, answer=answer, error=error))
        return Round(outcomes=tuple(outcomes), refused=decision.refused)

    def works(self) -> list[Work]:
        return [work for work, _ in self.done]


def told_of(one: Snapshot, **more: Any) -> Copied:
    plain = {
        name: getattr(one, name)
        for name in ("id", "source", "kind", "repository", "taken", "received", "complete")
    }
    if one.proof is not None:
        plain |= {"proven": one.proof.ok, "proven_at": one.proof.at}
    return Copied(**{**plain, **more})


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plays the rounds of a verb on the small fleet, at noon."""

    def begin(copies: list[Snapshot], *broken: Work) -> FakeRounds:
        rounds = FakeRounds(copies, broken)
        ground = Ground(scene=scene(fleet(tmp_path)), door=cast(Any, None), watcher=Silent())

        @contextmanager
        def there(*_: object, **__: object) -> Iterator[Ground]:
            yield ground

        monkeypatch.setattr(backing, "ground_of", there)
        monkeypatch.setattr(running, "run", rounds.run)
        monkeypatch.setattr(making, "unmade", lambda *_: [])
        monkeypatch.setattr(clock, "now", lambda: NOW)
        return rounds

    return begin


def old() -> list[Snapshot]:
    """Forty daily copies, all proven: some go."""
    return [copy(f"d{day:02}", 24 * day + 1, proof=proof()) for day in range(40)]


def agree(found: tuple[Keeping, ...], known: Known) -> bool:
    return True


def test_retention_forgets_checks_and_prunes_in_this_order(play: Any) -> None:
    rounds = play(old())
    done = backing.prune(OPENED, ["second"], Silent(), confirm=agree)
    assert rounds.works() == [Work.CATALOGUE, Work.FORGET, Work.CHECK, Work.PRUNE]
    assert done.failed == {} and len(done.steps) == 3


def test_what_is_not_whole_is_not_pruned(play: Any) -> None:
    rounds = play(old(), Work.CHECK)
    done = backing.prune(OPENED, ["second"], Silent(), confirm=agree)
    assert Work.PRUNE not in rounds.works()
    assert done.failed is not None and "check failed" in done.failed["second"].what


def test_nothing_is_let_go_before_somebody_agrees(play: Any) -> None:
    rounds = play(old())
    with pytest.raises(RefusedError, match="nothing was changed"):
        backing.prune(OPENED, ["second"], Silent(), confirm=lambda *_: False)
    assert rounds.works() == [Work.CATALOGUE]
    shown = backing.prune(OPENED, ["second"], Silent(), confirm=agree, dry_run=True)
    assert shown.found[0].forgotten and set(rounds.works()) == {Work.CATALOGUE}


def test_a_restore_over_its_source_waits_for_its_name(play: Any) -> None:
    rounds = play([copy("abc", 1)])
    asked: list[Restoring] = []

    def refuse(made: Restoring) -> bool:
        asked.append(made)
        return False

    wish = Wish(source="db", in_place=True)
    with pytest.raises(RefusedError, match="nothing was changed"):
        backing.restore(OPENED, wish, Silent(), confirm=refuse)
    assert asked[0].over == "db" and set(rounds.works()) == {Work.CATALOGUE}
    done = backing.restore(OPENED, wish, Silent(), confirm=lambda _: True)
    assert done.outcome is not None and rounds.works()[-1] is Work.RESTORE


def test_what_was_backed_up_is_copied_and_then_proven_everywhere(play: Any) -> None:
    made = copy("abc", 1)
    rounds = play([made])
    with backing.ground_of(OPENED, Silent()) as ground:
        backed_up = Round(outcomes=(ended(ground, "db"), ended(ground, "files", failed=True)))
        copied, proven = backing.follow_up(ground, backed_up, ["db"], copies=True, proofs=True)
    assert copied is not None and proven is not None
    assert [one.job.repository for one in copied.steps] == ["away"]
    proofs = [name for work, name in rounds.done if work is Work.PROVE]
    assert sorted(proofs) == ["away", "second"]


def ended(ground: Ground, source: str, *, failed: bool = False) -> Outcome:
    """A backup that is over."""
    decision = decide.backups(ground.scene, [source], due=NOW)
    error = MachineError("no room") if failed else None
    return Outcome(job=Begun.of(decision.starts[0].job, "x", NOW), error=error)
