"""Carrying an operation out, step by step, forward or back, so that a kill costs nothing.

The journal says that a step has begun before its action runs, and that it is done after. What
was begun may or may not have happened: an action looks first and does what is missing, and so
does its undoing. That makes resuming the same as going on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from quorate.deploy.progress import Reporter
from quorate.errors import LockedError, QuorateError, RefusedError, UsageError
from quorate.recover.journal import Store
from quorate.recover.model import Facts, Journal, Operation, State, Step
from quorate.tools import clock, process

Done = Callable[[str, Facts], None]
"""Told of a step by its id, as soon as it is done, with what later ones have to know."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What a step does. All are given the facts so far; all may run twice.

    `do` returns what later steps have to know. `undo` is None where there is nothing to undo.
    `together` does steps of one group, by their ids, side by side, and tells of each that is done;
    None: one after the other. `check_back` raises where it must not be undone now: it is asked
    before anything is undone, so that an operation that is done stays so.
    """

    do: Callable[[Facts], Facts | None]
    undo: Callable[[Facts], None] | None = None
    together: Callable[[Sequence[str], Facts, Done], None] | None = None
    check_back: Callable[[Facts], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What carrying out needs. `check` raises when the fleet's lock was lost.

    Then nothing more is kept either: whoever has the lock now keeps the journal.
    """

    store: Store
    actions: Mapping[str, Action]
    report: Reporter
    check: Callable[[], None] = lambda: None

    def forward(self, journal: Journal) -> Journal:
        """Do every step that is not done; returns the journal of a finished operation.

        Raises:
            LockedError: the lock was lost, or somebody else has gone on with it.
            QuorateError: an action's own, after the journal has noted it.
        """
        total = len(journal.operation.steps)
        while (step := journal.next_forward()) is not None:
            number = journal.operation.steps.index(step) + 1
            beside, together = journal.beside(step), self.actions[step.id].together
            if together is not None and len(beside) > 1:
                self.report.phase(f"step {number} of {total} and {len(beside) - 1} beside it")
                journal = self._together(journal, beside, together)
            else:
                self.report.phase(f"step {number} of {total}: {step.says}")
                journal = self._one(journal, step, State.DONE)
        return self._end(journal, State.DONE)

    def back(self, journal: Journal) -> Journal:
        """Undo every step that was begun, the last one first.

        Raises:
            RefusedError: a final step was begun.
            LockedError: the lock was lost, or somebody else has gone on with it.
            QuorateError: an action's own, after the journal has noted it; or what its `check_back`
            says, and nothing is changed.
        """
        if sealed := journal.sealed():
            raise RefusedError(
                f"{title(journal.operation)} cannot be undone any more",
                cause=f"this step has begun: {sealed.says}",
                todo="resume it instead",
            )
        if not journal.back:
            self.check()
            self._check_back(journal)
            journal = journal.turned()
            self._keep(journal)
        while (step := journal.next_back()) is not None:
            if step.back:
                self.report.phase(f"undoing: {step.back}")
            journal = self._one(journal, step, State.UNDONE)
        return self._end(journal, State.UNDONE)

    def _check_back(self, journal: Journal) -> None:
        for step in journal.left():
            if check := self.actions[step.id].check_back:
                check(journal.facts)

    def _one(self, journal: Journal, step: Step, to: State) -> Journal:
        action = self.actions[step.id]
        self.check()
        if to is State.DONE:
            journal = journal.marked(step.id, State.BEGUN, at=_now())
            self._keep(journal)
        began = clock.monotonic()
        try:
            if to is State.DONE:
                told = action.do(journal.facts)
            else:
                told = None
                if action.undo is not None:
                    action.undo(journal.facts)
        except QuorateError as error:
            self._keep(journal.troubled(error.what))
            raise
        took = clock.monotonic() - began
        journal = journal.marked(step.id, to, at=_now(), seconds=round(took, 3), facts=told)
        self._keep(journal)
        return journal

    def _together(
        self,
        journal: Journal,
        steps: Sequence[Step],
        do: Callable[[Sequence[str], Facts, Done], None],
    ) -> Journal:
        """Steps side by side; each is noted as soon as it is done, for who goes on after a kill."""
        self.check()
        for step in steps:
            self.report.note(step.says)
            journal = journal.marked(step.id, State.BEGUN, at=_now())
        self._keep(journal)
        began, left = clock.monotonic(), [step.id for step in steps]

        def done(step: str, told: Facts) -> None:
            nonlocal journal
            took = round(clock.monotonic() - began, 3)
            journal = journal.marked(step, State.DONE, at=_now(), seconds=took, facts=told)
            self._keep(journal)
            left.remove(step)

        try:
            do(tuple(left), journal.facts, done)
        except QuorateError as error:
            self._keep(journal.troubled(error.what))
            raise
        for name in tuple(left):
            done(name, {})
        return journal

    def _end(self, journal: Journal, state: State) -> Journal:
        ended = journal.ended(state)
        self._keep(ended)
        return ended

    def _keep(self, journal: Journal) -> None:
        self.check()
        self.store.save(journal)


