"""What becomes of a move that was made: sealed, or undone, and what is lost then. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.errors import UsageError
from quorate.plan.words import listed
from quorate.recover.model import Journal, State, Step
from quorate.recover.moving.model import KIND, of_facts

SEAL = Step(
    id="finish",
    says="seal the move: the data on the old server are not gone back to any more",
    seconds=1.0,
    final=True,
)


def latest(journals: Sequence[Journal], service: str) -> Journal:
    """The newest move (of a service, where one is named) that can be undone or sealed.

    Raises:
        UsageError: there is none.
    """
    for journal in reversed(journals):
        if journal.operation.kind != KIND or journal.state is State.UNDONE or journal.sealed():
            continue
        move = of_facts(journal.facts)
        names = {name for one in move.moved for name in (one.service, one.swarm_name)}
        if not service or service in names:
            return journal
    raise UsageError(
        f"no move of {service} is left to undo or to seal" if service else "no move is left so",
        todo="`quorate operations list` shows all, and what became of them",
    )


def lost(journal: Journal) -> str:
    """What undoing a move loses, in words; empty for nothing."""
    if journal.of("switch") is State.PLANNED:
        return ""
    move = of_facts(journal.facts)
    since = next((one.at for one in journal.entries if one.step == "switch"), "")
    targets = listed(sorted({one.target for one in move.moved}))
    volumes = listed([one.name for pair in move.pairs for one in pair.volumes])
    return (
        f"What was written on {targets} since {since[:19]} UTC is not on the old server: it stays "
        f"in {volumes} on {targets}, unused."
    )


def outcome(journal: Journal) -> Iterator[str]:
    """What came of a move, in lines."""
    move = of_facts(journal.facts)
    facts = journal.facts
    if journal.state is State.UNDONE:
        for one in move.moved:
            yield f"{one.service} runs on {one.source} again"
        return
    if "down" in facts:
        yield f"down for {facts['down']} s"
    found = facts.get("verified") or {}
    if "files" in found:
        yield f"equal: {found['files']} files and directories, {found['size']} bytes"
    if "log" in found:
        yield f"the replica had everything, up to {found['log']}"
    if journal.state is not State.DONE or journal.sealed():
        return
    for pair in move.pairs:
        names = listed([one.name for one in pair.volumes])
        yield f"{names} on {pair.source} stays as it was when the service stopped"
    name = move.moved[0].service
    yield f"`quorate move --undo {name}` goes back, until `quorate move --finish {name}`"
