"""What is predicted of failures: values, JSON in and out. Times in seconds from the failure."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from quorate.fleet.model import Model
from quorate.swarm.outcomes import Certainty


class Span(Model):
    """A time that depends on chance: nine of ten times between `low` and `high`.

    Of all such spans the shortest: elections that take long are rare, and no reason to leave out
    the quickest, which are many.
    """

    low: float
    mean: float
    high: float


class After(StrEnum):
    """What becomes of lost tasks once the servers are back; Swarm moves none of itself.

    Home: they come back there by themselves, as they waited for it. Away: they go on where they
    went, until `quorate up` brings them home. Ended: nothing starts them again, not even that.
    """

    HOME = "home"
    AWAY = "away"
    ENDED = "ended"


class JobTrouble(StrEnum):
    """What Swarm does wrong with a job after a loss.

    Hangs: its task on a lost server counts as running for a day, unless the server is back or
    removed; nothing replaces it, and the job does not end. Again: where the manager that leads then
    has led before, the job may run again and again.
    """

    HANGS = "hangs"
    AGAIN = "again"


class Fate(Model):
    """What becomes of one service.

    `lost` of its `tasks` were on what failed. `stops`: none of them is left. `answers`: until
    it answers again, zero where other tasks go on; None where it does not by itself. `starts`:
    until the last of its lost tasks has been started elsewhere, Swarm's part of it. `whole`:
    until all of them are healthy. `goes_to`: server → whether one of its tasks comes there.
    `pending`: whether a task finds no place. `waits`: it may not run elsewhere, and comes back
    with its server. `empty`: volumes that are new, and empty, where it runs then. `through`:
    services that it needs and that stop; it may run, and cannot answer. `storage`: servers that
    are lost and hold its shared volumes; it cannot answer before they are back. `after`: what
    becomes of its lost tasks when the servers are back; None where it has lost none. `job`: what
    goes wrong with a job; empty for services.
    """

    service: str
    workload_class: str
    tasks: int
    lost: int
    stops: bool = False
    answers: Span | None = None
    starts: Span | None = None
    whole: Span | None = None
    goes_to: dict[str, Certainty] = Field(default_factory=dict)
    pending: Certainty = Certainty.NEVER
    waits: bool = False
    empty: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    after: After | None = None
    job: tuple[JobTrouble, ...] = ()


class ClosedPort(Model):
    """A published port that no longer answers at the addresses (`at`) of servers that failed.

    Clients that use those addresses have to use others: `elsewhere` are the servers where it is
    open still, or will be where the service goes; empty where it answers nowhere. `answers`: until
    it does there; zero where nothing but the address is gone, None where it does not by itself.
    `mode`: ingress (open on every server of the swarm) or host (open where a task runs).
    """

    service: str
    port: int
    protocol: str
    mode: str
    at: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    answers: Span | None = None


class Failure(Model):
    """One failure of the fleet, and what is predicted of it.

    `name` for people; `servers` what fails, all at once; of a partition, the side without a
    majority of the managers, and `apart` the other one. `doubled`: services of which, while it
    lasts, tasks run on both sides. `leader`: who leads the managers
    when it happens. `noticed`: until all that failed is taken for lost, None where that never
    happens. `restored`: until all tasks that find a place run again, None where none does.
    `leaderless`: how long nobody leads, None where somebody always does or nobody ever
    again. `misled`: server that is there → the share (0 to 1) of the courses in which it is taken
    for lost too, and its tasks restarted, as it talked through a lost manager or registers late
    with the next leader; those that never are left out. `still`: of a server that stands still and
    goes on, for how long; `alarm`: the share of courses in which it is taken for lost meanwhile,
    `deposed`: of a leader, in which it loses its lead;
    `doubled` is then what runs twice after it, until the old tasks are stopped. `quorum`: a
    majority of managers is left; `remedy` what brings it back. `ports`: what no longer answers at
    the addresses of what fails; left out of partitions, as it depends on the client's side.
    `courses` drawn; `sampled`: not every order in which Swarm may go on was gone through for
    `goes_to`.
    """

    name: str
    servers: tuple[str, ...]
    apart: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    leader: str
    quorum: bool = True
    remedy: str = ""
    noticed: Span | None = None
    restored: Span | None = None
    leaderless: Span | None = None
    misled: dict[str, float] = Field(default_factory=dict)
    still: float | None = None
    alarm: float | None = None
    deposed: float | None = None
    fates: tuple[Fate, ...] = ()
    ports: tuple[ClosedPort, ...] = ()
    overfull: dict[str, int] = Field(default_factory=dict)
    courses: int = 0
    sampled: bool = False

    @property
    def slowest(self) -> Span | None:
        """Until the last of the services that come back by themselves answers."""
        spans = [fate.answers for fate in self.fates if fate.answers is not None]
        return max(spans, key=lambda span: span.high, default=None)


class Prediction(Model):
    """All that was asked. `assumed`: what the files do not say, in words.

    `broken`: the outages that are longer than what was demanded (`--fail-on`), in words.
    """

    fleet: str
    fleet_digest: str
    seed: int
    failures: tuple[Failure, ...] = ()
    assumed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
