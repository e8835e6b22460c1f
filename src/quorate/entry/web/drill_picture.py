"""One run of a drill as a picture: what did not run and did not answer, and until when.

Positions are in the picture's own units; the template only writes them down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.drill.model import Phase, Probed, Recovered, Run
from quorate.drill.summary import LEADER, NOTICED, amiss, phases, worst
from quorate.predict.model import Span

WIDTH, LEFT, RIGHT = 1000, 190, 840
"""Of the whole picture; where the time axis begins and ends."""

TOP, HEIGHT, LANE = 8, 24, 15
"""Above all; of a row; of a line of words over the vertical lines."""

LETTER = 7.0
"""Width of a letter, more or less: no word runs into the next."""

STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
"""Seconds between two figures on the axis."""

TICKS = 10
MOST = 60
"""Figures on the axis, rows of a picture: at most."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of time: `kind` is its class in the style sheet."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Band:
    """What was predicted: the span, and its mean."""

    x: float
    width: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the picture. `title`: all of it in words."""

    label: str
    title: str
    text: str
    y: float
    bad: bool = False
    parts: tuple[Part, ...] = ()
    band: Band | None = None


@dataclass(frozen=True, kw_only=True)
class Upright:
    """A moment: a vertical line and, over it in some lane, its name."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A run. `more`: rows that are left out."""

    width: float
    height: float
    top: float
    bottom: float
    rows: tuple[Row, ...]
    uprights: tuple[Upright, ...]
    ticks: tuple[tuple[float, str], ...]
    more: int


