"""Settings of a fleet compared by simulation: how soon it recovers, how easily it is misled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil

from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.quantities import parse_duration, write_duration
from quorate.plan.model import Plan
from quorate.predict.freezes import FROZEN
from quorate.predict.losses import Losses
from quorate.predict.predict import ASSUMED
from quorate.predict.tune_advice import advice
from quorate.predict.tune_bench import DOCKER, Bench
from quorate.predict.tune_choice import FACTORS, choose, differs_only, note, reasons
from quorate.predict.tune_drained import drained
from quorate.predict.tune_model import Candidate, Chosen, Settings, Tuning
from quorate.predict.tune_replicas import replicas
from quorate.swarm.timing import Timing

COURSES = 60
"""Of each failure and candidate; the same numbers for all, so that only settings differ."""

HEARTBEATS = (5.0, 3.0, 2.0, 1.0)
"""Swarm's default, and shorter ones; the fleet file takes none below a second."""

DELAYS = (5.0, 1.0, 0.0)
"""Docker's default, and shorter ones."""

START_INTERVAL = 1.0

TOLERATE = 2.0

LONGEST = 60.0
"""Seconds; who stands still for longer may well be taken for lost."""

PROXIED = (
    "with two replicas a service goes on; until a loss is noticed, what is sent to the lost one is "
    "answered only if it is sent again"
)

LARGE = "replicas and drained managers are not looked at on a fleet of this size"

MOST_SIZE = 20_000
"""Services times servers up to which replicas and drained managers are looked at."""

OnCandidate = Callable[[int, int], None]
"""Receives how many candidates are done, and of how many."""


def freeze_of(text: str) -> float:
    """Seconds of a freeze to tolerate, as people write it.

    Raises:
        UsageError: it is not a duration, or a longer one than a minute.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(
            f"`{text}` is no time to tolerate", cause=str(error), todo="write --tolerate 2s"
        ) from error
    if seconds > LONGEST:
        raise UsageError(
            f"{write_duration(seconds)} is too long to tolerate",
            cause="a server that stands still for more than a minute is as good as lost",
            todo="write --tolerate 2s, or up to 1m",
        )
    return seconds


def tune(
    fleet: Fleet,
    plan: Plan,
    *,
    tolerate: float = TOLERATE,
    seed: int = 0,
    courses: int = COURSES,
    on_candidate: OnCandidate | None = None,
) -> Tuning:
    """Compare settings for a deployed plan: one changed at a time, then the best of each together.

    With the best, what more replicas and drained managers would bring.

    Args:
        tolerate: seconds that a server may stand still without being taken for lost.
        courses: drawn for each failure and candidate.
    """
    bench = Bench(fleet, plan, tolerate=tolerate, seed=seed, courses=courses)
    todo = list(dict.fromkeys(_single(bench)))
    tried: list[tuple[Settings, Candidate]] = []
    for settings in todo:
        tried.append((settings, bench.measure(settings)))
        if on_candidate is not None:
            on_candidate(len(tried), len(todo) + 1)
    bench.measure(_together(tried, bench.delay))
    if on_candidate is not None:
        on_candidate(len(todo) + 1, len(todo) + 1)
    chosen = choose(bench.found, delay=bench.delay)
    why = reasons(bench.found, chosen, tolerate=tolerate, costs=bench.costs)
    found = Tuning(
        fleet=fleet.name,
        fleet_digest=fleet.digest,
        seed=seed,
        courses=courses,
        tolerate=tolerate,
        candidates=bench.found,
        chosen=Chosen(
            name=chosen.name,
            settings=chosen.settings,
            reasons=tuple(why),
            edits=tuple(bench.edits(chosen.settings)),
            swarm=bench.swarm(chosen.settings),
            note=note(chosen),
        ),
        costs=bench.costs,
        assumed=(*ASSUMED, FROZEN, *bench.assumed()),
    )
    return _advised(found, fleet, plan, bench.losses(chosen.settings))


def _advised(found: Tuning, fleet: Fleet, plan: Plan, losses: Losses) -> Tuning:
    """The comparison with what more replicas and drained managers would bring on top of it."""
    if len(fleet.services) * len(fleet.servers) > MOST_SIZE:
        return found.model_copy(update={"assumed": (*found.assumed, LARGE)})
    more, without = replicas(fleet, plan, losses), tuple(drained(fleet, plan, losses))
    return found.model_copy(
        update={
            "replicas": more,
            "drained": without,
            "advice": tuple(advice(more, without)),
            "assumed": (*found.assumed, PROXIED),
        }
    )


def heartbeat_for(tolerate: float, clock: Timing) -> float:
    """The shortest heartbeat, in half seconds, that never takes so long a freeze for a loss."""
    return max(1.0, ceil(2 * (tolerate / (clock.grace - 1) + clock.spread)) / 2)


def _single(bench: Bench) -> Iterator[Settings]:
    """How it is now, Docker's defaults, and one factor at a time."""
    present = bench.present
    yield present
    yield present.model_copy(update={"heartbeat": DOCKER.heartbeat})
    yield DOCKER
    beats = {*HEARTBEATS, heartbeat_for(bench.tolerate, bench.clock)}
    for heartbeat in sorted(beats, reverse=True):
        yield present.model_copy(update={"heartbeat": heartbeat})
    for delay in DELAYS:
        yield present.model_copy(update={"delay": delay})
    if bench.knows_start_interval:
        yield present.model_copy(update={"start_interval": START_INTERVAL})


def _together(tried: Sequence[tuple[Settings, Candidate]], delay: float) -> Settings:
    """The best value of each factor."""
    present = tried[0][0]
    best: dict[str, float | None] = {}
    for factor in FACTORS:
        rows = [(given, one) for given, one in tried if differs_only(given, present, factor)]
        taken = choose([one for _, one in rows], delay=delay)
        best[factor] = next(getattr(given, factor) for given, one in rows if one is taken)
    return Settings.model_validate(best)
