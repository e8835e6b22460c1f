"""What probes saw: lines of a prober into figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quorate.drill.listening import Target
from quorate.drill.model import Probed

OK = "ok"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One probe: when it was due (seconds since 1970), of which target, and how it ended."""

    due: float
    target: int
    status: str

    @property
    def ok(self) -> bool:
        return self.status == OK


def parse(lines: Iterable[str]) -> list[Sample]:
    """Samples in the order they were due; what is no line of a prober (cut short, say) is left."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) != 4:
            continue
        try:
            found.append(Sample(due=float(words[0]), target=int(words[1]), status=words[2]))
        except ValueError:
            continue
    return sorted(found, key=lambda sample: sample.due)


def availability(samples: Sequence[Sample]) -> float:
    """The share that was answered; 0 where nothing was asked."""
    return sum(sample.ok for sample in samples) / len(samples) if samples else 0.0


def probed(
    samples: Sequence[Sample],
    targets: Sequence[Target],
    *,
    vantage: str,
    began: float,
    ended: float,
    bystanders: frozenset[str],
) -> tuple[Probed, ...]:
    """The figures of every target, from `began` to `ended` (seconds since 1970)."""
    by_target: list[list[Sample]] = [[] for _ in targets]
    for sample in samples:
        if sample.target < len(targets):
            by_target[sample.target].append(sample)
    return tuple(
        _figures(target, mine, vantage, began, ended).model_copy(
            update={"bystander": target.service in bystanders}
        )
        for target, mine in zip(targets, by_target, strict=True)
    )


def _figures(
    target: Target, samples: Sequence[Sample], vantage: str, began: float, ended: float
) -> Probed:
    before = [sample for sample in samples if sample.due < began]
    during = [sample for sample in samples if began <= sample.due <= ended]
    gaps = silent(during, start=began)
    bad = [sample.due - began for sample in during if not sample.ok]
    open_end = any(end is None for _, end in gaps)
    return Probed(
        service=target.service,
        vantage=vantage,
        sent=len(during),
        ok=sum(sample.ok for sample in during),
        failed=len(bad),
        before=round(availability(before), 4),
        longest=None
        if open_end
        else round(max((end - start for start, end in gaps if end is not None), default=0.0), 2),
        total_bad=round(sum((ended if end is None else end) - start for start, end in gaps), 2),
        first_bad=round(bad[0], 2) if bad else None,
        last_bad=round(bad[-1], 2) if bad else None,
    )


def silent(samples: Sequence[Sample], *, start: float) -> list[tuple[float, float | None]]:
    """Stretches without an answer: from the last good one to the next; None: there was none.

    Samples in order; `start` stands for a good answer before the first.
    """
    gaps: list[tuple[float, float | None]] = []
    last_good, failing = start, False
    for sample in samples:
        if not sample.ok:
            failing = True
        else:
            if failing:
                gaps.append((last_good, sample.due))
            last_good, failing = sample.due, False
    if failing:
        gaps.append((last_good, None))
    return gaps
