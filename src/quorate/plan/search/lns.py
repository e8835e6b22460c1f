"""Large-neighbourhood search: free the tasks of a few machines and place them anew, exactly.

Each neighbourhood is a small CP-SAT model with every rule of the instance and every
cost but bursts; what it answers is priced by the kernels before it is kept.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from quorate.plan.cpsat import Model, Term
from quorate.plan.search.arrays import Floats, Instance, Lists
from quorate.plan.search.kernels import share
from quorate.plan.search.state import State

PARAMETERS = "linearization_level: 1 cp_model_probing_level: 0 symmetry_level: 0"
"""Small models solved by the hundred: what prepares for hard ones would cost more than it gains."""


def listed(of: Lists, index: int) -> list[int]:
    """The list of a number."""
    return of.items[of.start[index] : of.start[index + 1]].tolist()


class Neighbourhood:
    """Tasks that are free, machines they may go to, and what the others leave there.

    `fines` [M, D] points for each unit that a machine stays beyond a capacity it is beyond.
    """

    def __init__(
        self,
        of: Instance,
        state: State,
        tasks: Sequence[int],
        machines: Sequence[int],
        fines: Floats,
    ) -> None:
        self.of, self.state, self.tasks = of, state, list(tasks)
        self.machines, self.fines = list(machines), fines
        self._model = Model()
        self._at: dict[int, dict[int, int]] = {}
        self._here: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._gone: dict[tuple[int, int], int] = defaultdict(int)
        for task in self.tasks:
            kind = int(of.kind[task])
            service = int(of.service[kind])
            self._gone[service, int(state.place[task])] += 1
            row = {m: self._model.integer(0, 1) for m in self.machines if of.allowed[kind, m]}
            self._at[task] = row
            self._model.equal([(1, variable) for variable in row.values()], 1)
            for machine, variable in row.items():
                self._here[service, machine].append(variable)
                self._price(int(of.price[kind, machine]), variable)
        self._services = sorted({int(of.service[of.kind[task]]) for task in self.tasks})

    def solve(
        self, *, effort: float, time_limit: float, seed: int
    ) -> tuple[list[tuple[int, int]], float, bool]:
        """The moves (task, machine) that lower the cost most, what it took, and if it is proven.

        `effort` in CP-SAT's deterministic seconds, as what it took; `time_limit` in real ones.
        """
        for machine in self.machines:
            self._capacity(machine)
            self._loads(machine)
            self._balance(machine)
        for service in self._services:
            self._rules(service)
            self._neighbourhoods(service)
            self._spread(service)
            self._links(service)
        self._groups()
        self._exclusive()
        self._moved()
        self._model.hint(
            {
                v: int(m == self.state.place[task])
                for task, row in self._at.items()
                for m, v in row.items()
            }
        )
        answer = self._model.solve(
            time_limit=time_limit,
            seed=seed,
            parameters=f"{PARAMETERS} max_deterministic_time: {effort}",
        )
        if answer.status not in ("optimal", "feasible"):
            return [], answer.effort, answer.status == "infeasible"
        moves = [
            (task, machine)
            for task, row in self._at.items()
            for machine, variable in row.items()
            if answer.values[variable] and machine != self.state.place[task]
        ]
        return moves, answer.effort, answer.status == "optimal"

    def _price(self, points: int, variable: int) -> None:
        if points:
            self._model.minimise([(points, variable)])

    def _on(self, machine: int) -> Iterator[tuple[int, int, int]]:
        """Task, kind and variable of the free tasks that may come to a machine."""
        for task, row in self._at.items():
            if machine in row:
                yield task, int(self.of.kind[task]), row[machine]

    def _stays(self, service: int, machine: int) -> int:
        """Tasks of a service on a machine that are not free."""
        return int(self.state.present[service, machine]) - self._gone[service, machine]

    def _capacity(self, machine: int) -> None:
        of, state = self.of, self.state
        coming = list(self._on(machine))
        for resource in range(of.capacity.shape[1]):
            room = int(of.capacity[machine, resource] - state.held[machine, resource])
            terms: list[Term] = []
            transient = bool(of.transient[resource])
            for task, kind, variable in coming:
                amount = int(of.use[kind, resource])
                if not amount or (transient and of.origin[task] == machine):
                    continue
                terms.append((amount, variable))
                if state.place[task] == machine:
                    room += amount
            if sum(amount for amount, _ in terms) <= room:
                continue
            beyond = int(state.held[machine, resource] - of.capacity[machine, resource])
            if beyond > 0:
                above = self._model.integer(0, beyond)
                self._price(max(1, round(self.fines[machine, resource])), above)
                terms.append((-1, above))
            self._model.at_most(terms, room)

    def _above(self, terms: list[Term], fixed: int, slope: int) -> None:
        """Points `slope` × max(0, fixed + Σ terms)."""
        most = fixed + sum(amount for amount, _ in terms if amount > 0)
        least = fixed + sum(amount for amount, _ in terms if amount < 0)
        if most <= 0:
            return
        if least >= 0:
            self._model.minimise([(slope * amount, v) for amount, v in terms], slope * fixed)
            return
        above = self._model.integer(0, most)
        self._model.at_most([*terms, (-1, above)], -fixed)
        self._model.minimise([(slope, above)])

    def _loads(self, machine: int) -> None:
        of, state = self.of, self.state
        for load in range(len(of.load_resource)):
            terms: list[Term] = []
            fixed = int(state.load[machine, load])
            for task, kind, variable in self._on(machine):
                amount = int(share.py_func(of, kind, machine, load))
                if amount:
                    terms.append((amount, variable))
                if state.place[task] == machine:
                    fixed -= amount
            for step in range(of.step_start[load], of.step_start[load + 1]):
                at, slope = int(of.step_at[machine, step]), int(of.step_slope[step])
                self._above(terms, fixed - at, slope)

    def _balance(self, machine: int) -> None:
        of, state = self.of, self.state
        for first, second, target, weight in of.balance.tolist():
            free = [int(of.capacity[machine, r] - state.used[machine, r]) for r in (first, second)]
            terms: list[Term] = []
            for task, kind, variable in self._on(machine):
                uses = int(of.use[kind, first]), int(of.use[kind, second])
                terms.append((uses[1] - target * uses[0], variable))
                if state.place[task] == machine:
                    free[0] += uses[0]
                    free[1] += uses[1]
            self._above(terms, target * free[0] - free[1], weight)

    def _rules(self, service: int) -> None:
        of = self.of
        for machine in self.machines:
            mine = self._here[service, machine]
            stays = self._stays(service, machine)
            if len(mine) + stays > of.most[service]:
                self._model.at_most([(1, v) for v in mine], int(of.most[service]) - stays)
            for other in listed(of.apart, service):
                theirs = self._here.get((other, machine), [])
                if stays or self._stays(other, machine):
                    self._forbid(theirs if stays else mine)
                for variable in mine:
                    for second in theirs:
                        self._model.at_most([(1, variable), (1, second)], 1)
            for other in listed(of.near, service):
                self._implies(mine, stays, [(other, machine)])
            for other in listed(of.nearby, service):
                theirs = self._here.get((other, machine), [])
                self._implies(theirs, self._stays(other, machine), [(service, machine)])

    def _forbid(self, variables: list[int]) -> None:
        for variable in variables:
            self._model.at_most([(1, variable)], 0)

    def _implies(self, mine: list[int], stays: int, others: list[tuple[int, int]]) -> None:
        """Where one of mine is, one of the others must be."""
        if any(self._stays(*other) > 0 for other in others):
            return
        there = [(-1, v) for other in others for v in self._here.get(other, [])]
        if stays > 0:
            self._model.at_most(there, -1)
            return
        for variable in mine:
            self._model.at_most([(1, variable), *there], 0)

    def _neighbourhoods(self, service: int) -> None:
        of, state = self.of, self.state
        needs, needed = listed(of.needs, service), listed(of.needed, service)
        if not needs and not needed:
            return
        hoods: dict[int, list[int]] = defaultdict(list)
        for machine in self.machines:
            hoods[int(of.neighbourhood[machine])].append(machine)
        for hood, inside in hoods.items():

            def mine(which: int, inside: list[int] = inside) -> list[int]:
                return [v for m in inside for v in self._here.get((which, m), [])]

            def left(which: int, hood: int = hood, inside: list[int] = inside) -> int:
                gone = sum(self._gone[which, m] for m in inside)
                return int(state.in_neighbourhood[which, hood]) - gone

            pairs = [(service, other) for other in needs]
            pairs += [(other, service) for other in needed if other not in self._services]
            for inner, outer in pairs:
                if left(outer) > 0:
                    continue
                there = [(-1, v) for v in mine(outer)]
                if left(inner) > 0:
                    self._model.at_most(there, -1)
                else:
                    for variable in mine(inner):
                        self._model.at_most([(1, variable), *there], 0)

    def _spread(self, service: int) -> None:
        of, state = self.of, self.state
        wanted = int(of.locations[service])
        if wanted <= 1:
            return
        places: dict[int, list[int]] = defaultdict(list)
        for machine in self.machines:
            places[int(of.location[machine])].append(machine)
        used: list[Term] = []
        sure = 0
        for location in np.flatnonzero(state.at_location[service]).tolist():
            gone = sum(self._gone[service, m] for m in places.get(location, []))
            sure += int(state.at_location[service, location]) > gone
        for location, inside in places.items():
            gone = sum(self._gone[service, m] for m in inside)
            if int(state.at_location[service, location]) > gone:
                continue
            any_here = self._model.integer(0, 1)
            here = [(-1, v) for m in inside for v in self._here.get((service, m), [])]
            self._model.at_most([(1, any_here), *here], 0)
            used.append((-1, any_here))
        if sure < wanted:
            self._model.at_most(used, sure - wanted)

    def _links(self, service: int) -> None:
        of = self.of
        pairs = listed(of.links, service)
        for target, each in zip(pairs[::2], pairs[1::2], strict=True):
            for machine in self.machines:
                if self._stays(target, machine) > 0:
                    continue
                there = [(-1, v) for v in self._here.get((target, machine), [])]
                for variable in self._here[service, machine]:
                    if there:
                        away = self._model.integer(0, 1)
                        self._model.at_most([(1, variable), *there, (-1, away)], 0)
                        self._price(each, away)
                    else:
                        self._price(each, variable)
        pairs = listed(of.linked, service)
        for source, each in zip(pairs[::2], pairs[1::2], strict=True):
            for machine in self.machines:
                stays = self._stays(source, machine)
                if stays and self._stays(service, machine) == 0:
                    away = self._model.integer(0, 1)
                    there = [(-1, v) for v in self._here.get((service, machine), [])]
                    self._model.at_most([*there, (-1, away)], -1)
                    self._price(each * stays, away)

    def _groups(self) -> None:
        of, state = self.of, self.state
        members: dict[int, list[int]] = defaultdict(list)
        for service in self._services:
            for group in listed(of.groups, service):
                members[group].append(service)
        for group, services in members.items():
            for machine in self.machines:
                gone = sum(self._gone[service, machine] for service in services)
                if int(state.group[group, machine]) > gone:
                    continue
                here = [v for s in services for v in self._here.get((s, machine), [])]
                if here:
                    used = self._model.integer(0, 1)
                    for variable in here:
                        self._model.at_most([(1, variable), (-1, used)], 0)
                    self._price(int(of.group_points[group]), used)

    def _exclusive(self) -> None:
        of, state = self.of, self.state
        members: dict[int, list[int]] = defaultdict(list)
        for service in self._services:
            for which in listed(of.exclusive, service):
                members[which].append(service)
        for which, services in members.items():
            for machine in self.machines:
                gone = sum(self._gone[service, machine] for service in services)
                here = [v for s in services for v in self._here.get((s, machine), [])]
                self._model.at_most(
                    [(1, v) for v in here], 1 - (int(state.exclusive[which, machine]) - gone)
                )

    def _moved(self) -> None:
        of, state = self.of, self.state
        if not of.moved_weight:
            return
        others = state.moved.copy()
        others[self._services] = 0
        most = self._model.integer(int(others.max(initial=0)), len(of.kind))
        self._model.minimise([(of.moved_weight, most)])
        for service in self._services:
            terms: list[Term] = []
            fixed = int(state.moved[service])
            for task, row in self._at.items():
                if of.service[of.kind[task]] != service or of.origin[task] < 0:
                    continue
                origin = int(of.origin[task])
                fixed -= int(state.place[task] != origin)
                terms += [(1, v) for machine, v in row.items() if machine != origin]
            if terms:
                self._model.at_most([*terms, (-1, most)], -fixed)


def tasks_on(state: State, machine: int) -> list[int]:
    """The tasks of a machine."""
    found = []
    task = int(state.first[machine])
    while task >= 0:
        found.append(task)
        task = int(state.next[task])
    return found


def choose(
    of: Instance, state: State, rng: random.Random, size: int, beyond: Sequence[int] = ()
) -> tuple[list[int], list[int]]:
    """About `size` tasks to free and the machines they share.

    Machines `beyond` their capacity first. Else by turns: machines at random, the costly
    or the wasteful ones first; those that hold services which need each other; those of
    few neighbourhoods.
    """
    machines = len(of.capacity)
    way = rng.random()
    chosen: list[int] = []
    if beyond:
        chosen = _relieving(of, state, rng, beyond[rng.randrange(len(beyond))])
    elif way < 0.25 and len(of.needs.items):
        chosen = _related(of, state, rng)
    elif way < 0.4:
        hood = int(of.neighbourhood[rng.randrange(machines)])
        chosen = np.flatnonzero(of.neighbourhood == hood).tolist()
        rng.shuffle(chosen)
    elif way < 0.8:
        weights = np.sqrt(state.cost if way < 0.5 else wasted(of, state)) + 1.0
        chosen = [rng.choices(range(machines), weights=weights.tolist())[0]]
    rest = [machine for machine in range(machines) if machine not in chosen]
    rng.shuffle(rest)
    tasks: list[int] = []
    used: list[int] = []
    for machine in [*chosen, *rest]:
        here = tasks_on(state, machine)
        if used and len(tasks) + len(here) > size * 1.3:
            if len(tasks) >= size * 0.7 and len(used) > 1:
                break
            rng.shuffle(here)
            here = here[: max(1, size // 4)]
        tasks += here
        used.append(machine)
        if len(tasks) >= size and len(used) > 1:
            break
    return tasks[: 2 * size], used


def wasted(of: Instance, state: State) -> Floats:
    """Points [M] that machines cost beyond what the sums of loads make unavoidable.

    Where all machines together are beyond a step, one that stays below it wastes what
    the others pay for; where they are not, one beyond it does.
    """
    waste = np.zeros(len(of.capacity))
    for load in range(len(of.load_resource)):
        for step in range(of.step_start[load], of.step_start[load + 1]):
            above = state.load[:, load] - of.step_at[:, step]
            sided = -above if above.sum() > 0 else above
            waste += float(of.step_slope[step]) * np.maximum(0, sided)
    return waste


def _relieving(of: Instance, state: State, rng: random.Random, machine: int) -> list[int]:
    """A machine, and some of those that tasks have gone to for which it still holds room."""
    gone = np.flatnonzero((of.origin == machine) & (state.place != machine))
    where = list(dict.fromkeys(state.place[gone].tolist()))
    rng.shuffle(where)
    return [machine, *where[: rng.randrange(4)]]


def _related(of: Instance, state: State, rng: random.Random) -> list[int]:
    starts = np.flatnonzero(np.diff(of.needs.start))
    service = int(starts[rng.randrange(len(starts))])
    family = [service, *listed(of.needs, service), *listed(of.needed, service)]
    found: list[int] = []
    for member in family:
        places = np.flatnonzero(state.present[member]).tolist()
        rng.shuffle(places)
        found += [place for place in places[:2] if place not in found]
    return found
