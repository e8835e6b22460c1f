"""The verb `metrics` as its visible steps: look at the swarm, show it; at the servers, show both.

Nothing of a fleet that does not work ends it: that is what the samples tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from quorate.alerts.metrics import FLEET, METRICS, Metric, Sample
from quorate.deploy.record import known_homes
from quorate.fleet.model import Fleet
from quorate.observe.connect import Connections
from quorate.observe.deep_facts import look_at_servers, read_settings
from quorate.observe.deep_model import ServerFacts
from quorate.observe.gather import Gathered, gather
from quorate.observe.samples import Seen, nothing_yet, samples
from quorate.observe.standing import assess
from quorate.tools import clock
from quorate.tools.exposition import Family

SERVERS_SECONDS = 60.0
"""Between two looks at disks, certificates and clocks: each is an ssh session per server."""

PATIENCE_SECONDS = 3.0
"""For a server that does not answer: it is asked again at the next observation."""

REST_SECONDS = 1.0
"""Between two observations, also where one takes longer than the interval."""

Show = Callable[[tuple[Sample, ...]], None]
Say = Callable[[str], None]


class Lookout:
    """Observes a fleet again and again; remembers what is not looked at each time."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.servers: Mapping[str, ServerFacts] = {}
        self.asked: float | None = None
        self.why = ""

    def look(self) -> Iterator[tuple[Sample, ...]]:
        """One observation: what is seen of the swarm; when it is time, then of servers too."""
        began, started = clock.now().timestamp(), clock.monotonic()
        gathered = gather(self.connections)
        self.why = gathered.why.what if gathered.why else ""
        seen = self._seen(gathered, began, started)
        yield samples(seen)
        if self._due(gathered):
            self.servers = look_at_servers(self.connections, gathered.snapshot)
            self.asked = clock.monotonic()
            yield samples(replace(seen, servers=self.servers))

    def _due(self, gathered: Gathered) -> bool:
        """Whether servers are to be looked at: it is time, or one answers that had not before."""
        if self.asked is None or clock.monotonic() - self.asked >= SERVERS_SECONDS:
            return True
        silent = gathered.snapshot.unreachable
        return any(
            server.name not in silent and server.name not in self.servers
            for server in self.connections.fleet.servers
        )

    def _seen(self, gathered: Gathered, began: float, started: float) -> Seen:
        fleet = self.connections.fleet
        homes = known_homes(gathered.client, fleet=fleet.name) if gathered.client else {}
        return Seen(
            fleet=fleet,
            gathered=gathered,
            standing=assess(fleet, gathered, homes),
            settings=read_settings(gathered)[0],
            servers=self.servers,
            began=began,
            took=clock.monotonic() - started,
        )


def once(fleet: Fleet) -> tuple[Sample, ...]:
    """All samples of one observation."""
    with Connections(fleet) as connections:
        *_, last = Lookout(connections).look()
        return last


def keep_observing(fleet: Fleet, *, every: float, show: Show, say: Say) -> None:
    """Observe every so many seconds until Ctrl-C, and show what was seen as soon as it is.

    Says when the swarm can no longer be asked, and when it can again.
    """
    show(nothing_yet(fleet))
    with Connections(fleet, patience=PATIENCE_SECONDS) as connections:
        lookout, said = Lookout(connections), ""
        while True:
            started = clock.monotonic()
            for seen in lookout.look():
                show(seen)
            if lookout.why != said:
                say(lookout.why or "the swarm can be asked again")
                said = lookout.why
            connections.renew()
            clock.sleep(max(REST_SECONDS, every - (clock.monotonic() - started)))


def families(found: Iterable[Sample], metrics: Sequence[Metric] = METRICS) -> tuple[Family, ...]:
    """Samples by metric, in the metrics' own order; those without a sample left out. Pure."""
    by_name: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for sample in found:
        by_name.setdefault(sample.metric.name, []).append((sample.labels, sample.value))
    return tuple(
        Family(
            name=metric.name,
            help=metric.help,
            labels=(FLEET, *metric.labels),
            samples=tuple(by_name[metric.name]),
        )
        for metric in metrics
        if metric.name in by_name
    )