class Axis:
    """From seconds to places, as far as the picture goes."""

    def __init__(self, end: float) -> None:
        self.end = max(end, 1.0) * 1.02

    def place(self, seconds: float) -> float:
        """Where a moment is; what lies outside is at the edge."""
        share = min(max(seconds / self.end, 0.0), 1.0)
        return round(LEFT + (RIGHT - LEFT) * share, 1)

    def part(self, kind: str, begin: float, end: float | None) -> Part:
        """A stretch; without an end it goes on to the edge."""
        x = self.place(begin)
        to = self.place(self.end if end is None else end)
        return Part(kind=kind, x=x, width=round(max(to - x, 0.0), 1))

    def band(self, span: Span | None) -> Band | None:
        """A predicted span."""
        if span is None:
            return None
        x = self.place(span.low)
        width = round(self.place(span.high) - x, 1)
        return Band(x=x, width=max(width, 1.0), mean=self.place(span.mean))

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round figures along the axis."""
        fitting = (step for step in STEPS if self.end / step <= TICKS)
        step = next(fitting, STEPS[-1] * -(-self.end // (STEPS[-1] * TICKS)))
        times = [number * step for number in range(int(self.end / step) + 1)]
        return tuple((self.place(time), f"{time:g}") for time in times)


def picture(run: Run) -> Picture | None:
    """The picture of a run; None where nothing was broken."""
    if not _moments(run) and not run.services:
        return None
    axis = Axis(_end(run))
    uprights = _uprights(run, axis)
    top = max(upright.y for upright in uprights) + 6
    drawn = [*_swarm(run, axis), *_services(run, axis), *_probes(run, axis)]
    rows = tuple(
        Row(**{**vars(row), "y": top + number * HEIGHT}) for number, row in enumerate(drawn[:MOST])
    )
    bottom = top + len(rows) * HEIGHT + 4
    return Picture(
        width=WIDTH,
        height=bottom + 36,
        top=top,
        bottom=bottom,
        rows=rows,
        uprights=uprights,
        ticks=axis.ticks(),
        more=max(0, len(drawn) - MOST),
    )


def _end(run: Run) -> float:
    spans = [phase.predicted for phase in phases(run)]
    spans += [each.phase.predicted for each in run.services if each.phase]
    times = [each.assigned for each in run.services] + [each.running for each in run.services]
    times += [phase.measured for phase in phases(run)]
    times += [_begin(each) + each.longest for each in run.probes if each.longest is not None]
    times += [each.last_bad for each in run.probes]
    known = [time for time in times if time is not None]
    return max([run.lasted, *known, *(span.high for span in spans if span is not None)])


def _moments(run: Run) -> list[tuple[str, float]]:
    """What has a vertical line, in order."""
    if not run.lasted:
        return []
    named = ((NOTICED, run.noticed), (LEADER, run.new_leader), ("undone", run.lasted))
    known = [(name, time) for name, time in named if time is not None]
    return sorted([("fault began", 0.0), *known], key=lambda one: one[1])


def _uprights(run: Run, axis: Axis) -> tuple[Upright, ...]:
    """The vertical lines; a name lies over all lines that would go through it."""
    placed: list[tuple[str, float, int]] = []
    for name, time in reversed(_moments(run) or [("fault began", 0.0)]):
        label = f"{name} {time:.1f} s" if time else name
        x = axis.place(time)
        end = x + LETTER * len(label)
        level = max((1 + level for _, line, level in placed if line <= end), default=0)
        placed.append((label, x, level))
    highest = max(level for _, _, level in placed)
    return tuple(
        Upright(label=label, x=x, y=TOP + LANE * (highest - level) + 6)
        for label, x, level in reversed(placed)
    )


def _swarm(run: Run, axis: Axis) -> Iterator[Row]:
    """What is measured of the swarm."""
    for phase in phases(run):
        yield Row(
            label=phase.name,
            title=f"{phase.name}: {_seconds(phase.measured, 'never')}{_predicted(phase)}",
            text=_seconds(phase.measured, "never"),
            y=0,
            bad=phase.inside is False,
            parts=(axis.part("d-swarm", 0.0, phase.measured),),
            band=axis.band(phase.predicted),
        )


def _services(run: Run, axis: Axis) -> Iterator[Row]:
    """The services that were hit, those that were back first on top."""
    for each in sorted(run.services, key=lambda one: (one.running is None, one.running or 0.0)):
        never = "not back" if each.may_move else "waits"
        assigned = _seconds(each.assigned, "not")
        yield Row(
            label=each.service,
            title=f"{each.service}: assigned {assigned}, running "
            f"{_seconds(each.running, never)}{_predicted(each.phase)}",
            text=_seconds(each.running, never),
            y=0,
            bad=amiss(each),
            parts=_stretches(each, axis),
            band=axis.band(each.phase.predicted if each.phase else None),
        )


def _stretches(each: Recovered, axis: Axis) -> tuple[Part, ...]:
    if each.assigned is None:
        return (axis.part("d-lost", 0.0, each.running),)
    begins = axis.part("d-begins", each.assigned, each.running)
    return axis.part("d-lost", 0.0, each.assigned), begins


def _probes(run: Run, axis: Axis) -> Iterator[Row]:
    """The longest gap of each service, where it was longest."""
    for each in worst(run):
        text = "never again" if each.longest is None else f"{each.longest:.1f} s"
        yield Row(
            label=f"{each.service} answers",
            title=f"{each.service} seen from {each.vantage}: longest gap {text}, "
            f"{each.total_bad:.1f} s in all",
            text=f"{text} from {each.vantage}",
            y=0,
            bad=each.bystander or each.longest is None,
            parts=tuple(_gaps(each, axis)),
        )


def _gaps(each: Probed, axis: Axis) -> Iterator[Part]:
    """Solid where it is known that nothing was answered: one gap, and not several with answers."""
    begin = _begin(each)
    last = begin if each.last_bad is None else each.last_bad
    if each.longest is None:
        whole = each.total_bad >= 0.9 * (last - begin)
        yield axis.part("d-silent" if whole else "d-some", begin, None)
    elif each.total_bad - each.longest < 0.05:
        yield axis.part("d-silent", begin, begin + each.longest)
    else:
        yield axis.part("d-some", begin, last)


def _begin(each: Probed) -> float:
    return each.first_bad or 0.0


def _predicted(phase: Phase | None) -> str:
    if phase is None or phase.predicted is None:
        return ""
    return f"; predicted {phase.predicted.low:.1f} to {phase.predicted.high:.1f} s"


def _seconds(value: float | None, never: str) -> str:
    return never if value is None else f"{value:.1f} s"
