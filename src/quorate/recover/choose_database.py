"""Which copy brings a database back, what is lost by it, and in what steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide_copies import with_id
from quorate.backup.jobs.names import run_key
from quorate.backup.model import Kind, Snapshot, Source
from quorate.backup.policy import choices
from quorate.backup.policy import quiesce as still
from quorate.backup.runner.answers import copied
from quorate.errors import RefusedError, UsageError
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Engine, Fleet, Service
from quorate.fleet.observed import Snapshot as Seen
from quorate.fleet.quantities import show_duration
from quorate.recover.model import Facts, Journal, Operation, Step

KIND = "recover database"
STOP, RESTORE, START, VERIFY = "stop", "restore", "start", "verify"
STOPPED_SECONDS, STARTED_SECONDS = 10.0, 15.0
"""What stopping and starting services took at most in a lab, where they end when they are told."""


def run_of(journal: Journal) -> str:
    """The key under which a recovery keeps services still."""
    due = datetime.fromisoformat(str(journal.facts["due"]))
    return run_key(f"recover:{journal.operation.subject}", due)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be recovered: until when, from which copy (an id or its beginning), and whether
    one that is not proven will do."""

    at: datetime | None = None
    snapshot: str = ""
    unproven: bool = False


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The copies that will do, the best first, one and the same in several repositories; none: it
    comes out of the write-ahead log. `until`: what was written later is lost; not `known`: nobody
    says how far the log goes. `at`: the moment out of the log; now: the last there is."""

    copies: tuple[Snapshot, ...]
    until: datetime
    known: bool = True
    at: datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """What the restore took when it was proven; None: nobody has measured it."""
        proofs = [one.proof for one in self.copies[:1] if one.proof is not None]
        return proofs[0].seconds if proofs else None


@dataclass(frozen=True, kw_only=True)
class Users:
    """Who uses it: services that are stopped (names in Swarm), and those that have to be well in
    the end. `warnings`: of those that go on writing."""

    stops: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def choose(
    known: Known,
    source: str,
    asked: Asked,
    *,
    log: bool,
    reaches: datetime | None = None,
    close: frozenset[str] = frozenset(),
    now: datetime,
) -> Chosen:
    """The copy to recover from.

    Args:
        log: the source's write-ahead log is received.
        reaches: what was committed until then is in it; None: nobody knows.
        close: repositories on the server that it goes to.

    Raises:
        UsageError: there is no such copy.
        RefusedError: none of them is proven.
        RepositoryError, MachineError: no repository can be read.
    """
    dark = tuple(f"{one.what} cannot be read: {one.error.what}" for one in known.unread)
    if log and asked.at is not None and not asked.snapshot:
        return _out_of_log(asked.at, reaches, now, dark)
    mine = [one for one in known.snapshots if one.source == source]
    if not mine and known.unread:
        raise known.unread[0].error
    if asked.snapshot:
        found = _allowed(with_id(mine, asked.snapshot), source, unproven=asked.unproven)
        return _chosen(found, close, (*dark, *_risks(found)))
    every = choices.sound_copies(mine, now).get(source, ())
    until = [one for one in every if asked.at is None or one.taken <= asked.at]
    if not until:
        raise _none(source, asked, dark, any_at_all=bool(every))
    good = [one for one in until if one.proven or (asked.unproven and one.proof is None)]
    if not good:
        untried = [one for one in until if one.proof is None]
        raise _untried(source, untried[-1]) if untried else _failed(source, until[-1])
    newest = good[-1]
    found = [one for one in choices.same_copies(until, newest) if one in good]
    newer = [one for one in until if one.taken > newest.taken]
    more = (_log(newest, reaches),) if log else ()
    return _chosen(found, close, (*dark, *_risks(found), *_newer(newer), *more))


def users(fleet: Fleet, seen: Seen, source: Source) -> Users:
    """Who writes to a source, and who has to be well again.

    Of a database those that need it; of files those that have them.
    """
    own = _own(fleet, source)
    writers = own if source.kind is Kind.VOLUME else _needing(fleet, own)
    around = (*own, *writers, *_needing(fleet, writers if source.kind is Kind.VOLUME else ()))
    stops, warnings = [], []
    for service in writers:
        live = seen.service(service.swarm_name)
        if service.engine is Engine.COMPOSE:
            warnings.append(f"{service.id} runs by compose and is not stopped: stop it first")
        elif live is not None and still.why_not("stop", live.spec) is not None:
            warnings.append(f"{service.id} is global and goes on: what it writes meanwhile counts")
        elif live is not None:
            stops.append(service.swarm_name)
    if not writers:
        warnings.append(
            f"no service says that it needs {source.id} (`x-quorate: {{needs: […]}}`): whoever "
            "writes to it is not stopped"
        )
    waits = [
        one.swarm_name
        for one in around
        if one.engine is not Engine.COMPOSE and seen.service(one.swarm_name) is not None
    ]
    return Users(
        stops=tuple(dict.fromkeys(stops)),
        waits=tuple(dict.fromkeys(waits)),
        warnings=tuple(warnings),
    )


def operation(
    fleet: str, source: Source, chosen: Chosen, around: Users, target: str, *, now: datetime
) -> Operation:
    """The steps that bring it back.

    Args:
        target: where it goes, in words.
    """
    names = ", ".join(around.stops)
    steps = [
        Step(
            id=RESTORE,
            says=f"restore {_what(chosen)} into {target}, keep what is there now, and compare",
            seconds=chosen.seconds,
            back="what was kept is put back",
        ),
        Step(
            id=VERIFY,
            says=f"see that {', '.join(around.waits) or source.id} is well",
            seconds=STARTED_SECONDS,
        ),
    ]
    if names:
        stop = Step(
            id=STOP,
            says=f"stop what writes to it: {names}",
            seconds=STOPPED_SECONDS,
            back="they are started again",
        )
        start = Step(
            id=START, says=f"start {names} again", seconds=1.0, back="they are stopped again"
        )
        steps = [stop, steps[0], start, steps[1]]
    return Operation(
        kind=KIND,
        subject=source.id,
        fleet=fleet,
        steps=tuple(steps),
        loses=_loses(source, chosen, now),
        warnings=(*chosen.warnings, *around.warnings),
        facts=_facts(source, chosen, around, now),
    )


def _loses(source: Source, chosen: Chosen, now: datetime) -> str:
    if not chosen.known:
        return (
            f"what was written to {source.id} and is not in its write-ahead log: how much that is, "
            "its receiver does not say"
        )
    span = show_duration(max(0.0, (now - chosen.until).total_seconds()))
    return f"what was written to {source.id} after {clock(chosen.until)}: the last {span}"


def clock(moment: datetime) -> str:
    """A time for people."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _facts(source: Source, chosen: Chosen, around: Users, now: datetime) -> Facts:
    return {
        "source": source.id,
        "kind": source.kind.value,
        "due": now.isoformat(),
        "aside": f"{now:%Y%m%d_%H%M%S}",
        "until": chosen.until.isoformat(),
        "known": chosen.known,
        "at": (chosen.at or chosen.until).isoformat(),
        "copies": [copied(one).model_dump(mode="json") for one in chosen.copies],
        "stops": list(around.stops),
        "waits": list(around.waits),
    }


