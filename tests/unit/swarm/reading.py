"""A second reading of how Swarm schedules: slow, set-valued, every order that is left to chance.

Written from the description of swarmkit's scheduler alone, sharing no rule with
`quorate.swarm`: of that package only the plain data of `model` is used, and none of
its properties. Where the scheduler takes things in an order that is up to chance,
every order is gone through, and a step maps what is known before it to the set of
all that may be known after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import combinations, permutations, product

from quorate.swarm.model import Availability, Node, NodeState, Service, State, Task, TaskState

Books = tuple[tuple[int, ...], ...]
"""By service and node, in the order of the state: tasks that this tick has assigned."""

MANY_FAILURES = 5
SAME_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Answer:
    """One possible end of a tick: (service, node) → tasks that wait no more."""

    assigned: tuple[tuple[str, str, int], ...]
    confirmed: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Tree:
    """A level of the spread: `children`, or in a leaf the nodes it keeps."""

    tasks: int
    children: tuple[Tree, ...] = ()
    nodes: tuple[int, ...] = ()


def possible(state: State) -> set[Answer]:
    """All that may come of one tick of the scheduler."""
    return Reading(state).possible()


class Reading:
    """What the scheduler knows; nothing here changes."""

    def __init__(self, state: State) -> None:
        self.nodes, self.services, self.failures = state.nodes, state.services, state.failures
        self.index = {service.id: number for number, service in enumerate(state.services)}
        known = [t for t in state.tasks if t.observed >= TaskState.PENDING]
        wanted = [t for t in known if t.desired <= TaskState.COMPLETE]
        self.unassigned = [t for t in wanted if _undecided(t) and t.node is None]
        self.preassigned = [t for t in wanted if _undecided(t) and t.node is not None]
        there = [t for t in known if not _undecided(t) and t.observed <= TaskState.RUNNING]
        self.there = [
            [[t for t in there if t.service == s.id and t.node == n.id] for n in self.nodes]
            for s in self.services
        ]
        self.counted = [
            [sum(t.desired <= TaskState.COMPLETE for t in tasks) for tasks in row]
            for row in self.there
        ]

    def possible(self) -> set[Answer]:
        empty: Books = tuple((0,) * len(self.nodes) for _ in self.services)
        sizes: dict[int, int] = {}
        for task in self.unassigned:
            number = self.index[task.service]
            sizes[number] = sizes.get(number, 0) + 1
        answers = set()
        for confirmed in self.confirm(empty):
            for order in permutations(sorted(sizes)):
                reached = {confirmed}
                for service in order:
                    reached = {
                        after
                        for books in reached
                        for after in self.group(books, service, sizes[service])
                    }
                answers |= {
                    Answer(assigned=self.told(books, confirmed), confirmed=self.told(confirmed))
                    for books in reached
                }
        return answers

    def told(self, books: Books, before: Books | None = None) -> tuple[tuple[str, str, int], ...]:
        """What `books` hold more than `before`."""
        return tuple(
            (service.id, node.id, number)
            for s, service in enumerate(self.services)
            for n, node in enumerate(self.nodes)
            if (number := books[s][n] - (before[s][n] if before else 0))
        )

    # Tasks of global services: their node is given, the filters decide.

    def confirm(self, empty: Books) -> set[Books]:
        names = [node.id for node in self.nodes]
        pairs = [
            (self.index[t.service], names.index(t.node))
            for t in self.preassigned
            if t.node in names
        ]
        ends = set()
        for order in set(permutations(pairs)):
            books = empty
            for service, node in order:
                if self.feasible(books, service, node):
                    books = one_more(books, service, node)
            ends.add(books)
        return ends

    # The filters.

    def feasible(self, books: Books, service: int, node: int) -> bool:
        wants, has = self.services[service], self.nodes[node]
        return (
            has.state is NodeState.READY
            and has.availability is Availability.ACTIVE
            and self.resources(books, wants, node)
            and (has.plugins is None or set(wants.plugins) <= set(has.plugins))
            and all(met(constraint, has) for constraint in wants.constraints)
            and platform(wants, has)
            and self.ports(books, wants, node)
            and (not wants.max_replicas or self.svc(books, service, node) < wants.max_replicas)
        )

    def resources(self, books: Books, wants: Service, node: int) -> bool:
        kinds = {kind for kind, number in wants.generic.items() if number}
        if not wants.cpu and not wants.memory and not kinds:
            return True
        has = self.nodes[node]
        cpu, memory = has.cpu, has.memory
        generic = {kind: has.generic.get(kind, 0) for kind in kinds}
        for s, service in enumerate(self.services):
            held = len(self.there[s][node]) + books[s][node]
            cpu -= held * service.cpu
            memory -= held * service.memory
            for kind in kinds:
                generic[kind] -= held * service.generic.get(kind, 0)
        return (
            wants.cpu <= cpu
            and wants.memory <= memory
            and all(wants.generic[kind] <= generic[kind] for kind in kinds)
        )

    def ports(self, books: Books, wants: Service, node: int) -> bool:
        taken = {
            port
            for s, service in enumerate(self.services)
            if self.there[s][node] or books[s][node]
            for port in service.host_ports
        }
        return not any(port in taken for port in wants.host_ports if port[1])

    # The order of nodes.

    def svc(self, books: Books, service: int, node: int) -> int:
        return self.counted[service][node] + books[service][node]

    def total(self, books: Books, node: int) -> int:
        return sum(self.svc(books, service, node) for service in range(len(self.services)))

    def less(self, books: Books, service: int, a: int, b: int) -> bool:
        name = self.services[service].id
        fail_a = self.failures.get((name, self.nodes[a].id), 0)
        fail_b = self.failures.get((name, self.nodes[b].id), 0)
        if max(fail_a, fail_b) >= MANY_FAILURES and fail_a != fail_b:
            return fail_a < fail_b
        svc_a, svc_b = self.svc(books, service, a), self.svc(books, service, b)
        if svc_a != svc_b:
            return svc_a < svc_b
        return self.total(books, a) < self.total(books, b)

    # A group of equal tasks.

    def group(self, books: Books, service: int, size: int) -> set[Books]:
        everyone = tuple(range(len(self.nodes)))
        levels = [p for p in self.services[service].preferences if label(p, Node) is not None]
        return {
            after
            for root in self.trees(books, service, size, everyone, levels)
            for _, after, _ in self.place(books, service, size, root, size)
        }

    def trees(
        self, books: Books, service: int, size: int, nodes: Sequence[int], levels: Sequence[str]
    ) -> Iterator[Tree]:
        """Every tree: they differ in which of equally good nodes a leaf keeps."""
        tasks = sum(self.svc(books, service, node) for node in nodes)
        if not levels:
            fit = [node for node in nodes if self.feasible(books, service, node)]
            for kept in combinations(fit, min(size, len(fit))):
                others = [node for node in fit if node not in kept]
                if not any(
                    self.less(books, service, out, inside) for out in others for inside in kept
                ):
                    yield Tree(tasks=tasks, nodes=kept)
            return
        branches: dict[str, list[int]] = {}
        for node in nodes:
            branches.setdefault(label(levels[0], self.nodes[node]) or "", []).append(node)
        below = [
            list(self.trees(books, service, size, branch, levels[1:]))
            for branch in branches.values()
        ]
        for children in product(*below):
            yield Tree(tasks=tasks, children=children)

    def place(
        self, books: Books, service: int, n: int, tree: Tree, left: int
    ) -> set[tuple[int, Books, int]]:
        """All (placed, books, tasks left of the group) that `n` tasks for a tree may come to."""
        if tree.children:
            return self.divide(books, service, n, tree, left)
        fit = [node for node in tree.nodes if self.feasible(books, service, node)]
        return {
            self.fill(books, service, n, order, left)
            for order in permutations(fit)
            if not any(self.less(books, service, b, a) for a, b in combinations(order, 2))
        }

    def divide(
        self, books: Books, service: int, n: int, tree: Tree, left: int
    ) -> set[tuple[int, Books, int]]:
        ends = set()
        full: frozenset[int] = frozenset()
        todo = {(0, tree.tasks, full, books, left)}
        while todo:
            done, usable, full, books, left = todo.pop()
            if done == n or len(full) == len(tree.children):
                ends.add((done, books, left))
                continue
            k = len(tree.children) - len(full)
            q, r = divmod(usable + n - done, k)
            for order in permutations(set(range(len(tree.children))) - full):
                ways = {(done, usable, full, books, left, r, False)}
                for number in order:
                    ways = set().union(
                        *(self.branch(service, tree, number, q, way) for way in ways)
                    )
                for done_, usable_, full_, books_, left_, _, go in ways:
                    if go:
                        todo.add((done_, usable_, full_, books_, left_))
                    else:
                        ends.add((done_, books_, left_))
        return ends

    def branch(self, service: int, tree: Tree, number: int, q: int, way: Way) -> set[Way]:
        done, usable, full, books, left, r, _ = way
        child = tree.children[number]
        if not (child.tasks < q or (child.tasks == q and r > 0)):
            return {way}
        want = q - child.tasks + (1 if r > 0 else 0)
        ways: set[Way] = set()
        for got, after, rest in self.place(books, service, want, child, left):
            if got < want:
                ways.add((done + got, usable - child.tasks, full | {number}, after, rest, r, True))
            else:
                ways.add((done + got, usable, full, after, rest, r - 1 if r > 0 else r, True))
        return ways

    def fill(
        self, books: Books, service: int, n: int, nodes: Sequence[int], left: int
    ) -> tuple[int, Books, int]:
        m = len(nodes)
        if m == 0:
            return 0, books, left
        i = placed = 0
        bad: set[int] = set()
        while left:
            books = one_more(books, service, nodes[i % m])
            placed, left = placed + 1, left - 1
            if placed == n:
                return placed, books, left
            if i + 1 < m:
                if self.less(books, service, nodes[i + 1], nodes[i % m]):
                    i += 1
            else:
                i += 1
            s = i
            while i % m in bad or not self.feasible(books, service, nodes[i % m]):
                bad.add(i % m)
                i += 1
                if i - s == m:
                    return placed, books, left
        return placed, books, left


Way = tuple[int, int, frozenset[int], Books, int, int, bool]
"""Within one round over the branches: done, usable, full, books, left, remainder, go."""


def one_more(books: Books, service: int, node: int) -> Books:
    row = books[service]
    longer = (*row[:node], row[node] + 1, *row[node + 1 :])
    return (*books[:service], longer, *books[service + 1 :])


def _undecided(task: Task) -> bool:
    return task.observed is TaskState.PENDING


def label(key: str, node: Node | type[Node]) -> str | None:
    """A label's value, "" where it is missing; None where the key names no label.

    For the class itself: whether the key names one.
    """
    for prefix, field in (("node.labels.", "labels"), ("engine.labels.", "engine_labels")):
        if key.lower().startswith(prefix) and len(key) > len(prefix):
            if not isinstance(node, Node):
                return ""
            return str(getattr(node, field).get(key[len(prefix) :], ""))
    return None


def platform(wants: Service, has: Node) -> bool:
    here = SAME_ARCHITECTURE.get(has.architecture, has.architecture)
    return not wants.platforms or any(
        os in ("", has.os)
        and (not architecture or SAME_ARCHITECTURE.get(architecture, architecture) == here)
        for os, architecture in wants.platforms
    )


def met(constraint: str, node: Node) -> bool:
    """Whether a node meets one constraint; an unknown key is met by none."""
    equal = "!=" not in constraint
    key, value = (part.strip() for part in constraint.split("==" if equal else "!="))
    if key.lower() == "node.ip":
        return address(value, node.address, equal)
    plain = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.role": node.role,
        "node.platform.os": node.os,
        "node.platform.arch": node.architecture,
    }
    here = plain.get(key.lower(), label(key, node))
    return here is not None and (here.lower() == value.lower()) is equal


def address(value: str, here: str, equal: bool) -> bool:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return False
    return (bool(here) and ip_address(here) in network) is equal


def left(answer: Answer, state: State) -> dict[str, int]:
    """Service → unassigned tasks that go on waiting."""
    waiting = Counter(task.service for task in Reading(state).unassigned)
    for service, _, number in answer.assigned:
        waiting[service] -= number
    return dict(waiting)
