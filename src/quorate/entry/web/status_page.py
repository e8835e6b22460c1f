"""The coverage of backups as a page of its own: no script, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from quorate.backup.policy.grid import (
    BackupStatus,
    CoveredCopy,
    CoveredRepository,
    CoveredSource,
    is_good,
    proven_beside,
)
from quorate.backup.wal.standing import troubles
from quorate.entry.web.templates import WHOLE, Tile, template
from quorate.fleet.quantities import show_duration, show_size
from quorate.plan.words import count, should_be

KINDS = {
    "postgres": "Databases", "mariadb": "Databases", "redis": "Databases", "gitlab": "GitLab",
    "volume": "Volumes", "configs": "The fleet itself", "swarm": "The fleet itself",
    "system": "The fleet itself",
}  # fmt: skip
"""Kinds of sources → the part of the page they are in."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A length against a limit, in thousandths of the scale; `over` where it is beyond."""

    width: int
    limit: int
    over: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A source."""

    id: str
    bad: bool
    where: str
    tiles: tuple[Tile, ...]
    copies: tuple[Tile, ...]
    figures: tuple[str, ...]
    restore: Bar | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A repository and its room: `stored`, `other` (of somebody else) and free, in thousandths."""

    one: CoveredRepository
    stored: int
    other: int
    text: str
    full: bool


def page(made: BackupStatus, zone: tzinfo) -> str:
    """The whole page as HTML; every value is escaped."""
    kept = [one for one in made.sources if one.backed_up != "excluded"]
    return template("backup_status.html.j2").render(
        made=made,
        time=f"{made.time.astimezone(zone):%Y-%m-%d %H:%M %Z}",
        headline=_headline(made),
        figures=tuple(_figures(made)),
        groups=tuple(_groups(made, kept, zone)),
        excluded=[one.id for one in made.sources if one.backed_up == "excluded"],
        wrong=(*_wrong(kept), *_wrong_logs(made)),
        lacking=[(one.id, one.missing) for one in kept if one.missing],
        places=tuple(_place(one) for one in made.repositories),
    )


def _headline(made: BackupStatus) -> str:
    found = made.totals
    if made.good:
        return f"{count(found.sources, 'source')}: backed up, off-site and proven as they should be"
    said = []
    if found.bad:
        said.append(
            f"{found.bad} of {count(found.sources, 'source')} not as {should_be(found.sources)}"
        )
    if found.unprotected:
        said.append(f"{found.unprotected} that no backup holds")
    if made.unread:
        said.append(f"{count(len(made.unread), 'repository')} not read".replace("rys", "ries"))
    if made.unasked:
        said.append(f"{count(len(made.unasked), 'server')} not asked")
    if bad := sum(not one.good for one in made.logs):
        said.append(f"{count(bad, 'write-ahead log')} not as {should_be(bad)}")
    return ", ".join(said)


def _figures(made: BackupStatus) -> Iterator[tuple[str, str, bool]]:
    """A figure, what it counts, and whether it is bad."""
    found = made.totals
    yield f"{found.sources - found.bad} / {found.sources}", "as they should be", found.bad > 0
    yield f"{found.three_two_one} / {found.sources}", "3-2-1", found.three_two_one < found.sources
    yield f"{found.unprotected}", "unprotected", found.unprotected > 0
    yield f"{found.copies}", "copies", False
    yield show_size(found.size), "of data", False
    if found.stored is not None:
        yield show_size(found.stored), "stored", False


def _groups(
    made: BackupStatus, kept: list[CoveredSource], zone: tzinfo
) -> Iterator[tuple[str, list[Row]]]:
    for name in dict.fromkeys(KINDS.values()):
        rows = [_row(one, made, zone) for one in kept if KINDS[one.kind] == name]
        if rows:
            yield name, rows


