"""The answer to a what-if as a page of its own: no script, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.entry.web.templates import WHOLE, template
from quorate.plan.cost import TERMS
from quorate.plan.model import Use
from quorate.plan.whatif.aspects.data import lasting
from quorate.plan.whatif.model import (
    LOSSES,
    Aspect,
    ServerChange,
    ServiceChange,
    Transfer,
    WhatIf,
    Winner,
)
from quorate.plan.words import MIB, size

MOST = 100
"""Rows of servers and services on the page."""

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: widths in thousandths; `limit` is where the capacity ends."""

    label: str
    text: str
    base: int
    peak: int
    limit: int
    excess: int

    @property
    def over(self) -> bool:
        return self.excess > 0


@dataclass(frozen=True, kw_only=True)
class Part:
    """Memory or CPU of a server, on both sides."""

    name: str
    bars: tuple[Bar, ...]


def page(answer: WhatIf) -> str:
    """The whole page as HTML; every value is escaped."""
    pictures = template("pictures.html.j2").module
    advice = answer.recommendation
    changed = {name: one for name, one in answer.servers.items() if one.before != one.after}
    rows = [_row(aspect) for aspect in answer.aspects if not _alike(aspect)]
    return template("whatif.html.j2").render(
        answer=answer,
        advice=advice,
        headline=advice.headline[:1].upper() + advice.headline[1:],
        named=not answer.after_name.startswith("--"),
        loss=advice.verdict in LOSSES,
        rows=rows,
        alike=[aspect.title for aspect in answer.aspects if _alike(aspect)],
        servers=[_server(name, one) for name, one in list(changed.items())[:MOST]],
        unchanged=[name for name in answer.servers if name not in changed][:MOST],
        services=[_service(one) for one in answer.services[:MOST]],
        more=max(0, len(answer.services) - MOST),
        copies=[_copy(one) for one in answer.transfers],
        prices=list(_prices(answer)),
        picture=pictures.bar,  # type: ignore[attr-defined]
        figure=pictures.figure,  # type: ignore[attr-defined]
        full=pictures.full,  # type: ignore[attr-defined]
    )


def _alike(aspect: Aspect) -> bool:
    return aspect.winner is Winner.TIE and aspect.before.text == aspect.after.text


def _row(aspect: Aspect) -> dict[str, object]:
    """An aspect and how long the bars of its figures are."""
    figures = (aspect.before.figure, aspect.after.figure)
    most = max((figure for figure in figures if figure is not None), default=0.0)
    widths = [
        None if figure is None or most <= 0 else max(0, round(WHOLE * figure / most))
        for figure in figures
    ]
    return {"aspect": aspect, "before": widths[0], "after": widths[1]}


def _server(name: str, change: ServerChange) -> dict[str, object]:
    sides = (("before", change.before), ("after", change.after))
    memory = [(label, use.memory) for label, use in sides if use is not None]
    cpu = [(label, use.cpu) for label, use in sides if use is not None]
    suffix = ""
    if change.before is None:
        suffix = " (new)"
    elif change.after is None:
        suffix = " (lost)"
    return {
        "name": name + suffix,
        "parts": (
            Part(name="memory, GiB", bars=tuple(_bars(memory, GIB))),
            Part(name="CPU, threads of speed 1.0", bars=tuple(_bars(cpu, 1))),
        ),
    }


def _bars(uses: list[tuple[str, Use]], unit: float) -> Iterator[Bar]:
    """Both sides on one scale, so that they can be compared by eye."""
    scale = max(max(use.capacity, use.peak) for _, use in uses) or 1.0

    def width(amount: float) -> int:
        return round(WHOLE * max(0.0, amount) / scale)

    for label, use in uses:
        base = width(use.baseline)
        yield Bar(
            label=label,
            text=f"{use.baseline / unit:.1f} / {use.peak / unit:.1f} of {use.capacity / unit:.3g}",
            base=base,
            peak=max(0, width(min(use.peak, use.capacity)) - base),
            limit=width(use.capacity),
            excess=width(use.peak - use.capacity),
        )


def _service(change: ServiceChange) -> dict[str, str]:
    def at(homes: tuple[str, ...], pending: int = 0) -> str:
        names = [
            f"{n} ×{homes.count(n)}" if homes.count(n) > 1 else n for n in dict.fromkeys(homes)
        ]
        return ", ".join([*names, *([f"{pending} nowhere"] if pending else [])]) or "–"

    def room(memory: float | None, cpu: float | None) -> str:
        return (
            "–" if memory is None or cpu is None else f"{memory / GIB:.1f} GiB, {cpu:.1f} threads"
        )

    return {
        "id": change.id,
        "before": at(change.before),
        "after": at(change.after, change.pending),
        "takes": f"{change.memory / GIB:.3g} ({change.memory_peak / GIB:.3g}) GiB, "
        f"{change.cpu:.3g} ({change.cpu_peak:.3g}) threads",
        "room": f"{room(change.memory_room_before, change.cpu_room_before)} → "
        f"{room(change.memory_room_after, change.cpu_room_after)}",
        "why": change.why,
    }


def _copy(copy: Transfer) -> dict[str, str]:
    return {
        "service": copy.service,
        "source": copy.source,
        "target": copy.target,
        "size": "unknown" if copy.size is None else size(copy.size / MIB),
        "seconds": lasting(copy.seconds),
        "down": lasting(copy.down),
        "down_warm": lasting(copy.down_warm),
        "limited_by": copy.limited_by,
    }


def _prices(answer: WhatIf) -> Iterator[dict[str, str]]:
    if answer.recommendation.verdict in LOSSES:
        return
    for term, (before, after) in answer.price.items():
        yield {
            "name": TERMS.get(term, term),
            "before": f"{before:,}",
            "after": f"{after:,}",
            "difference": f"{after - before:+,}" if after != before else "–",
        }
