"""What Quorate's own services are to be, and how that differs from what runs; changes nothing.

What stands in the way of one of them is a finding and holds up neither the others nor the stacks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quorate.backup.bundle.making import seal
from quorate.backup.jobs.fleetfiles import archive
from quorate.backup.jobs.names import secret_name
from quorate.backup.jobs.needs import Secret
from quorate.backup.jobs.stores import Image
from quorate.backup.policy.wal import receivers
from quorate.backup.services.controller import Wish, controller_spec
from quorate.backup.services.form import Spec
from quorate.backup.services.given import (
    bundle_secret,
    files_secret,
    fleet_secret,
    value_secrets,
)
from quorate.backup.services.receiver import Receiving, receiver_spec, receiving
from quorate.deploy import images, versioned
from quorate.deploy.desired import desired_services
from quorate.deploy.diff import Changes, diff
from quorate.deploy.live import normal
from quorate.deploy.prepare import Scene
from quorate.deploy.preview import Beside
from quorate.deploy.registries import auth_for
from quorate.deploy.spec import PREDEFINED
from quorate.deploy.values import read_value
from quorate.deploy.versioned import Kind, Value, Version
from quorate.errors import EngineError, QuorateError
from quorate.fleet.datasets import BUNDLE, Homes
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.fleet.own import CONTROLLER, LABEL_CONTROLLER, LABEL_RECEIVER, is_own
from quorate.image.recipe import image_name
from quorate.stacks.model import Rendered
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

FAILED = ("failed", "rejected")


@dataclass(frozen=True, kw_only=True)
class Own:
    """Quorate's own services as they are to be.

    `wish`: the controller; None: it is not to be, or cannot. `receivings`: the receivers, of
    which `unready` are those whose primary is made ready first. `secrets` have their values.
    """

    image: Image = field(default_factory=lambda: Image(deployed=""))
    servers: tuple[str, ...] = ()
    wish: Wish | None = None
    receivings: tuple[Receiving, ...] = ()
    unready: tuple[Receiving, ...] = ()
    secrets: tuple[Secret, ...] = ()
    beside: Beside = field(default_factory=Beside)


def foresee(scene: Scene, rendered: Rendered, homes: Homes, *, encrypt: bool) -> Own:
    """All of it.

    Args:
        rendered: the stacks as they are deployed: they say which networks databases are in.
        homes: where services are, by the plan.
        encrypt: whether networks between these servers can be encrypted.

    Raises:
        EngineError: the swarm does not answer.
    """
    fleet, snapshot = scene.fleet, scene.snapshot
    wants = bool(fleet.backup.repositories) and fleet.backup.controller.on
    found: list[str] = []
    logs = _receivings(fleet, rendered, homes, found)
    live = live_ones(snapshot, fleet.name)
    wanted = {*([CONTROLLER] if wants else []), *(one.name for one in logs)}
    removed = tuple(sorted(set(live) - wanted))
    if not wanted:
        return Own(beside=Beside(changes=Changes(removed=removed), findings=tuple(found)))
    servers = _servers(scene, wants, logs)
    try:
        image = _image(scene, servers)
    except QuorateError as error:
        found.append(_finding("backups do not run by themselves", error))
        return Own(beside=Beside(changes=Changes(removed=removed), findings=tuple(found)))
    present = _present(scene.client, fleet.name)
    given = _given(fleet, encrypt, present, found) if wants else ()
    secrets = (*given, *(one.secret for one in logs))
    named = _names(secrets, present)
    wish = None
    if given:
        networks = fleet.backup.controller.networks
        wish = Wish(fleet=fleet.name, image=image.deployed, secrets=given, named=named,
                    networks=networks)  # fmt: skip
    own = Own(image=image, servers=servers, wish=wish, receivings=logs, secrets=secrets)
    changes = _changes(fleet, own, named, live, snapshot)
    unready = tuple(one for one in logs if _unready(one, changes, live, snapshot))
    return replace(
        own,
        unready=unready,
        beside=Beside(
            changes=replace(changes, removed=removed),
            steps=tuple(one.words for one in unready),
            findings=tuple(found),
        ),
    )


def specs(
    fleet: Fleet, own: Own, named: Mapping[str, str], ids: Mapping[str, str]
) -> dict[str, Spec]:
    """Each service in the engine's own form, by its name. Pure."""
    made = {
        one.name: receiver_spec(fleet, one, image=own.image.deployed, named=named, ids=ids)
        for one in own.receivings
    }
    if own.wish is not None:
        made[CONTROLLER] = controller_spec(replace(own.wish, named=named, ids=ids))
    return made


def live_ones(snapshot: Snapshot, fleet: str) -> dict[str, ObservedService]:
    """The fleet's controller and receivers that are there, by name. Pure."""
    return {
        one.name: one
        for one in snapshot.services
        if is_own(one.labels, fleet)
        and (LABEL_CONTROLLER in one.labels or LABEL_RECEIVER in one.labels)
    }


def _receivings(
    fleet: Fleet, rendered: Rendered, homes: Homes, found: list[str]
) -> tuple[Receiving, ...]:
    desired = desired_services(rendered)
    made = []
    for one in receivers(fleet, homes):
        spec = desired.get(fleet.service(one.service).swarm_name)
        names = sorted((spec or {}).get("networks") or ())
        try:
            made.append(receiving(fleet, one, tuple(n for n in names if n not in PREDEFINED)))
        except QuorateError as error:
            found.append("; ".join(error.lines()))
    return tuple(made)