def _row(one: CoveredSource, made: BackupStatus, zone: tzinfo) -> Row:
    by_name = {copy.repository: copy for copy in one.copies}
    return Row(
        id=one.id,
        bad=not one.good,
        where=", ".join(one.servers),
        tiles=(*map(_state, (one.backed_up, one.offsite, one.proven)), _three(one)),
        copies=tuple(_copy(by_name.get(place.name), made) for place in made.repositories),
        figures=(
            _span(one.age),
            show_size(one.size) if one.size is not None else "–",
            f"{one.next.astimezone(zone):%a %d %b %H:%M}" if one.next else "never",
            _span(one.rpo),
        ),
        restore=_restore(one),
    )


def _state(state: str) -> Tile:
    if state == "ok":
        return Tile(kind="good", text="✓", title="as it should be")
    if is_good(state):
        return Tile(kind="waits", text="waits", title="its time has not come yet")
    return Tile(kind="bad", text=state)


def _three(one: CoveredSource) -> Tile:
    if not one.missing:
        return Tile(kind="good", text="✓", title="3 copies, on 2 media, 1 off-site")
    return Tile(kind="lacks", text="no", title="; ".join(one.missing))


def _copy(copy: CoveredCopy | None, made: BackupStatus) -> Tile:
    """A source in one repository: how old its newest copy is there, and whether one is proven."""
    if copy is None:
        return Tile(kind="none", text="", title="not meant to lie there")
    if copy.newest is None:
        waits = is_good(copy.state)
        return Tile(kind="waits" if waits else "bad", text="none", title="no complete copy there")
    age = _span((made.time - copy.newest).total_seconds())
    proof = {"ok": "✓", "failed": "✗"}.get(copy.proof, "·")
    title = f"{count(copy.copies, 'copy')}".replace("copys", "copies")
    if copy.proven is not None:
        title += f"; one was proven {_span((made.time - copy.proven).total_seconds())} ago"
    kind = "good" if copy.state == "ok" and copy.proof == "ok" else "waits"
    if not (is_good(copy.state) and is_good(copy.proof)):
        kind = "bad"
    return Tile(kind=kind, text=f"{age} {proof}", title=f"{title}; made: {copy.state}, "
                f"proven: {copy.proof}")  # fmt: skip


def _restore(one: CoveredSource) -> Bar | None:
    """The measured restore beside what it may take."""
    if one.rto is None or not one.rto_target:
        return None
    scale = max(one.rto, one.rto_target)
    return Bar(
        width=max(4, round(WHOLE * one.rto / scale)),
        limit=round(WHOLE * one.rto_target / scale),
        over=one.rto > one.rto_target,
        text=f"{_span(one.rto)} of {_span(one.rto_target)}",
    )


def _wrong(kept: list[CoveredSource]) -> Iterator[tuple[str, str]]:
    for one in kept:
        for text in one.problems:
            yield one.id, text
        if one.moved:
            where = ", ".join(one.servers)
            yield one.id, f"is on {where} now; its newest copy is of what was on {one.moved}"
        if one.beside:
            yield one.id, proven_beside(one.beside)


def _wrong_logs(made: BackupStatus) -> Iterator[tuple[str, str]]:
    for one in made.logs:
        for trouble in troubles(one):
            yield f"write-ahead log of {one.source}", trouble.what


def _place(one: CoveredRepository) -> Place:
    """The bar of a repository: what it takes, what others take of its room, what is free."""
    room = one.room or 0
    stored, free = one.stored or 0, one.free
    used = max(room - free, stored) if free is not None else stored
    text = f"takes {show_size(stored)}" if one.stored is not None else "size not known"
    if free is not None:
        text += f", {show_size(free)} free of {show_size(room)}"

    def width(amount: int) -> int:
        return round(WHOLE * min(amount, room) / room) if room else 0

    return Place(
        one=one,
        stored=max(width(stored), 2 if stored else 0),
        other=width(used - stored),
        text=text,
        full=free is not None and room > 0 and free < room / 10,
    )


def _span(seconds: float | None) -> str:
    return show_duration(seconds) if seconds is not None else "–"