def actions_of(steps: Sequence[Step], work: object) -> dict[str, Action]:
    """An action for each step: the method of `work` that has the name of the step.

    A step `kind:what` is `kind`'s, which is given `what` before the facts; `undo_kind` undoes it,
    and `kind_together` does several of them, where there are such methods.

    Raises:
        AttributeError: a step that no method is for.
    """
    found: dict[str, Action] = {}
    for step in steps:
        kind, colon, what = step.id.partition(":")
        do, undo = getattr(work, kind), getattr(work, f"undo_{kind}", None)
        if colon:
            do, undo = partial(do, what), partial(undo, what) if undo else None
        found[step.id] = Action(do=do, undo=undo, together=getattr(work, f"{kind}_together", None))
    return found


def begin(store: Store, operation: Operation) -> Journal:
    """The journal of a new operation, kept.

    Raises:
        LockedError: another one of this fleet is not over.
        UsageError: two steps have one name.
    """
    names = [step.id for step in operation.steps]
    if len(set(names)) != len(names):
        raise UsageError(f"{title(operation)}: two steps have one name")
    refuse_open(store)
    now = clock.now()
    journal = Journal(
        id=_identity(f"{now:%y%m%d-%H%M%S}-{operation.subject or operation.kind}"),
        operation=operation,
        started=now.isoformat(timespec="microseconds"),
        who=f"{process.user_name()}@{process.host_name()}",
        facts=dict(operation.facts),
    )
    store.save(journal)
    return journal


def _identity(words: str) -> str:
    """A name that a config of Swarm can have, with a number after it (64 characters)."""
    return re.sub(r"[^a-zA-Z0-9-]+", "-", words)[:40].rstrip("-")


def refuse_open(store: Store) -> None:
    """Raises LockedError where an operation that is kept there is not over."""
    for journal in store.all():
        if journal.open:
            raise unfinished(journal)


def unfinished(journal: Journal) -> LockedError:
    """The error for who meets an operation that is not over."""
    step = journal.next_back() if journal.back else journal.next_forward()
    return LockedError(
        f"{title(journal.operation)} (begun {journal.started[:19]} by {journal.who}) is not over",
        cause=journal.trouble or (f"it was stopped at: {step.says}" if step else None),
        todo=f"go on with `quorate operations resume {journal.id}`, or back with "
        f"`quorate operations undo {journal.id}`; where neither can work any more, "
        f"`quorate operations abandon {journal.id}` leaves all as it stands",
    )


def find(store: Store, identity: str = "") -> Journal:
    """The operation that is not over, or the one with this id.

    Raises:
        UsageError: there is none.
    """
    for journal in reversed(store.all()):
        if journal.id == identity or (not identity and journal.open):
            return journal
    raise UsageError(
        f"no operation {identity}" if identity else "no operation is unfinished",
        todo="see all with `quorate operations list`",
    )


def title(operation: Operation) -> str:
    """An operation in a few words."""
    return f"{operation.kind} {operation.subject}".strip()


def _now() -> str:
    return clock.now().isoformat(timespec="milliseconds")
