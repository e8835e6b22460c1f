"""What the runs of a drill come to, and the words for it: for every way of showing a report.

Times in seconds from the moment the fault began.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.drill.model import (
    Agreement,
    Guard,
    Phase,
    Probed,
    Recovered,
    Report,
    Resilience,
    Run,
    Written,
)
from quorate.fleet.model import Model
from quorate.measured.figures import percentile

NOTICED = "noticed"
LEADER = "new leader"
LAST = "last running again"

RESILIENCE = {
    Resilience.PASSED: "what may move was back in its time, and nobody else noticed",
    Resilience.FAILED: "something was not back in its time, or others noticed",
    Resilience.ABORTED: "undone early",
    Resilience.INVALID: "nothing was broken, as what must hold before did not",
}
AGREEMENT = {
    Agreement.INSIDE: "it came as predicted",
    Agreement.OUTSIDE: "it did not come as predicted",
    Agreement.NONE: "nothing could be compared",
}


class Spread(Model):
    """`count` values of `runs` runs; a run without one (it never happened) is not among them."""

    count: int
    runs: int
    low: float
    median: float
    p95: float
    high: float


def made(report: Report) -> list[Run]:
    """The runs in which something was broken."""
    return [run for run in report.runs if run.resilience is not Resilience.INVALID]


def spread(values: Iterable[float | None]) -> Spread | None:
    """How values lie, one of each run; None where there is none."""
    every = list(values)
    known = sorted(value for value in every if value is not None)
    if not known:
        return None
    return Spread(
        count=len(known),
        runs=len(every),
        low=known[0],
        median=percentile(known, 50),
        p95=percentile(known, 95),
        high=known[-1],
    )


def spreads(report: Report) -> dict[str, Spread | None]:
    """What is told of all runs together; None where it never happened, left out where it could not.

    A leader follows only another that was hit, and a service runs again that may move.
    """
    runs = made(report)
    led = [run for run in runs if run.new_leader is not None or run.leader in run.target]
    moving = [run for run in runs if any(each.may_move for each in run.services)]
    times = {
        NOTICED: [run.noticed for run in runs],
        LEADER: [run.new_leader for run in led],
        LAST: [last_running(run) for run in moving],
    }
    return {name: spread(each) for name, each in times.items() if each}


def running(report: Report) -> dict[str, Spread | None]:
    """Of each service that may move and was hit, when it ran again; None where it never did."""
    times: dict[str, list[float | None]] = {}
    for run in made(report):
        for service in run.services:
            if service.may_move:
                times.setdefault(service.service, []).append(service.running)
    return {name: spread(each) for name, each in times.items()}


def last_running(run: Run) -> float | None:
    """When the last of the services that may move ran again; None where one never did."""
    times = [each.running for each in run.services if each.may_move]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def inside(report: Report) -> tuple[int, int]:
    """In how many runs all came as predicted, and in how many something could be compared."""
    seen = [run.agreement for run in report.runs if run.agreement is not Agreement.NONE]
    return seen.count(Agreement.INSIDE), len(seen)


def phases(run: Run) -> tuple[Phase, ...]:
    """What was compared of the swarm; also what was measured and is not among it."""
    named = {phase.name for phase in run.phases}
    predicted = run.prediction
    others = (
        Phase(name=NOTICED, measured=run.noticed, predicted=predicted and predicted.noticed),
        Phase(name=LEADER, measured=run.new_leader, predicted=predicted and predicted.leaderless),
    )
    return run.phases + tuple(
        phase for phase in others if phase.measured is not None and phase.name not in named
    )


def unheld(run: Run) -> list[Guard]:
    """Guards that did not hold, or of which it could not be found out."""
    return [guard for guard in run.guards if not guard.holds]


def late(service: Recovered) -> bool:
    """Whether a service that may move was not back in its time."""
    return service.may_move and (service.running is None or service.running > service.target)


def remarks(service: Recovered) -> list[str]:
    """What is striking about a service that was hit, in words."""
    said = []
    if not service.may_move:
        said.append("waits for its server")
    if late(service):
        said.append("after its target" if service.running is not None else "not back")
    if service.phase is not None and service.phase.inside is False:
        said.append("outside the prediction")
    if not service.possible:
        said.append("went where it was not predicted")
    return said


def amiss(service: Recovered) -> bool:
    """Whether a service was late, or went otherwise than predicted."""
    outside = service.phase is not None and service.phase.inside is False
    return late(service) or outside or not service.possible


def noticed_something(probed: Probed) -> bool:
    """Whether any probe of a service at a vantage point failed."""
    return probed.failed > 0 or probed.longest is None


def wrote(each: Written) -> list[str]:
    """What became of the writes to a service, in words."""
    if each.refused:
        return ["nothing written: it asks for a password that is not known"]
    if not each.acknowledged + each.failed + each.unknown:
        return ["nothing written: no server that stays is in its network"]
    said = [f"{each.acknowledged} acknowledged", f"{each.failed} failed"]
    if each.unknown:
        kept = "could not be read back" if each.lost is None else f"{each.kept} of them there"
        said.append(f"{each.unknown} unknown ({kept})")
    return [*said, "not read back" if each.lost is None else f"{each.lost} lost"]


def error_share(probed: Probed) -> float:
    """Share of the probes that failed."""
    return probed.failed / probed.sent if probed.sent else 0.0


def worst(run: Run) -> list[Probed]:
    """Of each service that did not always answer, the vantage point with the longest gap."""
    found: dict[str, Probed] = {}
    for probed in filter(noticed_something, run.probes):
        if probed.service not in found or _gap(probed) > _gap(found[probed.service]):
            found[probed.service] = probed
    return sorted(found.values(), key=_gap, reverse=True)


def disturbed(run: Run) -> list[str]:
    """Services that should have noticed nothing, and did."""
    found = (each.service for each in run.probes if each.bystander and noticed_something(each))
    return list(dict.fromkeys(found))


def verdict(found: Resilience | Agreement) -> str:
    """A verdict and what it means."""
    words = RESILIENCE[found] if isinstance(found, Resilience) else AGREEMENT[found]
    return f"{found.value}: {words}"


def wrongly_named(probed: Probed) -> str:
    """How long a name led nowhere at most, in words; empty where it never did."""
    if probed.misnamed is None:
        return "to the end"
    return f"{probed.misnamed:.1f} s" if probed.misnamed else ""


def _gap(probed: Probed) -> tuple[bool, float, float]:
    return probed.longest is None, probed.longest or 0.0, probed.total_bad
