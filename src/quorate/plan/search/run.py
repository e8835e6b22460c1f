"""The search as a whole: annealings side by side, then neighbourhoods solved exactly.

Rounds of a planned length run on two threads, which meet once both have annealed and then after
each round of neighbourhoods, so that the same seed gives the same answer however fast the machine
is; only when the time runs out before the planned rounds have does the clock decide, and the
result says so.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from quorate.plan.search import compiled, lns
from quorate.plan.search.anneal import anneal, sample
from quorate.plan.search.arrays import Floats, Instance, Smalls, instance
from quorate.plan.search.course import (
    CHOSEN,
    LENIENT,
    PROMPT,
    STARTING,
    STARTS,
    STRICT,
    Course,
    adapted,
    scheduled,
)
from quorate.plan.search.kernels import load_state, move
from quorate.plan.search.repair import insert_all, take_strays
from quorate.plan.search.state import NOWHERE, State, empty

CHAINS = 2
"""Annealings side by side: one for each core of a small machine."""

STEPS_PER_SECOND, STEPS_PER_SECOND_SHARES, STEPS_PER_SECOND_PLAIN = 2_000_000, 1_000_000, 4_000_000
"""Steps a chain is planned to make in a second; fewer where loads are shares of a whole, which
takes divisions, more where costs are plain. Measured on one core: 2 to 4 million with chains
among them, 1.5 million, and 3.5 to 4.5 million."""

SLOWER = ((200_000, 2), (1_000_000, 4))
"""(kinds × machines, by how much slower): beyond the processor's caches steps wait for memory."""

ROUND_SECONDS = 1.0
"""Planned length of a round."""

ANNEALING = 0.7
"""The share of the rounds that anneal; the rest solves neighbourhoods."""

SOLVING = 4
"""Rounds in whose time neighbourhoods of `ROUND_SECONDS` are solved: CP-SAT's deterministic seconds
are longer than real ones, and stating a neighbourhood takes as long as solving it."""

SWAPS, CYCLES, CHAINED = 0.2, 0.1, 0.5
"""The shares of steps that try to exchange two tasks, to let three change places in turn, and to
put one in the place of another that goes elsewhere. Where room is scarce, hardly a task fits
anywhere unless another leaves."""

SHAKING_STEPS, SHAKEN = 200_000, 0.1
"""Steps between two tries to place what is left out, and how far the temperature falls."""

RELIEF = 1.15
"""Until when, in parts of the annealing, a chain that is beyond capacities may come back."""

FREE_TASKS = 40
"""Tasks of a neighbourhood at first; grows while they are solved to the end, else shrinks."""

EFFORT = 0.3
"""CP-SAT's deterministic seconds for one neighbourhood."""

LATE = 3
"""Rounds that a chain may be behind before the clock decides how far it goes; fewer, but one at
least, in a part of its rounds: of a few, three late ones would leave a leap for the rest."""

