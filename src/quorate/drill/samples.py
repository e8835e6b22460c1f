"""What probes saw: lines of a prober into figures. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from quorate.drill.listening import Target
from quorate.drill.model import Probed

OK, NAME, DEAD = "ok", "name", "dead"

Stretch = tuple[float, float | None]
"""From when to when; None: to the end of what was seen."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One probe: when it was due (seconds since 1970), of which target, and how it ended.

    `status` as in `assets/prober.py`; `address`: the one that its name gave, where it gave one.
    """

    due: float
    target: int
    status: str
    address: str = ""

    @property
    def ok(self) -> bool:
        return self.status == OK


def parse(lines: Iterable[str]) -> list[Sample]:
    """Samples in the order they were due; what is no line of a prober (cut short, say) is left."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) != 5:
            continue
        address = words[4].strip("-")
        try:
            due, target = float(words[0]), int(words[1])
            found.append(Sample(due=due, target=target, status=words[2], address=address))
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
    return Probed(
        service=target.service,
        vantage=vantage,
        sent=len(during),
        ok=sum(sample.ok for sample in during),
        failed=len(bad),
        before=round(availability(before), 4),
        longest=longest(gaps),
        misnamed=longest(misnamed(during)),
        total_bad=round(sum((ended if end is None else end) - start for start, end in gaps), 2),
        first_bad=round(bad[0], 2) if bad else None,
        last_bad=round(bad[-1], 2) if bad else None,
    )


def longest(stretches: Sequence[Stretch]) -> float | None:
    """Seconds of the longest; None where one has no end."""
    known = [end - start for start, end in stretches if end is not None]
    return round(max(known, default=0.0), 2) if len(known) == len(stretches) else None


def silent(samples: Sequence[Sample], *, start: float) -> list[Stretch]:
    """Stretches without an answer: from the last good one to the next; None: there was none.

    Samples in order; `start` stands for a good answer before the first.
    """
    gaps: list[Stretch] = []
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


def misnamed(samples: Sequence[Sample]) -> list[Stretch]:
    """Stretches in which a name gave no address, or one at which nobody is.

    Each from the first probe that met it to the one after the last that did. An address is
    dead until it is heard of again, whatever others, of the same name, answer meanwhile.
    """
    runs = _runs(samples, samples, NAME)
    for address in {sample.address for sample in samples if sample.address}:
        runs += _runs([each for each in samples if each.address == address], samples, DEAD)
    found: list[Stretch] = []
    for start, end in sorted(runs, key=lambda run: run[0]):
        if found and ((last := found[-1][1]) is None or start <= last):
            found[-1] = (found[-1][0], None if last is None or end is None else max(last, end))
        else:
            found.append((start, end))
    return found


def _runs(some: Sequence[Sample], every: Sequence[Sample], status: str) -> list[Stretch]:
    """Runs of a status among some samples, each up to the next of all samples."""
    dues = [sample.due for sample in every]
    found = []
    for bad, run in groupby(some, key=lambda sample: sample.status == status):
        if bad:
            first, *more = [sample.due for sample in run]
            after = bisect_right(dues, more[-1] if more else first)
            found.append((first, dues[after] if after < len(dues) else None))
    return found
