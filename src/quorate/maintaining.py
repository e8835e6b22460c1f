"""The verbs drain, undrain, rebalance and upgrade-engines: look, ask for proofs, decide.

What they decide is an operation, which `operating` carries out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quorate import assessing
from quorate.backup.jobs.watching import Silent
from quorate.fleet.datasets import data_sets
from quorate.observe.whereabouts import where_now
from quorate.recover.maintenance import acting, homeward, upgrade
from quorate.recover.maintenance.drain import Options, choose
from quorate.recover.maintenance.scene import Scene, residents
from quorate.recover.model import Operation
from quorate.recover.site import Site
from quorate.workflows import Opened

PROVEN = "ok"


def drain(opened: Opened, place: Site, server: str, options: Options) -> Operation:
    """What drains a server, decided from what is there.

    Raises:
        UsageError, RefusedError, InfeasibleError: as `recover.maintenance.drain.choose`.
        UnreachableError, EngineError: no manager answers.
    """
    return choose(_scene(opened, place, (server,), options), server, options)


def undrain(place: Site, server: str, *, at_once: int) -> Operation:
    """What takes a server into use again.

    Raises:
        UsageError, MachineError: as `recover.maintenance.homeward.undrain`.
        UnreachableError, EngineError: no manager answers.
    """
    return homeward.undrain(acting.seen(place), server, at_once=at_once)


def rebalance(place: Site, *, at_once: int) -> Operation:
    """What brings services home.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    return homeward.rebalance(acting.seen(place), at_once=at_once)


def upgrade_engines(
    opened: Opened, place: Site, servers: Sequence[str], options: Options, *, script: str
) -> Operation:
    """What upgrades engines, server by server.

    Raises:
        UsageError, RefusedError, InfeasibleError: as `recover.maintenance.upgrade.choose_upgrade`.
        UnreachableError, EngineError: no manager answers.
    """
    names = servers or [one.name for one in opened.fleet.servers]
    scene = _scene(opened, place, names, options)
    return upgrade.choose_upgrade(scene, servers, options, script=script)


def _scene(opened: Opened, place: Site, servers: Sequence[str], options: Options) -> Scene:
    """What is there; with which data has no proven copy, where that matters."""
    scene = acting.seen(place)
    kept = {
        one.name
        for server in servers
        for one in residents(scene, server)
        if one.keeps and one.alone and not one.passing
    }
    # Asking takes jobs in the swarm: only for data that will lie on a server that is off.
    if not kept or options.unproven or not options.stop_pinned:
        return scene
    place.report.note("asking the repositories which copies are proven")
    return Scene(
        fleet=scene.fleet,
        snapshot=scene.snapshot,
        homes=scene.homes,
        unproven=unproven(opened, scene, kept),
    )


def unproven(opened: Opened, scene: Scene, services: Collection[str]) -> dict[str, str]:
    """Of services (swarm names) whose data stays behind: those without a proven copy, and why.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    if not fleet.backup.repositories:
        return dict.fromkeys(services, "the fleet file names no repository for backups")
    status = assessing.asked_of_the_swarm(opened, Silent())
    # One repository with a proven copy is enough: it is what the data would come back from.
    proofs = {
        one.id: PROVEN if PROVEN in [copy.proof for copy in one.copies] else one.proven
        for one in status.sources
    }
    sets = data_sets(fleet, where_now(fleet, scene.snapshot))
    found = {}
    for name in services:
        service = scene.service(name)
        mine = [one.id for one in sets if service is not None and service.id in one.services]
        lacking = [
            f"{one}: {proofs.get(one, 'unknown')}" for one in mine if proofs.get(one) != PROVEN
        ]
        if not mine:
            found[name] = "nothing of it is backed up"
        elif lacking:
            found[name] = f"its proof is not good ({', '.join(lacking)})"
    return found
