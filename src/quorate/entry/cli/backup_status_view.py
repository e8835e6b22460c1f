"""`quorate backup status` on a terminal: the coverage grid; what is not good is red."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.backup.policy.grid import (
    BackupStatus,
    CoveredRepository,
    CoveredSource,
    is_good,
    proven_beside,
)
from quorate.backup.wal.standing import Log, troubles
from quorate.fleet.quantities import show_duration, show_size
from quorate.plan.words import count, should_be

RED, YELLOW, GREEN, DIM = "bold red", "yellow", "green", "dim"
WIDE = 104
"""Columns from which the words of every state fit beside the other figures."""
COLUMNS = ("source", "backed up", "off-site", "proven", "3-2-1", ">age", ">size", "next", ">RPO",
           ">RTO")  # fmt: skip
NARROW = ("source", "made", "off", "proof", "3-2-1", ">age", ">size", ">RPO", ">RTO")
"""Without the next run: what matters fits into 80 columns."""
SHORT = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))
SIGNS = {"ok": "✓", "waiting": "·"}


def render_status(made: BackupStatus, zone: tzinfo, console: Console) -> None:
    """Every source; then what is wrong, what nobody backs up, and what could not be read."""
    wide = console.width >= WIDE
    table = _table(*(COLUMNS if wide else NARROW))
    for one in made.sources:
        table.add_row(*_cells(one, zone, wide=wide))
    console.print(table)
    console.print()
    for line in _wrong(made):
        console.print(line, soft_wrap=True)
    if made.repositories:
        console.print()
        console.print(_repositories(made.repositories))
        console.print()
    if made.logs:
        console.print(_logs(made.logs))
        console.print()
    if any(one.rehearsed for one in made.sources):
        console.print(_rehearsals(made.sources, zone))
        console.print()
    for line in _sum(made):
        console.print(line, soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=DIM)
    for number, name in enumerate(names):
        table.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=number > 1 or (number == 1 and name != "on"),
            overflow="fold",
        )
    return table


def _cells(one: CoveredSource, zone: tzinfo, *, wide: bool) -> tuple[str | Text, ...]:
    if one.backed_up == "excluded":
        return (one.id, Text("excluded" if wide else "–", DIM))
    slow = one.rto is not None and one.rto_target is not None and one.rto > one.rto_target
    whole = Text("✓", GREEN) if not one.missing else Text("no", YELLOW)
    coming = f"{one.next.astimezone(zone):%a %d %b %H:%M}" if one.next else "never"
    return (
        Text(one.id, "" if one.good else RED),
        *(_state(state, wide=wide) for state in (one.backed_up, one.offsite, one.proven)),
        whole,
        _span(one.age, wide=wide),
        show_size(one.size) if one.size is not None else "",
        *([coming] if wide else []),
        _span(one.rpo, wide=wide),
        Text(_span(one.rto, wide=wide), RED if slow else ""),
    )


def _state(state: str, *, wide: bool) -> Text:
    if not is_good(state):
        return Text(state, RED)
    return Text(state if wide else SIGNS.get(state, state), GREEN if state == "ok" else DIM)


def _span(seconds: float | None, *, wide: bool) -> str:
    """`14 min 31 s`; where there is little room `15m`."""
    if seconds is None:
        return ""
    if wide:
        return show_duration(seconds)
    unit, letter = next((one for one in SHORT if seconds >= one[0]), SHORT[-1])
    return f"{seconds / unit:.0f}{letter}"


def _wrong(made: BackupStatus) -> Iterator[Text]:
    """Everything that is not as it should be, a line each; the worst first."""
    for data in made.unprotected:
        yield Text.assemble(("unprotected: ", RED), f"{data.what}: {data.why}")
    for repository in made.unread:
        yield Text.assemble(("not read: ", RED), f"{repository.name}: {repository.why}")
    for server in made.unasked:
        yield Text.assemble(("not asked: ", RED), f"{server.name}: {server.why}")
    for one in made.sources:
        for text in one.problems:
            yield Text.assemble((f"{one.id}: ", RED), text)
        if one.moved:
            where = ", ".join(one.servers)
            text = f"is on {where} now; the newest copy is of what was on {one.moved}"
            yield Text.assemble((f"{one.id}: ", YELLOW), text)
        if one.beside:
            yield Text.assemble((f"{one.id}: ", YELLOW), proven_beside(one.beside))
        for lacks in one.missing:
            yield Text.assemble((f"{one.id}: ", YELLOW), f"3-2-1: {lacks}")
    for log in made.logs:
        for trouble in troubles(log):
            yield Text.assemble((f"write-ahead log of {log.source}: ", RED), trouble.what)


def _logs(found: tuple[Log, ...]) -> Table:
    table = _table("write-ahead log", "on", "", ">behind", ">slot may take", "restorable from")
    for one in found:
        behind = show_duration(one.behind_seconds) if one.behind_seconds is not None else "?"
        room = ""
        if one.slot_room is not None:
            room = f"{show_size(one.slot_room)} of {show_size(one.slot_bound)}"
        table.add_row(
            Text(one.source, "" if one.good else RED),
            one.server or "nowhere",
            Text(one.state, GREEN if one.good else RED),
            behind if one.at else "",
            room,
            f"{one.restorable_from:%Y-%m-%d %H:%M} UTC" if one.restorable_from else "nothing",
        )
    return table


def _rehearsals(found: tuple[CoveredSource, ...], zone: tzinfo) -> Table:
    table = _table("rehearsed recovery", "", "last", "on", ">RTO", ">may take", ">RPO", ">may lose")
    for one in found:
        how = one.rehearsed
        if how is None:
            continue
        last = how.last
        slow = last is not None and (last.rto or 0) > (one.rto_target or float("inf"))
        dear = last is not None and (last.rpo or 0) > (how.rpo_target or float("inf"))
        table.add_row(
            Text(one.id, "" if is_good(how.state) and not how.problems else RED),
            _state(how.state, wide=True),
            f"{last.at.astimezone(zone):%Y-%m-%d %H:%M}" if last else "",
            last.server if last else "",
            Text(_span(last.rto if last else None, wide=True), RED if slow else ""),
            _span(one.rto_target, wide=True),
            Text(_span(last.rpo if last else None, wide=True), RED if dear else ""),
            _span(how.rpo_target, wide=True),
        )
    return table


def _repositories(found: tuple[CoveredRepository, ...]) -> Table:
    table = _table("repository", "on", "", ">copies", ">takes", ">free", ">of")
    for one in found:
        if not one.read:
            unknown = Text("not read", RED)
            table.add_row(Text(one.name, RED), one.server or one.address, unknown, *[""] * 4)
            continue
        full = one.free is not None and bool(one.room) and one.free < (one.room or 0) / 10
        table.add_row(
            one.name,
            one.server or one.address,
            "off-site" if one.offsite else "",
            f"{one.copies}",
            _size(one.stored),
            Text(_size(one.free), RED if full else ""),
            _size(one.room),
        )
    return table


def _size(amount: int | None) -> str:
    return show_size(amount) if amount is not None else "?"


def _sum(made: BackupStatus) -> Iterator[Text]:
    found = made.totals
    if not made.asked:
        yield Text("servers were not asked which volumes and databases they have", DIM)
    if made.repositories:
        stored = f", {show_size(found.stored)} stored" if found.stored is not None else ""
        whole = f"3-2-1 holds for {found.three_two_one} of {count(found.sources, 'source')}"
        held = f"{found.copies} copies of {show_size(found.size)} of data{stored}"
        yield Text(f"{held}; {whole}", DIM)
    if made.good:
        yield Text(f"{count(found.sources, 'source')}, all as they should be", GREEN)
        return
    said = []
    if found.bad:
        whole = count(found.sources, "source")
        said.append(f"{found.bad} of {whole} not as {should_be(found.sources)}")
    if made.unprotected:
        said.append(f"{found.unprotected} unprotected")
    if made.unread:
        said.append(f"{len(made.unread)} of the repositories not read")
    if made.unasked:
        said.append(f"{len(made.unasked)} of the servers not asked")
    if bad := sum(not one.good for one in made.logs):
        said.append(f"{bad} of the write-ahead logs not as they should be")
    yield Text(", ".join(said), RED)
