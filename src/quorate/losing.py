"""The verb `lab power-off --measure` as its visible steps: cut, watch, tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate.deploy.progress import Reporter
from quorate.errors import EngineError, LabError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections
from quorate.observe.recovery import affected_by, noticed, running_again
from quorate.observe.snapshot import observe
from quorate.tools import clock
from quorate.workflows import Opened

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LOSS_POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the loss of a server did, in seconds since its power went.

    `recovered` maps each service that may move to when it ran again elsewhere; `missing` are those
    that did not within the time; `stayed` cannot move (their data is on that server, or every other
    one holds a replica already); `noticed` is when Swarm marked the server as down, None if it did
    not. `late` took longer than their recovery target; `target` is that of services without one.
    """

    server: str
    leader: bool
    noticed: float | None
    recovered: dict[str, float]
    missing: tuple[str, ...]
    stayed: tuple[str, ...]
    target: float
    late: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in vars(self).items()}


def lose_power(opened: Opened, server: str, *, limit: float, report: Reporter) -> Loss:
    """Cut a lab server's power and watch until every service that may move runs elsewhere.

    Args:
        limit: seconds to watch at most.

    Raises:
        LabError: no such server. UnreachableError, EngineError: no other manager answers.
    """
    from quorate.lab import faults

    if opened.lab is None:
        raise LabError("only a lab's server can lose power on command", todo="add --lab")
    survivors = opened.fleet.model_copy(
        update={"servers": tuple(s for s in opened.fleet.servers if s.name != server)}
    )
    with Connections(survivors) as connections:
        client = connections.manager().client
        before = observe(client)
        affected = affected_by(server, before)
        leader = any(node.hostname == server and node.leader for node in before.nodes)
        report.phase(f"{server} loses power")
        faults.power_off(opened.lab, server)
        started = clock.monotonic()
        movable = {item.swarm_name: item for item in affected if item.may_move}
        report.phase(f"waiting until its {len(movable)} movable services run elsewhere")
        recovered: dict[str, float] = {}
        seen_down: float | None = None
        while clock.monotonic() - started < limit:
            now = _observe_or_none(client)
            elapsed = round(clock.monotonic() - started, 1)
            if now is not None:
                if seen_down is None and noticed(server, now):
                    seen_down = elapsed
                    report.note(f"{elapsed:.1f} s: Swarm marks {server} as down")
                for name, item in movable.items():
                    if name not in recovered and running_again(item, now, server):
                        recovered[name] = elapsed
                        report.progress(len(recovered), len(movable), f"{name} {elapsed:.1f} s")
            if seen_down is not None and len(recovered) == len(movable):
                break
            clock.sleep(LOSS_POLL_SECONDS)
    return Loss(
        server=server,
        leader=leader,
        noticed=seen_down,
        recovered=recovered,
        missing=tuple(sorted(set(movable) - set(recovered))),
        stayed=tuple(item.swarm_name for item in affected if not item.may_move),
        target=opened.fleet.policy.recovery_target,
        late=late(opened.fleet, recovered),
    )


def late(fleet: Fleet, recovered: Mapping[str, float]) -> tuple[str, ...]:
    """The services (swarm names) that took longer than their recovery target. Pure."""
    targets = {s.swarm_name: s.recovery_target for s in fleet.swarm_services()}
    general = fleet.policy.recovery_target
    return tuple(sorted(n for n, took in recovered.items() if took > (targets.get(n) or general)))


def _observe_or_none(client: DockerClient) -> Snapshot | None:
    """A snapshot; None while the managers elect a new leader and cannot answer."""
    try:
        return observe(client)
    except EngineError:
        return None
