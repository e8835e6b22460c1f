"""A thin door to OR-Tools CP-SAT: integer variables, linear constraints, one objective.

The public Python layer (`ortools.sat.python.cp_model`) imports pandas and numpy,
1.4 to 2 s on a small machine and of no use here. This module builds the same
protocol buffers with the package's compiled half, which imports in 0.1 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

from ortools.sat.python import cp_model_helper as native

MINUS_INFINITY = -(2**62)

POLL_SECONDS = 0.05
"""How often somebody is asked whether to stop."""

Term = tuple[int, int]
"""A coefficient and a variable's index."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the solver found. `status`: optimal, feasible, infeasible or unknown.

    `values` by variable; `core` are the assumed variables that together are
    impossible (a superset of some minimal set), when infeasible. `stopped`: ended by
    request, before its time and without a proof. `effort` in the solver's deterministic seconds.
    """

    status: str
    objective: int = 0
    bound: int = 0
    seconds: float = 0.0
    effort: float = 0.0
    values: tuple[int, ...] = ()
    core: tuple[int, ...] = ()
    stopped: bool = False


class Model:
    """A model under construction; variables are indices."""

    def __init__(self) -> None:
        self._proto: Any = native.CpModelProto()
        self._lower: list[int] = []
        self._objective: dict[int, int] = {}
        self._offset = 0

    def integer(self, lower: int, upper: int) -> int:
        """A new integer variable between both bounds, included."""
        self._proto.variables.add().domain.extend([lower, upper])
        self._lower.append(lower)
        return len(self._lower) - 1

    def at_most(self, terms: Iterable[Term], bound: int, *, when: int | None = None) -> None:
        """Σ coefficient × variable ≤ bound (only while the boolean `when` holds)."""
        self._linear(terms, MINUS_INFINITY, bound, when)

    def equal(self, terms: Iterable[Term], value: int) -> None:
        """Σ coefficient × variable = value."""
        self._linear(terms, value, value, None)

    def minimise(self, terms: Iterable[Term], constant: int = 0) -> None:
        """Add to the sum that is minimised."""
        for coefficient, variable in terms:
            self._objective[variable] = self._objective.get(variable, 0) + coefficient
        self._offset += constant

    def assume(self, variables: Iterable[int]) -> None:
        """Booleans to hold while solving; a conflict names some of them."""
        self._proto.assumptions.extend(list(variables))

    def hint(self, values: Mapping[int, int]) -> None:
        """A solution to start from; it may be wrong or partial."""
        self._proto.solution_hint.vars.extend(list(values))
        self._proto.solution_hint.values.extend(list(values.values()))

    def solve(
        self,
        *,
        time_limit: float,
        seed: int = 0,
        workers: int = 1,
        parameters: str = "",
        on_solution: Callable[[float, float], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Answer:
        """Solve; deterministic for the same model, seed and workers within the time limit.

        `parameters` are further solver parameters in text format; `on_solution`
        receives the objective and the bound of each better solution. `stop` is asked
        while solving; with it, Ctrl-C too ends the search at once.
        """
        if self._objective:
            self._proto.objective.vars.extend(list(self._objective))
            self._proto.objective.coeffs.extend(list(self._objective.values()))
            self._proto.objective.offset = float(self._offset)
        settings = native.SatParameters()
        text = f"random_seed: {seed} num_workers: {workers} max_time_in_seconds: {time_limit} "
        # Else the solver takes Ctrl-C over, and afterwards it would end the process
        # without a word: no lock released, no connection closed.
        text += "catch_sigint_signal: false "
        if not settings.merge_text_format(text + parameters):
            raise ValueError(f"not understood by the solver: {text}{parameters}")
        wrapper: Any = native.SolveWrapper()
        wrapper.set_parameters(settings)
        # The wrapper does not keep the listener alive: hold it until the end.
        listener = None if on_solution is None else _listener(on_solution)
        if listener is not None:
            wrapper.add_solution_callback(listener)
        if stop is None:
            response, stopped = wrapper.solve(self._proto), False
        else:
            response, stopped = _watched(wrapper, self._proto, stop)
        if listener is not None:
            wrapper.clear_solution_callback(listener)
        answer = self._answer(response)
        return replace(answer, stopped=stopped and answer.status in ("feasible", "unknown"))

    def _answer(self, response: Any) -> Answer:
        status = str(response.status.name).lower()
        if status == "model_invalid":
            raise ValueError(native.CpSatHelper.validate_model(self._proto))
        found = status in ("optimal", "feasible")
        helper = native.ResponseHelper
        return Answer(
            status=status,
            objective=round(response.objective_value) if self._objective else self._offset,
            bound=round(response.best_objective_bound) if self._objective else self._offset,
            seconds=response.wall_time,
            effort=response.deterministic_time,
            values=tuple(response.solution) if found else (),
            core=tuple(helper.sufficient_assumptions_for_infeasibility(response))
            if status == "infeasible"
            else (),
        )

    def _linear(self, terms: Iterable[Term], lower: int, upper: int, when: int | None) -> None:
        merged: dict[int, int] = {}
        for coefficient, variable in terms:
            merged[variable] = merged.get(variable, 0) + coefficient
        constraint = self._proto.constraints.add()
        if when is not None:
            constraint.enforcement_literal.append(when)
        constraint.linear.vars.extend(list(merged))
        constraint.linear.coeffs.extend(list(merged.values()))
        constraint.linear.domain.extend([lower, upper])


def _watched(wrapper: Any, proto: Any, stop: Callable[[], bool]) -> tuple[Any, bool]:
    """The solver's response, and whether it was stopped.

    It runs on a thread of its own: Python handles signals on the main thread only,
    and not while that is inside the solver.
    """
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(wrapper.solve(proto))
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=run, name="cp-sat", daemon=True)
    thread.start()
    stopped = False
    try:
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            # Asked again each time: a search that has not begun yet does not hear it.
            if stopped or (thread.is_alive() and stop()):
                stopped = True
                wrapper.stop_search()
    except BaseException:
        while thread.is_alive():
            wrapper.stop_search()
            thread.join(POLL_SECONDS)
        raise
    if failed:
        raise failed[0]
    return found[0], stopped


def _listener(on_solution: Callable[[float, float], None]) -> Any:
    class Listener(native.SolutionCallback):
        def OnSolutionCallback(self) -> None:
            on_solution(self.ObjectiveValue(), self.BestObjectiveBound())

    return Listener()