def _what(chosen: Chosen) -> str:
    if not chosen.known:
        return "the last commit that its write-ahead log has"
    if not chosen.copies:
        return f"the state of {clock(chosen.until)} out of the write-ahead log"
    copy = chosen.copies[0]
    proven = "" if copy.proven else ", not proven"
    return f"the copy {copy.id[:8]} of {clock(copy.taken)} in {copy.repository}{proven}"


def _own(fleet: Fleet, source: Source) -> tuple[Service, ...]:
    if source.kind is not Kind.VOLUME:
        return (fleet.service(source.service),) if source.service else ()
    found = [name for one in data_sets(fleet) if one.id == source.id for name in one.services]
    return tuple(fleet.service(name) for name in found)


def _needing(fleet: Fleet, services: Iterable[Service]) -> tuple[Service, ...]:
    needed = {one.id for one in services}
    return tuple(one for one in fleet.services if needed & set(one.needs) and one.id not in needed)


def _out_of_log(
    asked: datetime, reaches: datetime | None, now: datetime, warnings: tuple[str, ...]
) -> Chosen:
    """A moment that is over comes back as it was, or not at all; of the last, what there is."""
    at = min(asked, now)
    if reaches is not None and reaches < at:
        said = f"its write-ahead log has everything until {clock(reaches)} only"
        last = at == now
        more = () if last else (f"{said}: a moment after that may not be in it",)
        return Chosen(copies=(), until=reaches if last else at, at=at, warnings=(*warnings, *more))
    known = at < now or reaches is not None
    return Chosen(copies=(), until=at, known=known, at=at, warnings=warnings)


