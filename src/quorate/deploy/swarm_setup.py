"""Make the swarm what the fleet file says: from nothing, or from whatever is there.

Join tokens travel inside API calls over ssh; they are never shown, logged or
put on a command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from quorate.deploy.swarm_state import SwarmState, advertise_addresses, observe_swarm
from quorate.deploy.swarm_steps import Forget, Init, Join, Leave, SetRole, Step, Tune, steps
from quorate.errors import EngineError
from quorate.fleet.model import Fleet, Role
from quorate.observe.connect import Connections
from quorate.observe.snapshot import NANO
from quorate.tools import clock, command, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SWARM_PORT = 2377
NODE_READY_SECONDS = 60.0
POLL_SECONDS = 0.3
ATTEMPTS = 5
NOT_FOUND = 404

Say = Callable[[str], None]


def set_up(
    fleet: Fleet, connections: Connections, say: Say = lambda text: None
) -> tuple[Step, ...]:
    """Bring the swarm to what the fleet file says; returns the steps that were taken.

    Raises:
        UnreachableError, EngineError: a server refuses; what was done before stays.
    """
    state = observe_swarm(connections)
    todo = steps(fleet, state)
    if not todo:
        return ()
    execute(fleet, connections, todo, state, say)
    return todo


def execute(
    fleet: Fleet, connections: Connections, todo: tuple[Step, ...], state: SwarmState, say: Say
) -> None:
    """Take these steps, in order; workers join all at once, managers one by one.

    Raises:
        UnreachableError, EngineError: at the first step that fails.
    """
    addresses: dict[str, str] = {}
    if any(isinstance(step, Init | Join) for step in todo):
        addresses = advertise_addresses(fleet, state.unreachable)
    run = _Run(fleet, connections, addresses, state)
    workers = [step for step in todo if isinstance(step, Join) and step.role is Role.WORKER]
    pending = list(workers)
    for step in todo:
        if step in workers:
            continue
        if pending and isinstance(step, SetRole | Tune):
            _join_all(run, pending, say)
        say(step.describe())
        run.take(step)
    _join_all(run, pending, say)


def _join_all(run: _Run, joins: list[Join], say: Say) -> None:
    if joins:
        say("; ".join(step.describe() for step in joins))
        run.join_workers(joins)
        joins.clear()


class _Run:
    """The execution of one list of steps."""

    def __init__(
        self,
        fleet: Fleet,
        connections: Connections,
        addresses: Mapping[str, str],
        state: SwarmState,
    ) -> None:
        self.fleet = fleet
        self.connections = connections
        self.addresses = addresses
        self.managers = [member.server for member in state.members.values() if member.works]

    def take(self, step: Step) -> None:
        if isinstance(step, Init):
            self._init(step)
        elif isinstance(step, Leave):
            with docker.translated(f"{step.server} could not leave its old swarm"):
                self.connections.client(step.server).api.leave_swarm(force=True)
        elif isinstance(step, Join):
            self._join(step)
        elif isinstance(step, SetRole):
            self._set_role(step)
        elif isinstance(step, Forget):
            self._forget(step)
        elif isinstance(step, Tune):
            self._tune(step)

    def join_workers(self, joins: list[Join]) -> None:
        by_name = {step.server: step for step in joins}
        answers = self.connections.each(
            lambda server, client: self._join(by_name[server.name]), by_name
        )
        for error in answers.errors.values():
            raise error

    def _manager(self, other_than: str = "") -> DockerClient:
        name = next((name for name in self.managers if name != other_than), None)
        if name is None:
            raise EngineError("no manager of the swarm is left to ask")
        return self.connections.client(name)

    def _init(self, step: Init) -> None:
        settings = self.fleet.swarm
        with docker.translated(f"{step.server} could not make a swarm"):
            self.connections.client(step.server).api.init_swarm(
                advertise_addr=self.addresses[step.server],
                listen_addr=f"0.0.0.0:{SWARM_PORT}",
                swarm_spec=settings_of({}, settings.heartbeat, settings.task_history),
            )
        self.managers.append(step.server)

    def _join(self, step: Join) -> None:
        with docker.translated("the swarm's manager does not hand out its token"):
            tokens = self._manager().api.inspect_swarm()["JoinTokens"]
        token = str(tokens["Manager" if step.role is Role.MANAGER else "Worker"])
        client = self.connections.client(step.server)
        remote = [f"{self.addresses[name]}:{SWARM_PORT}" for name in self.managers]
        try:
            client.api.join_swarm(
                remote_addrs=remote,
                join_token=token,
                advertise_addr=self.addresses[step.server],
                listen_addr=f"0.0.0.0:{SWARM_PORT}",
            )
        except docker.engine_errors() as error:
            said = command.mask(docker.words(error), [token])
            # After 20 s the engine goes on trying by itself; waiting decides.
            if "continue in the background" not in said:
                raise self._refused(step.server, said) from None
        self._wait_ready(step.server, step.role)
        if step.role is Role.MANAGER:
            self.managers.append(step.server)

    def _refused(self, server: str, said: str) -> EngineError:
        return EngineError(
            f"{server} could not join the swarm",
            cause=said,
            todo=f"ports {SWARM_PORT}/tcp, 7946/tcp+udp and 4789/udp must be open between servers",
        )

    def _wait_ready(self, server: str, role: Role) -> None:
        """Until the server and the swarm agree that it is ready in this role.

        A node that changes its role leaves for a moment and comes back.
        """
        deadline = clock.monotonic() + NODE_READY_SECONDS
        while clock.monotonic() < deadline:
            with docker.translated(f"{server} does not answer while joining"):
                mine = self.connections.client(server).api.info().get("Swarm") or {}
                nodes = self._manager(server).api.nodes()
            found = [raw for raw in nodes if raw.get("ID") == mine.get("NodeID")]
            if found and _settled(found[0], mine, role):
                return
            clock.sleep(POLL_SECONDS)
        raise self._refused(server, f"it was not ready within {NODE_READY_SECONDS:.0f} s")

    def _set_role(self, step: SetRole) -> None:
        update_node(self._manager(step.server), step.node_id, lambda s: s | {"Role": step.role})
        if step.server in self.managers:
            self.managers.remove(step.server)
        self._wait_ready(step.server, step.role)
        if step.role is Role.MANAGER:
            self.managers.append(step.server)

    def _forget(self, step: Forget) -> None:
        remove_entry(self._manager(step.server), step.node_id, step.server)

    def _tune(self, step: Tune) -> None:
        client = self._manager()
        with docker.translated("the swarm's settings could not be changed"):
            found = client.api.inspect_swarm()
            client.api.update_swarm(
                found["Version"]["Index"],
                swarm_spec=settings_of(found["Spec"], step.heartbeat, step.task_history),
            )


def update_node(
    client: DockerClient, node_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Change a node's specification, trying again when somebody else changed it meanwhile.

    Raises:
        EngineError: the engine refuses.
    """
    for attempt in range(ATTEMPTS):
        try:
            found = client.api.inspect_node(node_id)
            spec: Any = change(dict(found["Spec"]))
            client.api.update_node(node_id, found["Version"]["Index"], spec)
            return
        except docker.engine_errors() as error:
            said = docker.words(error)
            if "out of sequence" not in said or attempt == ATTEMPTS - 1:
                raise EngineError(f"node {node_id} could not be changed", cause=said) from error
        clock.sleep(POLL_SECONDS)