def _servers(scene: Scene, controller: bool, logs: Sequence[Receiving]) -> tuple[str, ...]:
    """The servers that need the image, of those that answer."""
    fleet = scene.fleet
    ready = scene.snapshot.ready_hostnames() or {server.name for server in fleet.servers}
    names = [server.name for server in fleet.managers] if controller else []
    return tuple(sorted({*names, *(one.server for one in logs)} & set(ready)))


def _image(scene: Scene, servers: Sequence[str]) -> Image:
    """By its digest where a registry knows it.

    Raises:
        EngineError: neither a registry nor every server has it.
    """
    name = image_name(scene.fleet.backup)
    client = scene.client or scene.connections.client(scene.fleet.managers[0].name)
    try:
        found = images.resolve(scene.connections, client, {name: tuple(servers)}, scene.known)
    except EngineError as error:
        raise EngineError(
            error.what,
            cause=error.cause,
            todo="`quorate backup image` says how servers come by it; then `quorate up`",
        ) from error
    return Image(deployed=found[name].deployed, auth=auth_for(name, scene.known))


def _given(
    fleet: Fleet, encrypt: bool, present: Sequence[Version], found: list[str]
) -> tuple[Secret, ...]:
    """What the controller is given, with values; empty: it cannot be."""
    made = [fleet_secret(fleet, encrypt=encrypt)]
    try:
        _require_size(made[0], "the fleet's files are too large for the controller")
    except QuorateError as error:
        found.append(_finding("the controller is not deployed", error))
        return ()
    there = {version.name for version in present}
    directory = fleet.path.absolute().parent
    for one in value_secrets(fleet):
        assert one.source is not None
        try:
            value = read_value(one.name, one.source, directory=directory)
            made.append(replace(one, source=None, value=value))
        except QuorateError as error:
            # What was deployed earlier is good: not everybody who deploys knows every password.
            if one.name in there:
                made.append(replace(one, source=None))
            else:
                found.append(_finding("the controller does without", error))
    try:
        files = files_secret(archive(fleet))
        _require_size(files, "the fleet's own files are too large to be handed over")
        made.append(files)
    except QuorateError as error:
        found.append(_finding("the controller does not back up the fleet's own files", error))
    if fleet.backup.bundle is not None:
        made += _bundle(fleet, there, found)
    return tuple(made)


def _bundle(fleet: Fleet, there: Collection[str], found: list[str]) -> list[Secret]:
    """The recovery bundle, made here, where the values are; else as it was deployed last."""
    try:
        secret = bundle_secret(seal(fleet, made=clock.now()))
        _require_size(secret, "the recovery bundle is too large to be handed over")
    except QuorateError as error:
        name = secret_name(BUNDLE)
        if name not in there:
            found.append(_finding("the controller does not keep the recovery bundle", error))
            return []
        found.append(_finding("the recovery bundle stays as it was deployed last", error))
        return [Secret(file=name, name=name)]
    return [secret]


def _require_size(one: Secret, what: str) -> None:
    size = len(one.value or b"")
    if size > versioned.MAX_BYTES:
        raise EngineError(
            what,
            cause=f"packed they are {size} bytes; a secret holds {versioned.MAX_BYTES} at most",
            todo="put large files on a volume or into an image",
        )


def _present(client: DockerClient | None, fleet: str) -> tuple[Version, ...]:
    return versioned.deployed_versions(client, Kind.SECRET, fleet) if client else ()


def _names(secrets: Sequence[Secret], present: Sequence[Version]) -> dict[str, str]:
    """The deployed name that each secret will have, by its plain name. Pure."""
    newest = {version.name: version.deployed for version in present}
    named = {}
    for one in secrets:
        known = newest.get(one.name)
        if one.value is not None:
            known = versioned.choose(one.name, Value(data=one.value, same=one.same), present)
        named[one.name] = known or f"{one.name}-v{versioned.next_number(one.name, present)}"
    return named


def _changes(
    fleet: Fleet,
    own: Own,
    named: Mapping[str, str],
    live: Mapping[str, ObservedService],
    snapshot: Snapshot,
) -> Changes:
    wanted = specs(fleet, own, named, {})
    listed = {str(network["id"]): name for name, network in snapshot.networks.items()}
    return diff(
        {name: normal(spec, _by_name(spec)) for name, spec in wanted.items()},
        {name: normal(one.spec, listed) for name, one in live.items() if name in wanted},
    )


def _by_name(spec: Spec) -> dict[str, str]:
    """Networks that a wanted service names."""
    targets = [str(one["Target"]) for one in spec["TaskTemplate"].get("Networks") or ()]
    return {name: name for name in targets}


def _unready(
    one: Receiving, changes: Changes, live: Mapping[str, ObservedService], snapshot: Snapshot
) -> bool:
    """Whether its primary is to be looked after: it is new or other, or ends again and again."""
    there = live.get(one.name)
    if there is None or one.name in changes.touched:
        return True
    tasks = [task for task in snapshot.tasks if task.service_id == there.id]
    return not snapshot.running(there) and any(task.state in FAILED for task in tasks)


def _finding(what: str, error: QuorateError) -> str:
    return f"{what}: {'; '.join(error.lines())}"
