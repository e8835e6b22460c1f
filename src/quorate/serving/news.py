"""What people are told: what is newly wrong, what is right again, and the digest. Pure.

Texts hold what errors and copies say; passwords and addresses are in neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo

from quorate.backup.policy.coverage import Row, State
from quorate.backup.policy.sources import Unprotected
from quorate.fleet.backup import Event
from quorate.fleet.quantities import show_duration, show_size
from quorate.plan.words import count
from quorate.serving.lognews import wrong_logs
from quorate.serving.memory import Memory
from quorate.serving.parts import Message

LISTED = 20
"""Lines of a message; what is more is counted."""

UNREAD_TRIES = 3
"""A list of copies that could not be read is news after so many tries: the next may do."""

LATE = (State.LATE, State.NEVER)
"""Of rehearsals: how one failed is among the problems."""

SAID = {
    State.LATE: "is late",
    State.NEVER: "was never done",
    State.FAILED: "failed",
    State.NOWHERE: "has nowhere to go",
}


def wrong(
    memory: Memory, rows: Sequence[Row], unprotected: Iterable[Unprotected], now: datetime
) -> dict[str, str]:
    """All that is not as it should be: a name that stays the same → a line for people."""
    found: dict[str, str] = {}
    for task, (run, why) in memory.failing.items():
        attempt = memory.attempts.get(run)
        tries = attempt.tries if attempt else 1
        if not task.startswith("catalogue ") or tries >= UNREAD_TRIES:
            found[f"failed {task}"] = f"{task}: {why}"
    found |= _still_failing(memory, rows)
    for row in rows:
        found |= _of_row(row)
    for one in unprotected:
        where = f" on {one.server}" if one.server else ""
        found[f"unprotected {one.what}{where}"] = f"unprotected: {one.what}{where}: {one.why}"
    found |= _of_logs(memory, now)
    for chore, why in memory.troubles.items():
        found[f"trouble {chore}"] = f"{chore}: {why}"
    return found


def changed(
    told: Mapping[str, str], now: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What is newly wrong, and what was told to be and is no more."""
    new = {name: text for name, text in now.items() if name not in told}
    gone = {name: text for name, text in told.items() if name not in now}
    return new, gone


def messages(
    fleet: str, new: Mapping[str, str], gone: Mapping[str, str], events: Sequence[Event]
) -> tuple[Message, ...]:
    """One message for all that is newly wrong, one for all that is right again."""
    out = []
    if new and "failure" in events:
        title = f"{fleet}: {count(len(new), 'problem')} with backups"
        out.append(Message(event="failure", title=title, body=_listed(new.values()), bad=True))
    if gone and "recovery" in events:
        title = f"{fleet}: {count(len(gone), 'problem')} with backups solved"
        out.append(Message(event="recovery", title=title, body=_listed(gone.values())))
    return tuple(out)


def digest(
    fleet: str, rows: Sequence[Row], wrong: Mapping[str, str], zone: tzinfo, now: datetime
) -> Message:
    """All of it, summed up: what is wrong, then each source with its newest copy and its proof."""
    kept = [row for row in rows if row.backed_up is not State.EXCLUDED]
    good = sum(row.good for row in kept)
    body = [f"{good} of {count(len(kept), 'source')} backed up, off-site and proven as planned."]
    if wrong:
        body += ["", "Not as it should be:", *_listed(wrong.values()).splitlines()]
    body += ["", "Sources:", *(_line(row, zone) for row in kept)]
    title = f"{fleet}: backups by {now.astimezone(zone):%a %d %b}"
    return Message(event="digest", title=title, body="\n".join(body), bad=bool(wrong))


def trial(fleet: str) -> Message:
    """What `notify --test` sends."""
    body = "A trial. Nothing is wrong; who reads this is told when backups fail."
    return Message(event="test", title=f"{fleet}: a trial of notifications", body=body)


def _still_failing(memory: Memory, rows: Sequence[Row]) -> dict[str, str]:
    """What a former controller told of and nobody has done since: it is not over.

    Over is what went well, and what concerns a source that is as it should be, or is no more.
    """
    bad = {row.planned.source.id for row in rows if not row.good}
    good = {row.planned.source.id for row in rows} - bad
    found = {}
    for name, text in memory.told.items():
        first, _, task = name.partition(" ")
        words = task.split(" ")
        if first != "failed" or task in memory.well or task in memory.failing:
            continue
        of_source = len(words) == 3
        if (of_source and words[1] in bad) or (not of_source and (bad or not good)):
            found[name] = text
    return found


def _of_logs(memory: Memory, now: datetime) -> dict[str, str]:
    """Write-ahead logs, once it is no blip; what was told stays until it is over."""
    return {
        one.name: one.text
        for one in wrong_logs(memory.seen.logs, memory.told)
        if one.name in memory.told or now - memory.logs_since.get(one.name, now) >= one.borne
    }


def _of_row(row: Row) -> dict[str, str]:
    source = row.planned.source.id
    questions = {
        "backup": row.backed_up,
        "copy off-site": row.offsite,
        "proof": row.proven,
    }
    found = {
        f"{state} {source} {question}": f"{source}: its {question} {SAID[state]}"
        for question, state in questions.items()
        if state in SAID and not (state is State.NOWHERE and question == "copy off-site")
    }
    if row.rehearsed is not None and (state := State(row.rehearsed.state)) in LATE:
        found[f"{state} {source} rehearsal"] = f"{source}: its rehearsal {SAID[state]}"
    if row.problems:
        found[f"problem {source}"] = f"{source}: {'; '.join(row.problems)}"
    if row.poisoned:
        found[f"poisoned {source}"] = f"{source}: {'; '.join(row.poisoned[:3])}"
    return found


def _line(row: Row, zone: tzinfo) -> str:
    age = f"{show_duration(row.age)} old" if row.age is not None else "no copy"
    size = f", {show_size(row.size)}" if row.size is not None else ""
    coming = f", next {row.next.astimezone(zone):%a %d %b %H:%M}" if row.next else ""
    states = f"backup {row.backed_up}, off-site {row.offsite}, proof {row.proven}"
    return f"- {row.planned.source.id}: {age}{size}; {states}{coming}"


def _listed(lines: Iterable[str]) -> str:
    every = [" ".join(line.split()) for line in lines]
    more = [f"- and {len(every) - LISTED} more"] if len(every) > LISTED else []
    return "\n".join([*(f"- {line}" for line in every[:LISTED]), *more])
