"""A server's availability and role, changed by way of another manager, and waited for."""

from __future__ import annotations

from functools import partial

from quorate.deploy.swarm_setup import execute, update_node
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import SetRole
from quorate.errors import DeployError, LockedError, MachineError, QuorateError, RefusedError
from quorate.fleet.model import Role
from quorate.fleet.observed import ObservedNode
from quorate.recover.maintenance.moving import observed, patiently
from quorate.recover.maintenance.scene import Scene, managers_without, node_of
from quorate.recover.site import Site
from quorate.tools import clock, docker

POLL_SECONDS = 0.5
EMPTY_SECONDS = 180.0
BACK_SECONDS = 600.0
"""How long a server may take to be back: a reboot of a machine with much memory takes minutes."""

RUNNING = ("starting", "running")


def node(site: Site, server: str) -> ObservedNode:
    """A server's node.

    Raises:
        MachineError: the swarm has none of that name.
    """
    found = node_of(server, observed(site))
    if found is None:
        raise MachineError(f"{server} is not in the swarm", todo="`quorate up` joins it")
    return found


def offer(site: Site, server: str, availability: str) -> None:
    """Set a server's availability: active, pause or drain.

    Raises:
        EngineError: the swarm refuses.
    """
    found = node(site, server)
    if found.availability == availability:
        return

    def once() -> None:
        update_node(site.client(), found.id, lambda spec: spec | {"Availability": availability})

    patiently(site, once)


def drain(site: Site, server: str) -> None:
    """Drain a server and wait until nothing of the swarm runs there.

    Raises:
        DeployError: something does not end. EngineError: the swarm refuses.
    """
    offer(site, server, "drain")
    deadline = clock.monotonic() + EMPTY_SECONDS
    while True:
        seen = observed(site)
        here = node_of(server, seen)
        names = {service.id: service.name for service in seen.services}
        left = sorted(
            names.get(task.service_id, task.service_id)
            for task in seen.tasks
            if here is not None and task.node_id == here.id and task.state in RUNNING
        )
        if not left or (here is not None and not here.ready):
            return
        if clock.monotonic() > deadline:
            raise DeployError(
                f"{', '.join(left)} still runs on {server} after {EMPTY_SECONDS:.0f} s",
                todo="look at its log there, then `quorate operations resume`",
            )
        clock.sleep(POLL_SECONDS)


def role(site: Site, server: str, wanted: Role) -> None:
    """Give a server its role; a leader that is demoted hands the lead over first.

    Raises:
        RefusedError: without it the swarm would have no quorum, as it is now.
        EngineError: the swarm refuses, or does not get through with it.
    """
    if wanted is Role.WORKER:
        _require_quorum(site, server)

    def once() -> None:
        found = node(site, server)
        state = observe_swarm(site.connections)
        step = SetRole(server=server, node_id=found.id, role=wanted)
        execute(site.fleet, site.connections, (step,), state, site.report.note)

    patiently(site, once)
    leader = next((one.hostname for one in observed(site).nodes if one.leader), "")
    site.report.note(f"{server} is a {wanted.value} now; {leader} leads the swarm")


def _require_quorum(site: Site, server: str) -> None:
    """Once more right before it: a manager may have been lost since it was decided."""
    scene = Scene(fleet=site.fleet, snapshot=observed(site))
    others, reachable = managers_without(scene, server)
    if node(site, server).role == Role.MANAGER.value and reachable < others // 2 + 1:
        raise RefusedError(
            f"{server} stays a manager: of the {others} others {reachable} can be reached",
            cause="another manager was lost meanwhile",
            todo="bring it back, then `quorate operations resume`; or `undo`",
        )


def wait_back(site: Site, server: str, *, within: float = BACK_SECONDS) -> str:
    """Until a server's engine answers and its swarm has it as ready; the engine's version.

    Raises:
        MachineError: it does not come back within that time (s).
        LockedError: the lock was lost.
    """
    deadline, good, why = clock.monotonic() + within, 0, ""
    while good < 3:
        try:
            good, version = good + 1, _back(site, server)
        except LockedError:
            raise
        except QuorateError as error:
            good, why = 0, error.what
        if clock.monotonic() > deadline:
            raise MachineError(
                f"{server} is not back after {within:.0f} s",
                cause=why or None,
                todo="look at it; then `quorate operations resume`, or `undo`",
            )
        clock.sleep(POLL_SECONDS * 2)
    return version


def _back(site: Site, server: str) -> str:
    """The version of an engine that is back.

    Raises:
        QuorateError: it is not.
    """
    site.connections.renew()
    with docker.translated(f"the engine of {server} does not answer"):
        info = site.connections.client(server).api.info()
    state = (info.get("Swarm") or {}).get("LocalNodeState")
    if state != "active":
        raise MachineError(f"{server} is not in the swarm yet ({state})")
    found = node_of(server, site.snapshot())
    if found is None or not found.ready:
        raise MachineError(f"the swarm does not have {server} as ready yet")
    return str(info.get("ServerVersion") or "")


set_manager = partial(role, wanted=Role.MANAGER)
set_worker = partial(role, wanted=Role.WORKER)
