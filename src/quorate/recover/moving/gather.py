"""What has to be known before a move is chosen: asked of the swarm, the engines, the planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.deploy import record
from quorate.deploy.goal import patience
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Server
from quorate.observe.locate import find_service
from quorate.observe.whereabouts import where_now
from quorate.plan.solve import make_plan
from quorate.plan.whatif.scope import DISK_RATES, LINK, LINK_USABLE
from quorate.recover.model import Operation
from quorate.recover.moving import choose
from quorate.recover.moving.choose import Seen, Wish
from quorate.recover.moving.model import Move, Pair
from quorate.recover.moving.movers import Movers
from quorate.recover.moving.spec import WAIT
from quorate.recover.unfinished import refuse_unfinished
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

PLAN_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a move is to be made. `measure`: the way between the servers, by a short transfer."""

    over: tuple[str, ...] = ()
    measure: bool = False


def wishes(place: Site, names: Sequence[str], target: str) -> tuple[Wish, ...]:
    """What is asked, by the services' ids.

    Raises:
        UsageError: a name that is no service's.
    """
    found = [find_service(place.fleet, name).id for name in names]
    if len(set(found)) != len(found):
        raise UsageError("a service is named twice")
    return tuple(Wish(service=name, target=target) for name in found)


def chosen(place: Site, asked: Sequence[Wish], options: Options) -> Operation:
    """The move, chosen from what is seen now.

    Raises:
        LockedError: another operation is not over.
        UsageError, RefusedError, QuorateError: as `choose.operation`.
        UnreachableError, EngineError: no manager answers.
    """
    fleet, report = place.fleet, place.report
    report.phase("looking at the swarm")
    client = place.client()
    refuse_unfinished(fleet, place.lab, client)
    snapshot = place.snapshot()
    last = record.last_applied(client, fleet=fleet.name)
    if last is None:
        raise RefusedError(
            "nothing of this fleet was deployed by Quorate yet; nothing was changed",
            cause="without a record of homes the next `quorate up` would not know of the move",
            todo="run `quorate up` first",
        )
    where = where_now(fleet, snapshot)
    rough = Seen(snapshot=snapshot, homes=last.homes, rate=_assumed(), run="")
    # What can be refused at once is, before anybody is asked anything that takes long.
    choose.operation(fleet, asked, rough)
    servers = {wish.target for wish in asked}
    servers |= {at for wish in asked for at in where.get(wish.service, ())}
    report.phase("asking the servers for their volumes")
    volumes = place.connections.each(_volumes, servers)
    for error in volumes.errors.values():
        raise error
    sizes = place.connections.each(_sizes, servers)
    report.phase("planning with the services at their new homes")
    plan = make_plan(fleet, current=choose.homes_after(last.homes, asked), time_limit=PLAN_SECONDS)
    run = f"move:{'+'.join(wish.service for wish in asked)}@{clock.now():%Y-%m-%dT%H:%M:%SZ}"
    pairs = {(where[wish.service][0], wish.target) for wish in asked}
    rate = min(_rate(place, pair, run) for pair in pairs) if options.measure else None
    return choose.operation(
        fleet,
        asked,
        Seen(
            snapshot=snapshot,
            homes=last.homes,
            volumes=volumes.results,
            sizes={
                (server, name): size
                for server, found in sizes.results.items()
                for name, size in found.items()
            },
            rate=rate or _assumed(),
            measured=rate is not None,
            after={name: placement.homes for name, placement in plan.services.items()},
            over=options.over,
            run=run,
            patience={
                service.swarm_name: patience(service.raw) for service in fleet.swarm_services()
            },
        ),
    )


def _assumed() -> float:
    return min(LINK * LINK_USABLE, DISK_RATES["ssd"])


def _volumes(server: Server, client: DockerClient) -> frozenset[str]:
    del server
    listed = client.api.volumes().get("Volumes") or ()
    return frozenset(str(volume["Name"]) for volume in listed)


def _sizes(server: Server, client: DockerClient) -> dict[str, int]:
    """The engine reads every volume for this; one that takes too long is not waited for."""
    del server
    listed = client.api.df().get("Volumes") or ()
    found = {str(one["Name"]): (one.get("UsageData") or {}).get("Size") for one in listed}
    return {name: int(size) for name, size in found.items() if size is not None and size >= 0}


def _rate(place: Site, pair: tuple[str, str], run: str) -> float:
    """Bytes per second between two servers, seen in a short transfer."""
    source, target = pair
    move = Move(
        run=f"{run}:measure", moved=(), pairs=(Pair(source=source, target=target),), down=0.0
    )
    movers = Movers(place=place, move=move)
    place.report.phase(f"measuring the way from {source} to {target}")
    try:
        movers.start()
        return float(movers.ask(move.pairs[0], WAIT, "rate", {})["rate"])
    finally:
        try:
            movers.remove()
        except QuorateError as error:
            place.report.note(f"what measured could not be removed: {error.what}")