def _chosen(found: Sequence[Snapshot], close: frozenset[str], warnings: tuple[str, ...]) -> Chosen:
    ranked = tuple(choices.ranked(found, close))
    return Chosen(copies=ranked, until=ranked[0].taken, warnings=warnings)


def _allowed(found: list[Snapshot], source: str, *, unproven: bool) -> list[Snapshot]:
    """Those that may be taken: proven ones, or any that was said to do.

    Raises:
        RefusedError: none.
    """
    proven = [one for one in found if one.proven]
    if proven or unproven:
        return proven or found
    copy = found[-1]
    raise _untried(source, copy) if copy.proof is None else _failed(source, copy)


def _untried(source: str, copy: Snapshot) -> RefusedError:
    return RefusedError(
        f"no copy of {source} that would do is proven; nothing was changed",
        cause=f"the newest is {copy.id[:8]} of {clock(copy.taken)} in {copy.repository}, which "
        "nobody has restored yet: it may lack something, or not restore at all",
        todo=f"`quorate backup prove {source} --copy {copy.id[:8]}` finds out; `--unproven` takes "
        "it as it is",
    )


def _failed(source: str, copy: Snapshot) -> RefusedError:
    wrong = copy.proof.differences[:1] if copy.proof else ()
    return RefusedError(
        f"no copy of {source} that would do is proven; nothing was changed",
        cause=f"the newest, {copy.id[:8]} of {clock(copy.taken)} in {copy.repository}, was tried "
        f"and is not what was backed up{': ' if wrong else ''}{''.join(wrong)}",
        todo=f"`quorate backup list --source {source}` shows the others; "
        f"`--snapshot {copy.id[:8]} --unproven` takes this one all the same",
    )


def _none(source: str, asked: Asked, dark: Sequence[str], *, any_at_all: bool) -> UsageError:
    what = f"there is no complete copy of {source}"
    if any_at_all and asked.at is not None:
        what = f"no copy of {source} was taken until {clock(asked.at)}"
    return UsageError(
        what,
        cause="; ".join(dark) or None,
        todo=f"`quorate backup list --source {source}` shows what there is",
    )


def _risks(found: Sequence[Snapshot]) -> tuple[str, ...]:
    if not found or found[0].proven:
        return ()
    copy = found[0]
    if copy.proof is not None:
        return (f"the copy {copy.id[:8]} was tried, and is not what was backed up",)
    return (f"nobody has restored the copy {copy.id[:8]} yet: it may lack something",)


def _newer(newer: Sequence[Snapshot]) -> tuple[str, ...]:
    untried = [one for one in newer if one.proof is None]
    if not untried:
        return ()
    copy = untried[-1]
    return (
        f"a newer copy, {copy.id[:8]} of {clock(copy.taken)}, is not proven: `quorate backup prove "
        f"{copy.source}` first loses less",
    )


def _log(copy: Snapshot, reaches: datetime | None) -> str:
    """What the write-ahead log has beyond a copy, and how to have it."""
    latest = f"`quorate recover database {copy.source} --at latest`"
    if reaches is None:
        return (
            f"its write-ahead log is received, how far is not known: {latest} brings back the last "
            "commit in it, `--at TIME` any moment"
        )
    if reaches <= copy.taken:
        return f"its write-ahead log ends at {clock(reaches)}, before this copy: it saves nothing"
    saved = show_duration((reaches - copy.taken).total_seconds())
    return (
        f"its write-ahead log goes on until {clock(reaches)}: {latest} loses {saved} less than "
        "this copy, `--at TIME` brings back any moment"
    )