def remove_entry(client: DockerClient, node_id: str, server: str) -> None:
    """Remove a node's entry; that of a manager which is still a member of raft, demoted before.

    One that is none (after a new cluster was forced) cannot be demoted, and need not be (swarmkit,
    manager/controlapi/node.go). Removed already is removed.

    Raises:
        EngineError: the swarm refuses.
    """
    with docker.translated(f"the dead entry of {server} could not be removed"):
        try:
            client.api.remove_node(node_id, force=True)
        except docker.engine_errors() as error:
            if docker.status_of(error) == NOT_FOUND:
                return
            if "demoted" not in docker.words(error):
                raise
            update_node(client, node_id, lambda spec: spec | {"Role": Role.WORKER.value})
            client.api.remove_node(node_id, force=True)


def settings_of(spec: Mapping[str, Any], heartbeat: float, task_history: int) -> dict[str, Any]:
    return {
        "Name": "default",
        **spec,
        "Dispatcher": {"HeartbeatPeriod": round(heartbeat * NANO)},
        "Orchestration": {"TaskHistoryRetentionLimit": task_history},
    }


def _settled(raw: Mapping[str, Any], own: Mapping[str, Any], role: Role) -> bool:
    """Whether a node, by the swarm's list and by its own view, has come up in this role."""
    manages = role is Role.MANAGER
    if (raw.get("Status") or {}).get("State") != "ready":
        return False
    if bool(own.get("ControlAvailable")) is not manages:
        return False
    reachability = (raw.get("ManagerStatus") or {}).get("Reachability")
    return reachability == "reachable" if manages else reachability is None
