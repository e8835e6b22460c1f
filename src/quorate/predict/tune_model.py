"""What is found of settings: values, JSON in and out. Times in seconds."""

from __future__ import annotations

from pydantic import Field

from quorate.fleet.model import Model


class Settings(Model):
    """What is compared.

    `heartbeat`: the dispatcher's, in seconds. `delay`: of the restart policy of every service, in
    seconds; None: as the compose files say. `start_interval`: seconds between two probes while a
    container starts, where its health check leaves it a `start_period`; None: as the files say.
    """

    heartbeat: float
    delay: float | None = None
    start_interval: float | None = None


class Recovery(Model):
    """How long the loss of a server takes: from the loss until all that comes back answers.

    `mean` and `high`, the 95th percentile, in seconds, over the loss of any server, each manager
    leading as likely as any other. `worst`: the failure that takes longest, `worst_high` its 95th
    percentile.
    """

    mean: float
    high: float
    worst: str
    worst_high: float


class Freeze(Model):
    """A server stands still for `seconds`; `alarm`: the share (0 to 1) that is taken for lost."""

    seconds: float
    alarm: float


class Candidate(Model):
    """Settings, and what they come to.

    `noticed`: mean seconds until a lost server that did not lead is taken for lost; None where
    that never happens. `recovery`: None where nothing that stops comes back by itself. `stands`:
    seconds that a server may stand still without ever being taken for lost; `freezes`: what
    comes of longer ones. `misled`: the share (0 to 1) of lost managers after which a server that is
    there is taken for lost too, as it talked through that manager, or registers late with the next
    leader: a worker, or a manager, whichever is likelier. `tolerated`: it stands what was asked,
    and misleads rarely.
    """

    name: str
    settings: Settings
    noticed: float | None = None
    recovery: Recovery | None = None
    stands: float
    freezes: tuple[Freeze, ...] = ()
    misled: float = 0.0
    tolerated: bool = True


class Cost(Model):
    """What a false alarm costs: `tasks` of this server are ended, and made anew."""

    server: str
    tasks: int


class Edit(Model):
    """A line to write. `file`: the fleet file or the compose files; `services` it is for, by id."""

    file: str
    line: str
    services: tuple[str, ...] = ()


class Chosen(Model):
    """The candidate to take, why, in words, and what to write for it; no edit: it is there.

    `swarm`: of the edits, the values for the fleet file's `swarm:`, by key. `note`: the reason in a
    few words, for a comment there.
    """

    name: str
    settings: Settings
    reasons: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    swarm: dict[str, str] = Field(default_factory=dict)
    note: str = ""


class Doubled(Model):
    """A service that goes on through the loss of any server once it has two replicas.

    `home`: where it is; `beside`: where the second replica would be; `memory`: bytes that it
    reserves. `gap`: mean seconds until it answers again after the loss of its server; None where
    it does not by itself.
    """

    service: str
    home: str
    beside: str
    memory: int
    gap: float | None = None


class Replicas(Model):
    """Which production services without state two replicas would spare any gap.

    `single`: all that have one replica and could have two. `kept`: those of them that two replicas
    do not spare it → why, in words. `tight`: losses of a server after which something finds no
    place any more, and did before, in words.
    """

    single: tuple[str, ...] = ()
    doubled: tuple[Doubled, ...] = ()
    kept: dict[str, str] = Field(default_factory=dict)
    tight: tuple[str, ...] = ()


class Outage(Model):
    """How long until all that comes back by itself answers. Seconds.

    `mean` over the loss of any server, each as likely, 0 where nothing stops. `leader`: the mean
    over the loss of the leader, each manager leading as likely. `worst`: the failure that takes
    longest, `worst_high` its 95th percentile; empty and 0 where none stops anything.
    """

    mean: float
    leader: float
    worst: str = ""
    worst_high: float = 0.0


class Drained(Model):
    """Managers without tasks: what it takes, and what comes of it.

    `managers`: those drained; none: as it is. `against`: why it cannot be, in words; then there is
    nothing else. `moves`: services that are somewhere else then, `data` those of them that keep
    data, which has to be moved. `fullest`: the server with the highest share (0 to 1) of its memory
    reserved, `share`. `tight`: losses of a server after which something finds no place, and does as
    it is, in words.
    """

    managers: tuple[str, ...] = ()
    against: str = ""
    moves: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    fullest: str = ""
    share: float = 0.0
    outage: Outage | None = None
    tight: tuple[str, ...] = ()


class Tuning(Model):
    """The comparison of a fleet's settings; the first of the candidates is how it is now.

    `tolerate`: seconds that a server may stand still without being taken for lost. `courses`
    drawn for each failure. `costs` of a false alarm, the dearest first. `replicas`, `drained`: what
    more replicas and drained managers would bring with the chosen settings; the first of `drained`
    is how it is; `advice` a line on each. `assumed`: what the files do not say, in words. `diff`:
    the change to the fleet file, with --write or --dry-run; `written`: it was made.
    """

    fleet: str
    fleet_digest: str
    seed: int
    courses: int
    tolerate: float
    candidates: tuple[Candidate, ...]
    chosen: Chosen
    costs: tuple[Cost, ...] = ()
    replicas: Replicas | None = None
    drained: tuple[Drained, ...] = ()
    advice: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    diff: str = ""
    written: bool = False
