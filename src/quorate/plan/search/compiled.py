"""Instances and states as the compiled kernels take them: one reference instead of fifty arrays.

Numba compiles a named tuple of arrays about four times as slowly as a structure that
is passed by reference, and what it compiles is five times slower. The arrays are
the same ones: what a kernel changes, the named tuple shows.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numba.core import types
from numba.experimental import structref

from quorate.plan.search.arrays import Instance
from quorate.plan.search.state import State


class _Structure(types.StructRef):
    def preprocess_fields(self, fields: Any) -> Any:
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


@structref.register
class _InstanceType(_Structure):
    pass


@structref.register
class _StateType(_Structure):
    pass


class _Instance(structref.StructRefProxy):
    pass


class _State(structref.StructRefProxy):
    pass


structref.define_proxy(_Instance, _InstanceType, list(Instance._fields))
structref.define_proxy(_State, _StateType, list(State._fields))


@njit(cache=True)
def _instance(
    kind,
    origin,
    service,
    use,
    ghost,
    price,
    allowed,
    everywhere,
    choices,
    capacity,
    transient,
    neighbourhood,
    location,
    load_resource,
    load_whole,
    load_start,
    step_start,
    step_slope,
    step_at,
    balance,
    most,
    locations,
    needs,
    needed,
    near,
    nearby,
    apart,
    exclusive,
    exclusive_count,
    moved_weight,
    groups,
    group_points,
    group_fixed,
    links,
    linked,
    spiky,
    burst_share,
    burst_present,
    spiky_rules,
    victim_rules,
    victim_cpu,
    plain,
    plain_slope,
    plain_at,
):
    return _Instance(
        kind,
        origin,
        service,
        use,
        ghost,
        price,
        allowed,
        everywhere,
        choices,
        capacity,
        transient,
        neighbourhood,
        location,
        load_resource,
        load_whole,
        load_start,
        step_start,
        step_slope,
        step_at,
        balance,
        most,
        locations,
        needs,
        needed,
        near,
        nearby,
        apart,
        exclusive,
        exclusive_count,
        moved_weight,
        groups,
        group_points,
        group_fixed,
        links,
        linked,
        spiky,
        burst_share,
        burst_present,
        spiky_rules,
        victim_rules,
        victim_cpu,
        plain,
        plain_slope,
        plain_at,
    )


def instance(of: Instance) -> Instance:
    """The same arrays, by reference, for the kernels."""
    made: Instance = _instance(*of)
    return made


@njit(cache=True)
def _state(
    place,
    used,
    held,
    load,
    cost,
    present,
    at_location,
    spread,
    in_neighbourhood,
    exclusive,
    group,
    span,
    moved,
    moved_at,
    moved_most,
    first,
    next,
    previous,
):
    return _State(
        place,
        used,
        held,
        load,
        cost,
        present,
        at_location,
        spread,
        in_neighbourhood,
        exclusive,
        group,
        span,
        moved,
        moved_at,
        moved_most,
        first,
        next,
        previous,
    )


def state(of: State) -> State:
    """The same arrays, by reference, for the kernels."""
    made: State = _state(*of)
    return made
