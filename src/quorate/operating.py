"""Operations with a journal: begun, resumed, undone, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from quorate.deploy.lock import Settings, hold
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.observe.connect import Connections
from quorate.recover.carrying import Action, Carrier, begin, find, refuse_open, title
from quorate.recover.journal import FileStore
from quorate.recover.model import State
from quorate.recover.site import Site
from quorate.recover.site import journals as journal_directory
from quorate.recover.unfinished import refuse_unfinished
from quorate.tools import filelock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from quorate.deploy.lock import FleetLock
    from quorate.deploy.progress import Reporter
    from quorate.recover.journal import Store
    from quorate.recover.model import Journal, Operation, Step
    from quorate.workflows import Opened

Confirm = Callable[["Operation"], bool]

MAINTENANCE = "quorate.recover.maintenance.acting"

ACTIONS: dict[str, str] = {
    "recover database": "quorate.recover.database",
    "recover service": "quorate.recover.service",
    "recover server": "quorate.rebuilding",
    "recover fleet": "quorate.refounding",
    "recover quorum": "quorate.recover.quorum.steps",
    "server add": "quorate.recover.membership.steps",
    "server remove": "quorate.recover.membership.steps",
    "server promote": "quorate.recover.membership.steps",
    "server demote": "quorate.recover.membership.steps",
    "drain": MAINTENANCE,
    "undrain": MAINTENANCE,
    "rebalance": MAINTENANCE,
    "upgrade engines": MAINTENANCE,
    "adopt": "quorate.recover.adopt.run",
    "move": "quorate.recover.moving.doing",
}
"""Kind of an operation → the module whose `actions(site, journal)` does its steps.

Where it has `may_begin(site, operation)` or `may_undo(site, journal)`, these are asked under the
lock before anything is begun or undone: what it was chosen by may have changed meanwhile.
"""

WITHOUT_SWARM = frozenset({"recover quorum", "recover fleet"})
"""Kinds whose journals are files on this machine, since there may be no swarm to keep them."""


@contextmanager
def site(opened: Opened, report: Reporter) -> Iterator[Site]:
    """The fleet to work on, its connections open."""
    with Connections(opened.fleet) as connections:
        yield Site(fleet=opened.fleet, connections=connections, report=report, lab=opened.lab)


def refuse_others(place: Site) -> None:
    """See that no operation of the fleet is under way, before one is chosen by what is seen.

    Raises:
        LockedError: one is not over; says which, and how to go on or back.
        UnreachableError, NoQuorumError, EngineError: no manager answers.
    """
    refuse_unfinished(place.fleet, place.lab, place.client())


def carry_out(place: Site, operation: Operation, *, confirm: Confirm) -> Journal:
    """Begin an operation and do all of it.

    Raises:
        RefusedError: not confirmed, or what it was chosen by is no more.
        LockedError: somebody else is at it, or another operation of this fleet is not over.
        Otherwise as its actions do; then it can be resumed or undone.
    """
    if not confirm(operation):
        raise RefusedError("not confirmed; nothing was changed")
    with _locked(place, operation.kind) as lock:
        store = _store(place, operation.kind)
        _alone(place, store)
        _ask(place, operation.kind, "may_begin", operation)
        journal = begin(store, operation)
        return _carrier(place, journal, store, lock).forward(journal)


def resume(place: Site, identity: str = "") -> Journal:
    """Go on with an operation that is not over, in the direction it was going.

    Raises:
        RefusedError: it was going back, and what it has made was changed since by another one.
        UsageError: there is none. LockedError: somebody else is at it. Otherwise as its actions do.
    """
    with _taken(place, identity, "resumed") as (journal, store, lock):
        _require_open(journal)
        if journal.back:
            _ask(place, journal.operation.kind, "may_undo", journal)
        carrier = _carrier(place, journal, store, lock)
        return carrier.back(journal) if journal.back else carrier.forward(journal)


def further(place: Site, identity: str, steps: Sequence[Step]) -> Journal:
    """Do more of an operation that is done, as finishing it for good; these are its last steps.

    Raises:
        RefusedError: it is not done, was undone, or has come to a final step before.
        UsageError: there is none. LockedError: somebody else is at it, or another operation is not
        over. Otherwise as its actions do.
    """
    with _taken(place, identity, "finished") as (journal, store, lock):
        _alone(place, store)
        if journal.state is not State.DONE or journal.sealed():
            raise RefusedError(
                f"{title(journal.operation)} ({journal.id}) cannot be finished: it is "
                f"{'finished already' if journal.sealed() else journal.state.value}"
            )
        journal = journal.further(*steps)
        store.save(journal)
        return _carrier(place, journal, store, lock).forward(journal)


def undo(place: Site, identity: str = "") -> Journal:
    """Undo an operation: one that is not over, or that is done and can still be undone.

    Raises:
        RefusedError: it has come to a step after which there is no undoing, or what it has made
        was changed since by another one.
        UsageError: there is none. LockedError: somebody else is at it, or another operation is not
        over. Otherwise as its actions do.
    """
    with _taken(place, identity, "undone") as (journal, store, lock):
        if not journal.open:
            _alone(place, store)
        _ask(place, journal.operation.kind, "may_undo", journal)
        return _carrier(place, journal, store, lock).back(journal)


def abandon(place: Site, identity: str = "", *, let_go: bool = False) -> Journal:
    """End an operation that can neither go on nor back; nothing on any server is changed.

    It may still be undone by its id, where nothing came after it.

    Args:
        place: the fleet.
        identity: which; empty: the one that is not over.
        let_go: let services run again that it keeps still; also of one that was abandoned before.

    Raises:
        UsageError: there is none, or it is over. LockedError: somebody else is at it; or a job of
        it still works on what it keeps still: then it is abandoned, and that is kept. MachineError:
        what is to be let go has not ended yet; as before.
    """
    with _taken(place, identity, "abandoned") as (journal, store, _):
        if not (let_go and journal.state is State.ABANDONED):
            _require_open(journal)
        ended = journal.model_copy(update={"state": State.ABANDONED})
        store.save(ended)
        if let_go:
            from quorate.recover import keeping

            for name in keeping.let_go(place, ended):
                place.report.note(f"{name} runs again")
        return ended


def kept(place: Site, journal: Journal) -> tuple[str, ...] | None:
    """The services that an operation keeps still; None where no manager answers."""
    from quorate.recover import keeping

    try:
        return keeping.kept(place, journal)
    except QuorateError:
        return None


def journals(place: Site) -> tuple[Journal, ...]:
    """Every journal there is, on this machine and in the swarm, oldest first.

    A swarm that does not answer hides nothing of what is on this machine.
    """
    found = list(place.in_files().all())
    try:
        found += place.in_swarm().all()
    except QuorateError as error:
        place.report.note(f"journals in the swarm are not shown: {error.what}")
    return tuple(sorted(found, key=lambda one: one.started))


def found(place: Site, identity: str = "") -> Journal:
    """The operation that is not over, or the one with this id.

    Raises:
        UsageError: there is none.
    """
    return _found(place, identity)[0]


def actions_of(place: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of an operation do.

    Raises:
        UsageError: a kind that this version of Quorate does not know.
    """
    module = ACTIONS.get(journal.operation.kind)
    if module is None:
        raise UsageError(
            f"{title(journal.operation)}: unknown to this version of Quorate",
            todo="use the version that began it",
        )
    made: Mapping[str, Action] = import_module(module).actions(place, journal)
    return made


