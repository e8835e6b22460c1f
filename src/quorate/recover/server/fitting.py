"""Whether the fleet, as it is after a recovery, has a placement. Pure.

Found out before anything is changed: afterwards the lost server is forgotten, its data is
restored, and a service that fits nowhere would be met only then.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.errors import InfeasibleError, RefusedError
from quorate.fleet.constraints import allows, parse_constraint
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Fleet, Mode, Server, Service
from quorate.plan.solve import make_plan
from quorate.recover.server.lost import lived_there
from quorate.recover.server.onto import remapped
from quorate.recover.server.sight import Sight


def bound(sight: Sight) -> dict[str, tuple[str, ...]]:
    """Service id → its servers, of whoever uses data that goes to another server.

    They live where that goes: anywhere else they would start empty. Nobody is bound on a new
    machine under the lost one's name, where what was at home is at home again.
    """
    if not sight.onto:
        return {}
    users = {one.id: one.services for one in data_sets(sight.fleet, sight.homes)}
    names = {name for one in lived_there(sight) for name in users.get(one.source.id, ())}
    found = {}
    for service in sight.fleet.swarm_services():
        if service.id in names and service.mode is Mode.REPLICATED:
            homes = sight.homes.get(service.id) or (sight.name,)
            moved = (sight.target if home == sight.name else home for home in homes)
            found[service.id] = tuple(dict.fromkeys(moved))
    return found


def fleet_after(sight: Sight) -> Fleet:
    """The fleet as it is brought home."""
    return remapped(sight.fleet, sight.name, sight.target, bound(sight))


def with_plan(sight: Sight) -> Sight:
    """The sight with where everything is to live afterwards.

    Raises:
        RefusedError: onto another server, not everything has a place; with what does not and why.
        InfeasibleError: the fleet file has no placement even with the lost server back.
        QuorateError: none was found in the time that the planner has.
    """
    fleet = fleet_after(sight)
    try:
        plan = make_plan(fleet, current=sight.homes)
    except InfeasibleError as error:
        if not sight.onto:
            raise
        raise RefusedError(
            f"{sight.target} cannot take the place of {sight.name}: {error.what}; nothing was "
            "changed",
            cause="\n".join(error.conflict) or None,
            todo=_todo(sight, fleet),
        ) from error
    return replace(sight, after={name: one.homes for name, one in plan.services.items()})


def _todo(sight: Sight, fleet: Fleet) -> str:
    other = f"get a new machine for {sight.name}, or take another server with --onto"
    labels = lacking(sight, fleet)
    if not labels:
        return f"{other}; or have the services ask for less in their files"
    written = ", ".join(f"{key}: {value}" for key, value in sorted(labels.items()))
    return (
        f"if {sight.target} is fit for what these labels say, give it them in "
        f"{sight.fleet.path.name}, `labels: {{{written}}}`, and run this again; if not, {other}"
    )


def lacking(sight: Sight, fleet: Fleet) -> dict[str, str]:
    """The labels of the lost server that services need, where no server left for them has those."""
    lost, target = sight.fleet.server(sight.name), fleet.server(sight.target)
    found: dict[str, str] = {}
    for service in fleet.swarm_services():
        left = [one for one in fleet.servers if not service.pins or one.name in service.pins]
        if target in left and all(_unmet(service, one) for one in left):
            unmet = _unmet(service, target).keys() - _unmet(service, lost).keys()
            found |= {label: lost.labels[label] for label in unmet}
    return found


def _unmet(service: Service, server: Server) -> dict[str, str]:
    """The labels with their values that a service asks for and a server has not."""
    found = {}
    for text in service.constraints:
        try:
            asked = parse_constraint(text)
        except ValueError:
            continue
        if asked.label is not None and asked.equal and not allows(asked, server):
            found[asked.label] = asked.value
    return found
