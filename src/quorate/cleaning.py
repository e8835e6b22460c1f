"""The verb `clean` as its visible steps: look, know what is needed, choose, ask, remove.

Whatever cannot be known (a manager, a record, a journal) ends it: what is not known to be needless
stays.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate import assessing, operating
from quorate.deploy import record
from quorate.deploy.lock import Settings, hold
from quorate.deploy.registries import credentials
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.image.recipe import image_name
from quorate.observe.connect import Answers
from quorate.observe.snapshot import observe
from quorate.recover.clean import act
from quorate.recover.clean.choose import choose, to_ask, volume_needed
from quorate.recover.clean.look import fetchable, stocks
from quorate.recover.clean.model import (
    CleanPlan,
    CleanResult,
    Removed,
    ServerPlan,
    Stock,
    VolumeWish,
)
from quorate.recover.clean.needs import Needs, Record, needs
from quorate.recover.clean.proofs import UNKNOWN, proof_words
from quorate.serving import reading
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.backup.jobs.watching import Watcher
    from quorate.backup.model import Snapshot as Copy
    from quorate.deploy.progress import Reporter
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient
    from quorate.workflows import Opened

Named = tuple[tuple[str, str], ...]
"""(server, name), as people write `SERVER:NAME`."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who is asked before anything goes: about all of it, and about each volume by itself."""

    confirm: Callable[[CleanPlan], bool]
    typed: Callable[[VolumeWish], bool]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was named beside what goes by itself."""

    containers: Named = ()
    volumes: Named = ()


def read_wish(fleet: Fleet, containers: Iterable[str], volumes: Iterable[str]) -> Wish:
    """What was written as `SERVER:NAME`.

    Raises:
        UsageError: it is not of that form, or there is no such server.
    """
    return Wish(containers=_named(fleet, containers), volumes=_named(fleet, volumes))


def clean(
    opened: Opened,
    wish: Wish,
    asking: Asking,
    *,
    watcher: Watcher,
    report: Reporter,
    dry_run: bool = False,
) -> CleanResult:
    """Look → choose → ask → look again under the fleet's lock → remove.

    Raises:
        RefusedError: not confirmed, or a volume that was named is used or needed.
        UsageError: there is no such volume or container.
        LockedError: somebody else is at it.
        UnreachableError, EngineError: no manager answers.
        QuorateError: a record or journal cannot be read.
    """
    with operating.site(opened, report) as place:
        report.phase("looking at what the servers have, and at what is needed")
        plan = _plan(opened, place, wish, watcher)
        if dry_run or plan.nothing:
            return CleanResult(plan=plan)
        if not asking.confirm(plan):
            raise RefusedError("not confirmed; nothing was removed")
        for volume in plan.volumes:
            if not asking.typed(volume):
                raise RefusedError(f"{volume.name} was not typed; nothing was removed")
        if not assessing.has_swarm(opened.fleet):
            return CleanResult(plan=plan, removed=_remove(place, wish, plan))
        settings = Settings(say=report.note)
        with hold(place.client(), what="quorate clean", settings=settings) as lock:
            lock.check()
            return CleanResult(plan=plan, removed=_remove(place, wish, plan))


def _plan(opened: Opened, place: Site, wish: Wish, watcher: Watcher) -> CleanPlan:
    seen, servers = _decided(place, wish)
    volumes = _volumes(place, wish, seen)
    if volumes:
        place.report.phase("reading what the backups have of the volumes")
        volumes = _with_proofs(opened, volumes, watcher)
    return CleanPlan(
        fleet=opened.fleet.name,
        servers=servers,
        volumes=volumes,
        unasked={server: "; ".join(error.lines()) for server, error in seen.errors.items()},
    )


def _decided(place: Site, wish: Wish) -> tuple[Answers[Stock], tuple[ServerPlan, ...]]:
    """What each server has, and what of it may go."""
    seen = stocks(place.connections)
    needed = _needs(place)
    named: dict[str, set[str]] = defaultdict(set)
    for server, name in wish.containers:
        _require(server, name, "container", {c.name for c in _of(seen, server).containers})
        named[server].add(name)
    asked = {
        image for one in seen.results.values() for image in to_ask(one, needed, named[one.server])
    }
    had = fetchable(_asker(place), asked, credentials(place.fleet)) if asked else {}
    now = clock.now()
    servers = tuple(
        choose(one, needed, had, now=now, named=named[one.server])
        for _, one in sorted(seen.results.items())
    )
    _refuse_kept(servers, wish.containers)
    return seen, servers


def _volumes(place: Site, wish: Wish, seen: Answers[Stock]) -> tuple[VolumeWish, ...]:
    """The volumes that were named.

    Raises:
        RefusedError: one is in use, or needed.
    """
    if not wish.volumes:
        return ()
    needed = _needs(place)
    found = []
    for server, name in dict.fromkeys(wish.volumes):
        there = _of(seen, server)
        _require(server, name, "volume", there.volumes)
        if why := volume_needed(there, name, needed):
            raise RefusedError(
                f"the volume {name} on {server} stays; nothing was removed", cause=why
            )
        found.append(VolumeWish(server=server, name=name, size=there.volumes[name]))
    return tuple(found)


def _remove(place: Site, wish: Wish, plan: CleanPlan) -> tuple[Removed, ...]:
    """Remove what was shown and still may go: somebody may have begun to use it meanwhile."""
    place.report.phase("looking once more, and removing")
    seen, servers = _decided(place, wish)
    shown = {(one.server, item.kind, item.id) for one in plan.servers for item in one.items}
    still = [
        one.model_copy(
            update={"items": tuple(i for i in one.items if (one.server, i.kind, i.id) in shown)}
        )
        for one in servers
    ]
    volumes = _volumes(place, wish, seen)
    done = act.remove(place.connections, still)
    return (*done, *(act.remove_volume(place.connections, volume) for volume in volumes))


def _needs(place: Site) -> Needs:
    fleet, own = place.fleet, image_name(place.fleet.backup)
    journals = list(place.in_files().all())
    if not assessing.has_swarm(fleet):
        return needs(fleet, Snapshot(taken_at=clock.now()), (), journals, own)
    client = place.client()
    journals += place.in_swarm().all()
    return needs(fleet, observe(client), _records(client), journals, own)


def _records(client: DockerClient) -> tuple[Record, ...]:
    """Every kept record, of any fleet: other fleets of the swarm go back in time, too."""
    with docker.translated("the swarm's records cannot be listed"):
        raws = list(client.api.configs(filters={"label": record.NUMBER}) or ())
    data = {str(raw["ID"]): base64.b64decode(raw["Spec"]["Data"]) for raw in raws}
    fleets = {str((raw["Spec"].get("Labels") or {}).get(record.FLEET)) for raw in raws}
    found = []
    for fleet in sorted(fleets):
        for entry in record.entries(raws, fleet):
            content = record.unpack([data[one] for one in entry.ids], entry.number)
            found.append((f"deployment {entry.number}", content.stacks))
    return tuple(found)


def _asker(place: Site) -> DockerClient:
    """The engine that asks registries: a manager's, else the first server's that answers."""
    if assessing.has_swarm(place.fleet):
        return place.client()
    return place.connections.client(place.fleet.servers[0].name)


def _with_proofs(
    opened: Opened, volumes: tuple[VolumeWish, ...], watcher: Watcher
) -> tuple[VolumeWish, ...]:
    copies, unread = _copies(opened, watcher)
    now = clock.now()
    found = []
    for one in volumes:
        words = proof_words(copies, one.name, one.server, now=now)
        if unread:
            words += f"; not read: {', '.join(sorted(unread))}" if copies else f"; {UNKNOWN}"
        found.append(one.model_copy(update={"proof": words}))
    return tuple(found)


def _copies(opened: Opened, watcher: Watcher) -> tuple[tuple[Copy, ...], Mapping[str, Any]]:
    """The copies there are, and the repositories that could not be read."""
    fleet = opened.fleet
    if not fleet.backup.repositories:
        return (), {}
    if not assessing.has_swarm(fleet):
        here = reading.read(fleet)
        return here.snapshots, here.unread
    try:
        with assessing.looking(opened, watcher) as seen:
            listed = assessing.list_copies(seen.ground)
    except QuorateError as error:
        return (), {one.name: error.what for one in fleet.backup.repositories}
    return listed.snapshots, listed.unread


def _named(fleet: Fleet, written: Iterable[str]) -> Named:
    servers = [server.name for server in fleet.servers]
    found = []
    for text in written:
        server, colon, name = text.partition(":")
        if not (colon and name) or server not in servers:
            raise UsageError(
                f"`{text}` is not of the form SERVER:NAME",
                todo=f"the servers are: {', '.join(servers)}",
            )
        found.append((server, name))
    return tuple(found)


def _of(seen: Answers[Stock], server: str) -> Stock:
    """What a server has.

    Raises:
        QuorateError: its own reason not to answer.
    """
    if server in seen.errors:
        raise seen.errors[server]
    return seen.results[server]


def _require(server: str, name: str, kind: str, there: Collection[str]) -> None:
    if name not in there:
        raise UsageError(f"there is no {kind} {name} on {server}; nothing was removed")


def _refuse_kept(servers: Iterable[ServerPlan], named: Named) -> None:
    """Refuse a container that was named and stays all the same."""
    for one in servers:
        going = {item.name for item in one.items if item.kind == "container"}
        why = {kept.name: kept.why for kept in one.kept if kept.kind == "container"}
        for server, name in named:
            if server == one.server and name not in going:
                raise RefusedError(
                    f"the container {name} on {server} stays; nothing was removed",
                    cause=why.get(name, "it runs"),
                )
