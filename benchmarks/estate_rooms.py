"""Who is where while an estate is made: the first server with room that every rule allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quorate.fleet.model import Server, Service

MOST = 0.87
"""Share of a server that is filled at most: below what the policy's headroom leaves."""


class Rooms:
    """What is left on each server. Rules are read anew here, apart from the planner's."""

    def __init__(self, servers: Sequence[Server], outside: Mapping[str, tuple[int, float]]) -> None:
        self._servers = {server.name: server for server in servers}
        self._order = [server.name for server in servers]
        self._memory = {s.name: s.memory * MOST for s in servers}
        # Reservations count threads, loads their speed: the scarcer of both.
        self._cpu = {s.name: s.cpus * min(1.0, s.speed) * MOST for s in servers}
        self._disk = {s.name: float(s.disk) for s in servers}
        self._ports: dict[str, set[int]] = {name: set() for name in self._servers}
        for name, (memory, cpu) in outside.items():
            self._memory[name] -= memory
            self._cpu[name] -= cpu
        self._next = 0

    def everywhere(self, service: Service) -> None:
        """A global service takes its share wherever it may."""
        for name in self.reached(service):
            self._take(service, name)

    def reached(self, service: Service) -> tuple[str, ...]:
        """The servers that its constraints allow."""
        return tuple(name for name in self._order if self._admits(service, name))

    def put(
        self, service: Service, *, at: Sequence[str] = (), avoid: Sequence[str] = ()
    ) -> tuple[str, ...] | None:
        """Put every task somewhere; its homes, sorted; None when there is no room."""
        allowed = self.reached(service)
        most = -(-service.replicas // max(1, len(allowed)))
        if service.max_replicas_per_node:
            most = min(most, service.max_replicas_per_node)
        found: list[str] = []
        for _ in range(service.replicas):
            name = self._first(service, [n for n in allowed if n not in avoid], found, most, at)
            if name is None:
                for taken in found:
                    self._take(service, taken, -1)
                return None
            self._take(service, name)
            found.append(name)
        return tuple(sorted(found))

    def _first(
        self,
        service: Service,
        allowed: Sequence[str],
        found: Sequence[str],
        most: int,
        at: Sequence[str],
    ) -> str | None:
        """The next server in turn that has room."""
        for step in range(len(allowed)):
            place = (self._next + step) % len(allowed)
            name = allowed[place]
            if (not at or name in at) and found.count(name) < most and self._fits(service, name):
                self._next = place + 1
                return name
        return None

    def _admits(self, service: Service, name: str) -> bool:
        server = self._servers[name]
        for expression in service.constraints:
            key, operator, wanted = expression.split()
            label = key.removeprefix("node.labels.")
            value = server.role.value if key == "node.role" else server.labels.get(label, "")
            if (value == wanted) != (operator == "=="):
                return False
        return not service.pins or name in service.pins

    def _fits(self, service: Service, name: str) -> bool:
        return (
            self._memory[name] >= service.load.memory
            and self._cpu[name] >= service.load.cpu
            and self._disk[name] >= service.data_size
            and not self._ports[name] & {port.published for port in service.ports}
        )

    def _take(self, service: Service, name: str, times: int = 1) -> None:
        self._memory[name] -= times * service.load.memory
        self._cpu[name] -= times * service.load.cpu
        self._disk[name] -= times * service.data_size
        ports = {port.published for port in service.ports}
        self._ports[name] = self._ports[name] | ports if times > 0 else self._ports[name] - ports