OnProgress = Callable[[float, float], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The best found. `place` [P]; `rounds` done of `planned`; `clock`: time ran out before."""

    place: Smalls
    cost: int
    rounds: int
    planned: int
    seconds: float
    clock: bool


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a chain got to early in its course: `place` [P], `factors` [M, D] of the fines, and
    the points it costs, fines included."""

    place: Smalls
    factors: Floats
    cost: float


class Chain:
    """One search of its own: a state, its cost, its best, its random numbers."""

    def __init__(self, of: Instance, place: Smalls, seed: int) -> None:
        self.of, self.shared = of, compiled.instance(of)
        self.state = empty(of)
        self.inside = compiled.state(self.state)
        self.seed = np.array([(seed * 2654435761 + 88172645463325252) % 2**64], np.uint64)
        self.random = random.Random(seed)
        self.size = FREE_TASKS
        self.beyond = 0
        self.mean = np.maximum(1.0, of.use.mean(axis=0))
        self.factors = np.ones(of.capacity.shape)
        load_state(self.shared, self.inside, place)
        self.cost = total(of, self.state)
        self.best, self.best_cost = place.copy(), self.cost

    def heat(self) -> float:
        """The mean cost of a random change for the worse, in points; 1 when none is found."""
        return max(1.0, float(sample(self.shared, self.inside, self.seed, 20_000)))

    def follow(self, course: Course, steps: int, worse: float, part: float, end: float) -> None:
        """Anneal along a part of a course; `worse`: the mean cost of a change for the worse."""
        end = max(part, end)
        stretches = max(1, round(course.stretches * (end - part)))
        parts = np.linspace(part, end, 1 + stretches)
        for here, there in itertools.pairwise(parts.tolist()):
            hot, cold = (worse * scheduled(course.heat, at) for at in (here, there))
            fine = worse * scheduled(course.fines, here) if course.fines else -1.0
            count = steps // (len(parts) - 1)
            self.anneal(count, hot, cold, fine=fine, haunted=course.haunted)
            if course.fines:
                self.factors = adapted(self.factors, self.of, self.state)

    def fines(self, fine: float) -> Floats:
        """Points [M, D] for each unit beyond a capacity; `fine` as in `anneal`."""
        if fine < 0:
            return np.full(self.factors.shape, -1.0)
        return np.ascontiguousarray(fine * self.factors / self.mean)

    def anneal(
        self,
        steps: int,
        hot: float,
        cold: float,
        *,
        fine: float = -1.0,
        haunted: float = STRICT.haunted,
    ) -> None:
        """Steps at falling temperature, in points.

        `fine`: points for as much beyond a capacity as a task takes on average, before
        `factors`; negative: nothing may be beyond. `haunted`: as in `Course`.
        """
        self.cost, self.best_cost, self.beyond = anneal(
            self.shared,
            self.inside,
            self.seed,
            steps,
            (hot, cold),
            self.fines(fine),
            (SWAPS, haunted, CYCLES, CHAINED),
            self.best,
            (self.cost, self.best_cost, self.beyond),
        )

    def complete(self, order: Smalls, ends: float, stop: Callable[[], bool]) -> bool:
        """Place the tasks that are nowhere, in an order [P], shaking the others between tries.

        Whether all are; not when it took beyond `ends` or was stopped.
        """
        while insert_all(self.shared, self.inside, order, self.seed) + take_strays(
            self.shared, self.inside
        ):
            if time.perf_counter() > ends or stop():
                return False
            hot = self.heat()
            self.best_cost = total(self.of, self.state)
            self.anneal(SHAKING_STEPS, hot, hot * SHAKEN)
        self.cost = self.best_cost = total(self.of, self.state)
        self.best[:] = self.state.place
        return True

    def begin(self, place: Smalls) -> None:
        """Begin anew from a place; the best one so far is kept."""
        self.take(place, self.best_cost)
        self.cost = total(self.of, self.state)
        self.factors = np.ones(self.of.capacity.shape)

    def start(self, fine: float) -> Start:
        """Where it is now; `fine` as in `anneal`."""
        cost = self.cost + self._fined(self.fines(fine))
        return Start(place=self.state.place.copy(), factors=self.factors.copy(), cost=cost)

    def resume(self, start: Start) -> None:
        """Go on from where it was, beyond capacities perhaps; the best one so far is kept."""
        self.begin(start.place)
        self.factors = start.factors
        self.beyond = self._units_beyond()

    def take(self, place: Smalls, cost: int) -> None:
        """Go on from another place."""
        load_state(self.shared, self.inside, place)
        self.cost, self.beyond = cost, 0
        if cost < self.best_cost:
            self.best[:] = place
            self.best_cost = cost

    def solve(self, seconds: float, until: float, fine: float) -> None:
        """Solve neighbourhoods for about so many of CP-SAT's deterministic seconds.

        While something is beyond a capacity, those are the machines to begin with; `fine` as
        in `anneal`.
        """
        effort = 0.0
        fines = self.fines(fine)
        while effort < seconds and time.perf_counter() < until:
            over = np.flatnonzero((self.state.held > self.of.capacity).any(axis=1)).tolist()
            tasks, machines = lns.choose(self.of, self.state, self.random, self.size, over)
            near = lns.Neighbourhood(self.of, self.state, tasks, machines, fines)
            limit = max(0.01, until - time.perf_counter())
            moves, spent, ended = near.solve(
                effort=EFFORT, time_limit=limit, seed=self.random.randrange(2**31)
            )
            effort += max(spent, 0.02)
            self.size = min(120, self.size + 1) if ended else max(12, self.size - 2)
            if moves:
                self._keep(moves, fines)

    def _keep(self, moves: list[tuple[int, int]], fines: Floats) -> None:
        """Make moves; back again when they cost more, fines for what is beyond included."""
        back = [(task, int(self.state.place[task])) for task, _ in moves]
        before = self.cost + self._fined(fines)
        for task, machine in moves:
            move(self.shared, self.inside, task, machine)
        cost = total(self.of, self.state)
        if cost + self._fined(fines) > before:
            for task, machine in back:
                move(self.shared, self.inside, task, machine)
            return
        self.cost = cost
        self.beyond = self._units_beyond()
        if self.beyond == 0 and cost < self.best_cost:
            self.best_cost = cost
            self.best[:] = self.state.place

    def _units_beyond(self) -> int:
        """The units that are beyond capacities."""
        return int(np.maximum(0, self.state.held - self.of.capacity).sum())

    def _fined(self, fines: Floats) -> float:
        """The fines for all that is beyond capacities."""
        beyond = np.maximum(0, self.state.held - self.of.capacity)
        return float((beyond * fines).sum())


def warm() -> None:
    """Compile every kernel, or load it from disk, on two tasks: what follows is quick then.

    Half a minute the first time on a machine, a second afterwards.
    """
    of = instance(
        kind=np.zeros(2, np.int32),
        service=np.zeros(1, np.int32),
        use=np.ones((1, 1), np.int64),
        capacity=np.full((2, 1), 2, np.int64),
    )
    chain = Chain(of, np.full(2, NOWHERE, np.int32), 0)
    chain.complete(np.arange(2, dtype=np.int32), float("inf"), lambda: False)
    chain.heat()
    chain.anneal(2, 1.0, 0.5)


def improve(
    of: Instance,
    place: Smalls,
    *,
    time_limit: float,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
    bound: float = 0.0,
    planned: int | None = None,
) -> Result:
    """A better placement than the feasible one given, `place` [P] machines by task.

    `on_progress` gets the best cost and the bound after each round that found
    better; `stop` is asked before each round. Never worse than what was given. `planned`
    rounds, where not as many as fit the time by `ROUND_SECONDS`.
    """
    warm()
    search = Search(of, place, time_limit=time_limit, seed=seed, planned=planned, stop=stop)
    told = float("inf")

    def tell() -> None:
        nonlocal told
        best = min(chain.best_cost for chain in search.chains)
        if on_progress is not None and best < told:
            told = best
            on_progress(best, bound)

    tell()
    with ThreadPoolExecutor(CHAINS) as pool:
        annealed = [pool.submit(search.anneal, number) for number in range(CHAINS)]
        while wait(annealed, timeout=ROUND_SECONDS).not_done:
            tell()
        done = sum(each.result() for each in annealed) // CHAINS
        while done < search.planned and search.goes_on:
            for each in [pool.submit(search.solve, number) for number in range(CHAINS)]:
                each.result()
            done = min(search.planned, done + SOLVING)
            search.exchange(done)
            tell()
    winner = min(search.chains, key=lambda chain: chain.best_cost)
    return Result(
        place=winner.best,
        cost=winner.best_cost,
        rounds=done,
        planned=search.planned,
        seconds=time.perf_counter() - search.started,
        clock=done < search.planned,
    )


class Search:
    """Chains side by side, the rounds planned for them, and the time they have."""

    def __init__(
        self,
        of: Instance,
        place: Smalls,
        *,
        time_limit: float,
        seed: int,
        planned: int | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.started, self.time_limit, self._stop = time.perf_counter(), time_limit, stop
        self.place = place
        self.chains = [Chain(of, place, seed * CHAINS + number) for number in range(CHAINS)]
        self.planned = planned or max(4, round(time_limit / ROUND_SECONDS))
        self.annealing = max(1, round(self.planned * ANNEALING))
        self.worse, self.steps = self.chains[0].heat(), pace(of)
        self.courses = (LENIENT, PROMPT) if of.ghost.any() else (STRICT, STRICT)

    @property
    def goes_on(self) -> bool:
        """Whether there is time, and nobody asked to stop."""
        in_time = time.perf_counter() < self.started + self.time_limit
        return in_time and not (self._stop and self._stop())

    def anneal(self, number: int) -> int:
        """Anneal one chain, alone; the rounds it came to.

        One that may go beyond capacities begins several times and goes on from the cheapest start.
        """
        chain, course = self.chains[number], self.courses[number]
        if not course.fines:
            return self._follow(chain, course, (0.0, 1.0), (0.0, 1.0))
        starts = max(1, min(STARTS, int(self.annealing * STARTING)))
        share, fine = STARTING / starts, self.worse * scheduled(course.fines, CHOSEN)
        done, found = 0, list[Start]()
        for nth in range(starts):
            if nth > 0:
                chain.begin(self.place)
            window = (nth * share, (nth + 1) * share)
            done += self._follow(chain, course, (0.0, CHOSEN), window)
            found = [min([*found, chain.start(fine)], key=lambda start: start.cost)]
        chain.resume(found[0])
        return done + self._follow(chain, course, (CHOSEN, 1.0), (STARTING, 1.0))

    def _follow(
        self,
        chain: Chain,
        course: Course,
        part: tuple[float, float],
        window: tuple[float, float],
    ) -> int:
        """Go through a part of a course in a window of the rounds and the time for annealing."""
        length = window[1] - window[0]
        rounds = max(1, round(self.annealing * length))
        reached = 0.0
        for done in range(rounds):
            if reached >= 1.0 or not self.goes_on:
                return done
            spent = (self._spent - window[0]) / length
            end = max(reached, ahead(done, rounds, spent, max(1.0, LATE * length)))
            here, there = (part[0] + (part[1] - part[0]) * at for at in (reached, end))
            chain.follow(course, self.steps, self.worse, here, there)
            reached = end
        return rounds

    @property
    def _spent(self) -> float:
        """The part of the time for annealing that is over."""
        return (time.perf_counter() - self.started) / (self.time_limit * ANNEALING)

    def solve(self, number: int) -> None:
        """A round of neighbourhoods of one chain."""
        fine = self.worse * LENIENT.fines[-1][1]
        self.chains[number].solve(ROUND_SECONDS, self.started + self.time_limit, fine)

    def exchange(self, done: int) -> None:
        """After a round of neighbourhoods all go on from the best."""
        winner = min(self.chains, key=lambda chain: chain.best_cost)
        for chain in self.chains:
            lagging = chain is not winner or chain.cost != winner.best_cost or chain.beyond > 0
            if lagging and not (chain.beyond > 0 and done / self.annealing < RELIEF):
                chain.take(winner.best, winner.best_cost)


def ahead(done: int, planned: int, spent: float, late: float = LATE) -> float:
    """How far along its course a chain is to be after its next round.

    By the rounds that are planned; where these come late, as far as the clock will be then. What
    lies between is gone through, not skipped: fines that follow too seldom end worse.

    Args:
        spent: the part of the time that is over.
        late: rounds that it may be behind before the clock decides.
    """
    if spent <= (done + late) / planned:
        return (done + 1) / planned
    return min(1.0, spent + spent / max(1, done))


def pace(of: Instance) -> int:
    """Steps of a round of annealing."""
    steps = STEPS_PER_SECOND_PLAIN if of.plain else STEPS_PER_SECOND
    if of.load_whole.any():
        steps = STEPS_PER_SECOND_SHARES
    slower = max([1, *(by for size, by in SLOWER if of.price.size >= size)])
    return int(ROUND_SECONDS * steps / slower)


def total(of: Instance, state: State) -> int:
    """What a whole placement costs, from the sums of a state."""
    placed = state.place >= 0
    kinds, places = of.kind[placed], state.place[placed]
    cost = int(state.cost.sum()) + int(of.price[kinds, places].sum())
    cost += of.moved_weight * int(state.moved_most[0])
    cost += int((of.group_points * np.maximum(0, state.span - 1)).sum())
    return cost + _links(of, state) + _bursts(of, state)


def _links(of: Instance, state: State) -> int:
    cost = 0
    for service in np.flatnonzero(np.diff(of.links.start)).tolist():
        pairs = lns.listed(of.links, service)
        for target, each in zip(pairs[::2], pairs[1::2], strict=True):
            cost += each * int(state.present[service][state.present[target] == 0].sum())
    return cost


def _bursts(of: Instance, state: State) -> int:
    from quorate.plan.search.kernels import STARVE

    cost = 0
    for spiky in np.flatnonzero(of.spiky >= 0).tolist():
        row = int(of.spiky[spiky])
        rules = of.spiky_rules[spiky] & of.victim_rules
        victims = np.flatnonzero(rules)
        for machine in np.flatnonzero(state.present[spiky]).tolist():
            cost += int(of.burst_present[row, machine])
            for victim in victims[state.present[victims, machine] > 0].tolist():
                if victim != spiky:
                    part = of.burst_share[row, machine]
                    each = round(STARVE * part * int(of.victim_cpu[victim]) / 1000)
                    cost += (
                        int(rules[victim]).bit_count() * each * int(state.present[victim, machine])
                    )
    return cost
