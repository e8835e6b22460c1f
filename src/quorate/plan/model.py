"""A placement plan: for each service its home, its pool and the reasons.

Plans are values: JSON in, JSON out, nothing observed at use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import Field

from quorate.fleet.model import Model

PLAN_VERSION = 1


class Placement(Model):
    """Where one service lives.

    `homes` has one entry per replica (for a global service one per server it
    reaches), sorted; `home` is the first. `pool` are the servers Swarm may use
    when a home is gone, homes included. `reasons` say why here; `rejected` maps
    each other server to the first rule that forbids it or the cost it would add; on
    large fleets only the few it would cost least on, and `rejected_more` says how many
    of the others there are for each reason.
    `outgrown`: not movable only because every other server is too small.
    """

    id: str
    stack: str
    name: str
    mode: str = "replicated"
    home: str
    homes: tuple[str, ...]
    pool: tuple[str, ...]
    pinned: bool = False
    movable: bool = True
    outgrown: bool = False
    reasons: tuple[str, ...] = ()
    rejected: dict[str, str] = Field(default_factory=dict)
    rejected_more: dict[str, int] = Field(default_factory=dict)
    assumed: tuple[str, ...] = ()


class Use(Model):
    """How full one resource of a server is.

    `baseline` and `peak` (every service at its peak at once) count all that runs
    there, outside Swarm too; `reserved` is what Swarm's own scheduler counts;
    `free` is capacity minus baseline.
    """

    capacity: float
    reserved: float = 0.0
    baseline: float = 0.0
    peak: float = 0.0
    free: float = 0.0


class ServerUse(Model):
    """A server under the plan. Memory and disk in bytes, CPU in speed-1.0 threads."""

    memory: Use
    cpu: Use
    disk: Use
    services: tuple[str, ...] = ()
    classes: dict[str, int] = Field(default_factory=dict)


class LossOutcome(Model):
    """What Swarm does when servers are lost at once. Services by their ids.

    `moved`: service → the servers where its tasks may land. `pending`: services
    of which a task always stays pending; `at_risk`: sometimes, by the order in
    which Swarm happens to go through them. `waits`: services that cannot move
    (their data, their pins). `stops`: services that need one of which nothing
    is left, directly or through others. `overfull`: server → memory in bytes
    that would be in use there, beyond what it has; Swarm does not see what runs
    beside it. `quorum`: whether enough managers are left; without them nothing
    is replaced. `cures`: what would help, each tried. `sampled`: not every order
    was gone through. `holds`: everything that may move still fits.
    """

    servers: tuple[str, ...]
    moved: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    pending: tuple[str, ...] = ()
    at_risk: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    overfull: dict[str, int] = Field(default_factory=dict)
    quorum: bool = True
    cures: tuple[str, ...] = ()
    sampled: bool = False
    holds: bool = True


class Survival(Model):
    """Every loss of so many servers, replayed as Swarm would act.

    `losses`: one per combination of servers; `possible`: how many combinations there
    are. `holds`: after each of those replayed, everything that may move still fits.
    `sampled`: there were too many combinations, or too many orders in which Swarm
    might go on, to try them all. `text`: the whole in a sentence.
    """

    losses: tuple[LossOutcome, ...] = ()
    possible: int = 0
    holds: bool = True
    sampled: bool = False
    text: str = ""


class Side(Model):
    """A placement under one set of figures.

    `homes`: service → its servers. `broken`: hard rules that the placement breaks
    under these figures. `objective` in points; lower is better.
    """

    status: str
    objective: float
    homes: dict[str, tuple[str, ...]]
    servers: dict[str, ServerUse]
    broken: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class HomeChange(Model):
    """Where a service lives as declared, and as measured."""

    declared: tuple[str, ...]
    measured: tuple[str, ...]


class UseDifference(Model):
    """Measured less declared."""

    reserved: float
    baseline: float
    peak: float


class ServerDifference(Model):
    """Measured less declared, of one server. Memory in bytes, CPU in speed-1.0 threads."""

    memory: UseDifference
    cpu: UseDifference


class Difference(Model):
    """Between the plan as measured and the plan as declared.

    `servers`: of the plan as measured, or, where there is none, of the same homes
    with measured figures. `gain`: points that the plan as measured is better than
    the same homes, with measured figures; None where there is none.
    """

    homes: dict[str, HomeChange]
    servers: dict[str, ServerDifference]
    gain: float | None


class MeasuredPlan(Model):
    """The plan as declared, the same homes with measured figures, and the plan as measured.

    `changed`: services that count with other figures than declared; `left`: the
    others, and why. `as_measured` is None where nothing holds with the measured
    figures; `conflict` then says why. `remarks` are about the measurement itself.
    """

    source: str
    start: str
    end: str
    changed: tuple[str, ...]
    left: dict[str, str]
    as_declared: Side
    same_homes: Side
    as_measured: Side | None
    conflict: tuple[str, ...] = ()
    difference: Difference
    remarks: tuple[str, ...] = ()


class Plan(Model):
    """The answer of the planner.

    `status` is `optimal` (proven) or `feasible` (best found in the time given,
    `gap` relative to the proven bound); `stopped`: by hand, before that time.
    `fleet_digest` says what files it was made
    from, `snapshot` where services were at home then (empty: from the files alone).
    `survival`: every loss of as many servers as `policy.survive` says; None when it is 0.
    `measured`: with a measurement, the plan as measured beside this one, as declared.
    """

    version: int = PLAN_VERSION
    fleet: str
    fleet_digest: str
    made_at: str
    status: str
    objective: float
    bound: float
    gap: float = 0.0
    seconds: float = 0.0
    stopped: bool = False
    services: dict[str, Placement]
    servers: dict[str, ServerUse]
    warnings: tuple[str, ...] = ()
    survival: Survival | None = None
    snapshot: dict[str, str] = Field(default_factory=dict)
    measured: MeasuredPlan | None = None


def snapshot_of(current: Mapping[str, Sequence[str]], servers: Collection[str]) -> dict[str, str]:
    """The homes a plan was made from, as it records them; servers not of the fleet left out."""
    known = {
        service: ",".join(sorted(name for name in where if name in servers))
        for service, where in sorted(current.items())
    }
    return {service: where for service, where in known.items() if where}
