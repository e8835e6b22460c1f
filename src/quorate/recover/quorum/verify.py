"""Do all services run and answer after a recovery? Waited for, mended once, then told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from quorate.deploy.apply import restart_service
from quorate.deploy.election import through_election
from quorate.errors import QuorateError
from quorate.fleet.model import Model
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Manager
from quorate.observe.containers import observe_containers
from quorate.observe.crossing import Crossed, cross, crossings
from quorate.observe.deep_ask import Asker
from quorate.observe.deep_model import Facts, Finding, Kind
from quorate.observe.deep_names import overlays, questions, wrong_names
from quorate.observe.snapshot import observe
from quorate.recover.quorum.running import Running, judge
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.observe.connect import Connections
    from quorate.recover.site import Site

PATIENCE_SECONDS = 150.0
MEND_SECONDS = 25.0
"""After this long with everything running a name that is still wrong is mended."""
POLL_SECONDS = 1.0


class Verified(Model):
    """What was seen at the end. `seconds` until then, from the start of the verification."""

    seconds: float
    services: int = Field(description="Services that run whole.")
    late: tuple[str, ...] = Field((), description="Servers that answer, and are not back yet.")
    waiting: dict[str, str] = Field(default_factory=dict, description="Not running yet, and why.")
    stranded: dict[str, str] = Field(default_factory=dict, description="Nowhere to run, and why.")
    names: tuple[str, ...] = Field((), description="Names that give a wrong address, or none.")
    mute: tuple[str, ...] = Field((), description="Networks that packets do not cross.")
    crossed: int = Field(0, description="Ways between servers that were tried, in all networks.")
    unasked: dict[str, str] = Field(default_factory=dict, description="What could not be tried.")
    restarted: tuple[str, ...] = Field((), description="Services restarted to mend their names.")

    @property
    def good(self) -> bool:
        """Whether everything runs and answers that has a server to run on."""
        return not (self.late or self.waiting or self.names or self.mute)


@dataclass(frozen=True, kw_only=True)
class _Look:
    snapshot: Snapshot
    running: Running
    findings: tuple[Finding, ...] = ()
    crossed: Crossed | None = None
    unasked: tuple[tuple[str, str], ...] = ()

    @property
    def good(self) -> bool:
        unfinished = self.running.waiting or self.running.late
        return not (unfinished or self.findings or (self.crossed and self.crossed.mute))


def verify(place: Site, manager: Callable[[], Manager]) -> Verified:
    """Wait until all runs and answers; restart what a name does not find, once.

    Args:
        manager: a manager that works, asked for anew at each look.

    Raises:
        UnreachableError, EngineError: the swarm stopped answering.
    """
    began = clock.monotonic()
    mended: tuple[str, ...] = ()
    running_since: float | None = None
    while True:
        look = through_election(partial(_look, place.connections, manager), place.report.note)
        now = clock.monotonic()
        if look.good or now - began > PATIENCE_SECONDS:
            return _told(look, now - began, mended)
        if look.running.waiting or look.running.late:
            running_since = None
            place.report.progress(
                len(look.running.healthy),
                len(look.running.healthy) + len(look.running.waiting),
                "services run",
            )
        elif running_since is None:
            running_since = now
        elif now - running_since > MEND_SECONDS and not mended:
            mended = _mend(place, manager, look)
            running_since = None
        clock.sleep(POLL_SECONDS)


def _look(connections: Connections, manager: Callable[[], Manager]) -> _Look:
    """Names and ways are tried only once everything runs."""
    seen = observe(manager().client)
    containers, errors = observe_containers(connections)
    snapshot = replace(
        seen, containers=containers, unreachable={n: e.what for n, e in errors.items()}
    )
    running = judge(snapshot)
    if running.waiting or running.late:
        return _Look(snapshot=snapshot, running=running)
    asked = questions(snapshot)
    found = connections.each(
        lambda server, client: Asker(server.name, client, asked).go(overlays(snapshot)),
        {question.server for question in asked},
    )
    answers = tuple(a for answers, _ in found.results.values() for a in answers)
    unasked = [(name, error.what) for name, error in found.errors.items()]
    unasked += [(name, "; ".join(why)) for name, (_, why) in found.results.items() if why]
    return _Look(
        snapshot=snapshot,
        running=running,
        findings=wrong_names(Facts(snapshot=snapshot, swarm=True, answers=answers)),
        crossed=cross(connections, crossings(snapshot)),
        unasked=tuple(unasked),
    )


def _mend(place: Site, manager: Callable[[], Manager], look: _Look) -> tuple[str, ...]:
    """Restart the services that names do not find; what is restarted is announced anew."""
    actions = {one.action for one in look.findings if one.action is not None}
    names = sorted(a.target for a in actions if a.kind is Kind.RESTART)
    for name in names:
        place.report.note(f"restarting {name}: its names miss some of its tasks")
        try:
            restart_service(manager().target, name)
        except QuorateError as error:
            place.report.note(f"{name} was not restarted: {error.what}")
    return tuple(names)


def _told(look: _Look, seconds: float, mended: tuple[str, ...]) -> Verified:
    crossed = look.crossed or Crossed(tried=0, mute=(), unasked={})
    return Verified(
        seconds=round(seconds, 1),
        services=len(look.running.healthy),
        late=look.running.late,
        waiting=look.running.waiting,
        stranded=look.running.stranded,
        names=tuple(f"{one.where}: {one.what}" for one in look.findings),
        mute=tuple(
            f"{one.network}: {one.server} does not reach {one.address} on {one.other}"
            for one in crossed.mute
        ),
        crossed=crossed.tried,
        unasked={**dict(look.unasked), **crossed.unasked},
        restarted=mended,
    )
