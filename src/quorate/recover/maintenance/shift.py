"""One service to other servers while it runs: what is to be done next, from what is there. Pure.

A shift is steering (docs/adr/0003) while the service runs: constraints that leave out where it is
not to be, updates one task at a time, the new one first where two may run side by side. Replicas
that cluster on servers that are all allowed are spread by one replica more, which Swarm puts where
there are fewest, and one less, which it takes from where there are most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from quorate.deploy.settle import Expectation, Outcome, Verdict
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.recover.maintenance.specs import record_of

ENDED = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")


class Turn(StrEnum):
    """What a shift needs next."""

    NOTHING = "nothing"
    STEER = "steer"
    WAIT = "wait"
    CROWD = "crowd"
    """One replica more, for a server that has too few."""
    THIN = "thin"
    """As many replicas again as it is to have."""
    RELEASE = "release"


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Where a service is to be: off a server, or exactly `to`, one host name per replica.

    `start_first`: two of its tasks may run side by side. `patience` in seconds.
    """

    service: str
    off: str = ""
    to: tuple[str, ...] = ()
    start_first: bool = True
    patience: float = 300.0

    def reached(self, places: Iterable[str]) -> bool:
        """Whether tasks on these servers (one each) are where they are to be."""
        found = tuple(places)
        return Counter(found) == Counter(self.to) if self.to else self.off not in found

    def constraints(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """Those that leave exactly the servers that are allowed; `hosts`: all there are."""
        if not self.to:
            return (f"node.hostname!={self.off}",)
        allowed = sorted(set(self.to))
        if len(allowed) == 1:
            return (f"node.hostname=={allowed[0]}",)
        return tuple(f"node.hostname!={one}" for one in sorted(set(hosts) - set(allowed)))

    def allows(self, host: str) -> bool:
        """Whether a task may be there."""
        return host in self.to if self.to else host != self.off


def turn(shift: Shift, snapshot: Snapshot, verdict: Verdict, *, tries: int) -> Turn:
    """What to do next.

    Args:
        verdict: of `deploy.settle.judge`, by `expectation`.
        tries: how often it may still be crowded.

    Invariant: a service at its goal that is not steered is left alone; from whatever state a run
    was interrupted in, the next turns lead there.
    """
    service = snapshot.service(shift.service)
    if service is None:
        return Turn.NOTHING
    record = record_of(service.spec)
    places = meant(service, snapshot)
    # One replica less is not yet done while all of them run.
    settled = verdict.outcome is Outcome.HEALTHY and len(places) == service.replicas
    if record is None:
        return Turn.NOTHING if settled and shift.reached(places) else Turn.STEER
    if not _steered_so(shift, service, snapshot):
        return Turn.STEER
    if not settled:
        return Turn.WAIT
    if shift.reached(places):
        return Turn.RELEASE
    if (service.replicas or 0) > record.replicas:
        return Turn.THIN
    return Turn.CROWD if tries > 0 and shift.to and shift.start_first else Turn.RELEASE


def expectation(shift: Shift, snapshot: Snapshot) -> Expectation:
    """What is waited for from this moment on."""
    held = frozenset(n.hostname for n in snapshot.nodes if shift.allows(n.hostname))
    return Expectation(
        swarm_name=shift.service, since=snapshot.taken_at, held_at=held, patience=shift.patience
    )


def meant(service: ObservedService, snapshot: Snapshot) -> tuple[str, ...]:
    """Host names of the tasks that are meant to run and have a server, one each, sorted."""
    names = {node.id: node.hostname for node in snapshot.nodes}
    return tuple(sorted(names.get(t.node_id or "", "?") for t in meant_tasks(service, snapshot)))


def meant_tasks(service: ObservedService, snapshot: Snapshot) -> tuple[ObservedTask, ...]:
    """The tasks of a service that are meant to run, have a server, and have not ended."""
    return tuple(
        task
        for task in snapshot.tasks
        if task.service_id == service.id
        and task.node_id is not None
        and task.desired_state in ("running", "ready")
        and task.state not in ENDED
    )


def _steered_so(shift: Shift, service: ObservedService, snapshot: Snapshot) -> bool:
    """Whether it is steered by this shift, and not by another one that came to no end."""
    template = service.spec.get("TaskTemplate") or {}
    there = (template.get("Placement") or {}).get("Constraints") or ()
    hosts = [node.hostname for node in snapshot.nodes]
    record = record_of(service.spec)
    wanted = shift.constraints(hosts)
    return (
        record is not None and set(wanted) <= set(there) and set(record.constraints) <= set(wanted)
    )
