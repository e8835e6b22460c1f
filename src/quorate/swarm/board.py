"""The scheduler's own bookkeeping: what each node has left and who is on it.

The one mutable thing of the model; a copy is cheap, so that many losses can be
replayed from the same start. Nodes are numbered as in `State.nodes`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from quorate.swarm.filters import Roster
from quorate.swarm.model import Service, State, Task


class Board:
    """Free resources, active tasks and taken ports by node.

    `ranking` holds (active tasks, node) of the nodes that take tasks, ascending.
    """

    def __init__(self, state: State) -> None:
        self.roster = Roster(state.nodes)
        self.parameters = state.parameters
        self.failures: Mapping[tuple[str, str], int] = state.failures
        self.services: dict[str, Service] = {service.id: service for service in state.services}
        nodes = state.nodes
        self.ready = [node.ready for node in nodes]
        self.cpu = [node.cpu for node in nodes]
        self.memory = [node.memory for node in nodes]
        self.generic: dict[int, dict[str, int]] = {
            number: dict(node.generic) for number, node in enumerate(nodes) if node.generic
        }
        self.total = [0] * len(nodes)
        self.active: dict[str, dict[int, int]] = {}
        self.ports: dict[int, dict[tuple[str, int], int]] = {}
        self._number = {node.id: number for number, node in enumerate(nodes)}
        for task in state.tasks:
            if task.holds and task.node in self._number:
                self._count(task)
        self.ranking = sorted((self.total[n], n) for n in range(len(nodes)) if self.ready[n])

    def _count(self, task: Task) -> None:
        """A task that is there already."""
        node = self._number[task.node or ""]
        if task.active:
            self.total[node] += 1
            mine = self.active.setdefault(task.service, {})
            mine[node] = mine.get(node, 0) + 1
        self._hold(self.services[task.service], node, 1)

    def number(self, node: str) -> int:
        """The number of a node; KeyError when there is none."""
        return self._number[node]

    def copy(self) -> Board:
        """An independent copy; what never changes is shared."""
        other = object.__new__(Board)
        other.__dict__.update(self.__dict__)
        other.ready, other.cpu, other.memory = self.ready[:], self.cpu[:], self.memory[:]
        other.total, other.ranking = self.total[:], self.ranking[:]
        other.generic = {node: dict(held) for node, held in self.generic.items()}
        other.ports = {node: dict(held) for node, held in self.ports.items()}
        # Counts by service are copied when they are first written to.
        other.active = dict(self.active)
        return other

    def remove(self, nodes: Iterable[int]) -> None:
        """Take nodes out: nothing is placed there any more."""
        for node in nodes:
            if self.ready[node]:
                self.ready[node] = False
                del self.ranking[bisect_left(self.ranking, (self.total[node], node))]

    def restore(self, nodes: Iterable[int]) -> None:
        """Nodes take tasks again."""
        for node in nodes:
            if not self.ready[node]:
                self.ready[node] = True
                insort(self.ranking, (self.total[node], node))

    def crowd(self, node: int, tasks: int) -> None:
        """More tasks on a node that are no service's: they count where Swarm counts tasks.

        A container that joins an attachable network by itself is one, for each such network
        (swarmkit, manager/resourceapi: AttachNetwork).
        """
        if self.ready[node]:
            del self.ranking[bisect_left(self.ranking, (self.total[node], node))]
            insort(self.ranking, (self.total[node] + tasks, node))
        self.total[node] += tasks

    def end(self, service: str, node: int, tasks: int = 1) -> None:
        """Tasks of a service that were on a node are no more."""
        self._change(service, node, -tasks)

    def place(self, service: str, node: int) -> None:
        """Assign one more task."""
        self._change(service, node, 1)

    def retire(self, service: str, node: int) -> None:
        """A task is told to end: it counts no more, and holds what it has until `release`."""
        self._count_change(service, node, -1)

    def release(self, service: str, node: int) -> None:
        """A task that was told to end is seen to have ended."""
        self._hold(self.services[service], node, -1)

    def _change(self, service: str, node: int, by: int) -> None:
        self._count_change(service, node, by)
        self._hold(self.services[service], node, by)

    def _count_change(self, service: str, node: int, by: int) -> None:
        if self.ready[node]:
            del self.ranking[bisect_left(self.ranking, (self.total[node], node))]
            insort(self.ranking, (self.total[node] + by, node))
        self.total[node] += by
        mine = dict(self.active.get(service, {}))
        mine[node] = mine.get(node, 0) + by
        self.active[service] = mine

    def _hold(self, service: Service, node: int, by: int) -> None:
        self.cpu[node] -= by * service.cpu
        self.memory[node] -= by * service.memory
        for kind, amount in service.generic.items():
            held = self.generic.setdefault(node, {})
            held[kind] = held.get(kind, 0) - by * amount
        for port in service.host_ports:
            taken = self.ports.setdefault(node, {})
            taken[port] = taken.get(port, 0) + by

    def count(self, service: str, node: int) -> int:
        """Active tasks of a service on a node."""
        return self.active.get(service, {}).get(node, 0)

    def failed(self, service: str, node: int) -> int:
        """Failures of a service on a node, as far as they are known."""
        return self.failures.get((service, self.roster.nodes[node].id), 0) if self.failures else 0

    def feasible(self, service: Service, node: int) -> bool:
        """Whether every filter lets one more task of the service onto the node."""
        if not self.ready[node]:
            return False
        if service.reserves and not self._has_room(service, node):
            return False
        if node not in self.roster.candidates(service):
            return False
        if service.host_ports:
            taken = self.ports.get(node, {})
            if any(port and taken.get((proto, port), 0) for proto, port in service.host_ports):
                return False
        return not service.max_replicas or self.count(service.id, node) < service.max_replicas

    def _has_room(self, service: Service, node: int) -> bool:
        # A node that lost memory may have less than nothing left: then even 0 is too much.
        return (
            service.cpu <= self.cpu[node]
            and service.memory <= self.memory[node]
            and all(
                amount <= self.generic.get(node, {}).get(kind, 0)
                for kind, amount in service.generic.items()
                if amount
            )
        )