def _ask(place: Site, kind: str, whether: str, what: Operation | Journal) -> None:
    """Raises RefusedError where the kind of an operation knows a reason against it."""
    if kind in ACTIONS and (asked := getattr(import_module(ACTIONS[kind]), whether, None)):
        asked(place, what)


def _found(place: Site, identity: str) -> tuple[Journal, Store]:
    """An operation and where its journal is: files first, since they need no swarm."""
    files = place.in_files()
    try:
        return find(files, identity), files
    except UsageError:
        swarm = place.in_swarm()
        return find(swarm, identity), swarm


@contextmanager
def _taken(
    place: Site, identity: str, how: str
) -> Iterator[tuple[Journal, Store, FleetLock | None]]:
    """An operation, read under the lock: whoever had it before may have gone on with it."""
    seen, store = _found(place, identity)
    with _locked(place, f"{seen.operation.kind}, {how}") as lock:
        if not isinstance(store, FileStore):
            refuse_open(place.in_files())
        yield find(store, seen.id), store, lock


def _require_open(journal: Journal) -> None:
    if not journal.open:
        raise UsageError(
            f"{title(journal.operation)} ({journal.id}) is over: {journal.state.value}",
            todo="see all with `quorate operations list`",
        )


def _alone(place: Site, store: Store) -> None:
    """Raises LockedError where an operation is not over.

    What brings a swarm back (its journal is a file) may begin beside one that is kept in that
    swarm: that one may be what was going on when the swarm was lost, and has to wait.
    """
    refuse_open(place.in_files())
    if not isinstance(store, FileStore):
        refuse_open(store)


def _store(place: Site, kind: str) -> Store:
    return place.in_files() if kind in WITHOUT_SWARM else place.in_swarm()


def _locked(place: Site, what: str) -> AbstractContextManager[FleetLock | None]:
    """The fleet's lock; this machine's, where the operation is what brings a swarm back."""
    if what.partition(",")[0] in WITHOUT_SWARM:
        return _on_this_machine(place)
    settings = Settings(say=place.report.note)
    # Of whichever manager answers: the one that is asked first may be demoted on the way.
    place.client()
    return hold(
        lambda: place.connections.manager().client, what=f"quorate {what}", settings=settings
    )


@contextmanager
def _on_this_machine(place: Site) -> Iterator[None]:
    path = journal_directory(place.fleet.name, place.lab) / "lock"
    with filelock.hold(path, what=f"recovering {place.fleet.name}", timeout=0):
        yield


def _carrier(place: Site, journal: Journal, store: Store, lock: FleetLock | None) -> Carrier:
    check = lock.check if lock else lambda: None
    return Carrier(
        store=store,
        actions=actions_of(replace(place, guard=check), journal),
        report=place.report,
        check=check,
    )
