"""Which services two replicas would spare any gap when a server is lost, and what they cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

from quorate.fleet.model import Engine, Fleet, Mode, Service, State
from quorate.plan.model import Plan
from quorate.plan.reserve import reservation
from quorate.plan.scene import scene
from quorate.plan.whatif.settle import settle
from quorate.plan.whatif.side import Side, side_of
from quorate.plan.words import listed
from quorate.predict.losses import Losses
from quorate.predict.tune_losses import every, fullest, mean
from quorate.predict.tune_model import Doubled, Replicas
from quorate.predict.tune_room import tight, unplaced

Gaps = list[tuple[Mapping[str, float], float]]


def replicas(fleet: Fleet, plan: Plan, losses: Losses) -> Replicas:
    """Every production service without state and with one replica, tried with two.

    The second one goes where it costs least and nothing has to move for it. All are tried at once,
    as one that needs another goes on only where that one does.

    Args:
        losses: of the plan, with the settings that are to be.
    """
    homes = {name: placement.homes for name, placement in plan.services.items()}
    single = [service.id for service in fleet.services if _single(service, fleet)]
    first = _twice(fleet, homes, single)
    cut = _cut(first)
    kept = {name: _why(name, first, cut) for name in single}
    chosen = [name for name in single if not kept[name]]
    last = _twice(fleet, homes, chosen)
    gaps = _gaps(sorted({homes[name][0] for name in chosen}), losses)
    full = fullest(losses)
    fastest = max((server.speed for server in fleet.servers), default=1.0)
    return Replicas(
        single=tuple(single),
        doubled=tuple(
            Doubled(
                service=name,
                home=homes[name][0],
                beside=next(at for at in last.homes[name] if at != homes[name][0]),
                memory=reservation(fleet.service(name), fastest).memory,
                gap=_gap(name, gaps[homes[name][0]]),
            )
            for name in chosen
        ),
        kept={name: why for name, why in kept.items() if why},
        tight=tuple(
            tight(
                unplaced(losses.start, full, losses.managers),
                unplaced(scene(last.fleet, last.plan), full, losses.managers),
            )
        ),
    )


def _single(service: Service, fleet: Fleet) -> bool:
    return (
        service.engine is Engine.SWARM
        and service.mode is Mode.REPLICATED
        and service.replicas == 1
        and service.state is State.NONE
        and service.workload_class in fleet.policy.production_classes
        and not any(use.spoiled_by_two for use in service.volumes)
    )


def _twice(fleet: Fleet, homes: Mapping[str, tuple[str, ...]], names: Collection[str]) -> Side:
    """The side on which these services have a second replica, where there is a place for it."""
    services = tuple(
        service.model_copy(update={"replicas": 2}) if service.id in names else service
        for service in fleet.services
    )
    return settle(side_of(fleet.model_copy(update={"services": services}), homes), {}, mend=False)


def _cut(side: Side) -> dict[str, dict[str, tuple[str, ...]]]:
    """Service → server whose loss makes it stop, or cuts it off → the services that stop."""
    losses = Losses(scene(side.fleet, side.plan))
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for server in side.fleet.servers:
        for name, needed in losses.cut((server.name,)).items():
            found.setdefault(name, {})[server.name] = needed
    return found


def _why(name: str, side: Side, cut: Mapping[str, Mapping[str, tuple[str, ...]]]) -> str:
    """Why a service stops for a while all the same; nothing where it does not."""
    if name in side.pending or len(set(side.homes[name])) < 2:
        return "no other server may have a second one, or has room for it"
    needed = dict.fromkeys(one for stops in cut.get(name, {}).values() for one in stops)
    return f"it needs {listed(list(needed))}" if needed else ""


def _gaps(homes: Collection[str], losses: Losses) -> dict[str, Gaps]:
    """Server → of each course of its loss, until each service answers again; and its weight."""
    found: dict[str, Gaps] = {}
    for one in every(homes, losses.managers):
        courses = losses.follow((one.server,), leader=one.leader)
        mine = found.setdefault(one.server, [])
        mine += [(each, one.weight) for each in losses.answers((one.server,), courses)]
    return found


def _gap(name: str, courses: Gaps) -> float | None:
    """Mean seconds until a service answers again; None where it does not by itself."""
    times = [(each.get(name, inf), weight) for each, weight in courses]
    return None if any(at == inf for at, _ in times) else round(mean(times), 2)
