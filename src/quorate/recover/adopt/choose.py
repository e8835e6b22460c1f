"""The steps of an adoption, and why it is refused. Pure.

Nothing is stopped that is not started again as a service, on the same server with the same named
volumes; whatever would make that untrue is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.errors import RefusedError, UsageError
from quorate.fleet.image_names import digest, full, repository
from quorate.fleet.model import Fleet, Service
from quorate.fleet.observed import Snapshot
from quorate.plan.model import Plan
from quorate.recover.adopt.match import Matches, same_image
from quorate.recover.adopt.model import Adopted, Found, KeptContainer, Mounted, OwnNetwork
from quorate.recover.adopt.order import ordered
from quorate.recover.model import Operation, Step
from quorate.stacks.model import Rendered, RenderedStack

KIND = "adopt"
READY, JOIN, RECORD, FINISH = "ready", "join", "record", "finish"
STOP, START = "stop:", "start:"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is looked at. `networks`: server → the names of its engine's own networks.

    `rendered` are the stack files as they would be deployed by `plan`.
    """

    fleet: Fleet
    plan: Plan
    rendered: Rendered
    snapshot: Snapshot
    matches: Matches
    networks: Mapping[str, frozenset[str]]


def choose(scene: Scene, names: Sequence[str] = ()) -> Operation:
    """The operation that adopts these services; all that containers were found of, if none.

    Raises:
        UsageError: a name of no service, or of one without such containers; or there are none.
        RefusedError: something would not come along, or could not be undone; with all of it.
    """
    services = _wanted(scene, names)
    troubles = [
        f"{service.id}: {trouble}" for service in services for trouble in _troubles(scene, service)
    ]
    troubles += _collisions(scene, services)
    if troubles:
        raise RefusedError(
            "this cannot be adopted as it is; nothing was changed",
            cause="\n".join(troubles),
            todo="mend each of them, then retry; or name the services that are to be adopted",
        )
    adopted = tuple(_adopted(scene, service) for service in services)
    servers = sorted({c.server for one in adopted for c in one.containers})
    return Operation(
        kind=KIND,
        subject=adopted[0].id if len(adopted) == 1 else ", ".join(servers),
        fleet=scene.fleet.name,
        steps=tuple(_steps(scene, adopted)),
        warnings=tuple(_warnings(scene, services)),
        facts={
            "plan": scene.plan.model_dump(mode="json"),
            "adopted": [one.model_dump(mode="json") for one in adopted],
            "networks": [one.model_dump(mode="json") for one in own_networks(scene, adopted)],
        },
    )


def finishing(adopted: Sequence[Adopted]) -> Step:
    """The step after which nothing can be undone: the kept containers go."""
    names = ", ".join(c.name for one in adopted for c in one.containers)
    return Step(
        id=FINISH,
        says=f"remove the stopped containers {names}; their volumes stay",
        seconds=5,
        final=True,
    )


def networks_of(document: Mapping[str, Any], stack: str, service: str) -> dict[str, list[str]]:
    """The names of the networks a service of a stack file joins → the aliases it has there."""
    body = document["services"][service]
    joined = body.get("networks") or {"default": None}
    entries = joined if isinstance(joined, Mapping) else dict.fromkeys(joined)
    section = document.get("networks") or {}
    return {
        str((section.get(key) or {}).get("name") or f"{stack}_{key}"): list(
            (options or {}).get("aliases") or ()
        )
        for key, options in entries.items()
    }


def mounts_of(document: Mapping[str, Any], stack: str, service: str) -> tuple[Mounted, ...]:
    """What a service of a stack file mounts, volumes by the names their engine has for them."""
    section = document.get("volumes") or {}
    found = []
    for mount in document["services"][service].get("volumes") or ():
        kind, source = str(mount.get("type") or "volume"), str(mount.get("source") or "")
        if kind == "volume" and source:
            spec = section.get(source) or {}
            outside = source if spec.get("external") else f"{stack}_{source}"
            source = str(spec.get("name") or outside)
        found.append(
            Mounted(
                kind=kind,
                source=source,
                target=str(mount["target"]),
                writable=not mount.get("read_only"),
                nameless=kind == "volume" and not source,
            )
        )
    return tuple(found)


def own_networks(scene: Scene, adopted: Sequence[Adopted]) -> tuple[OwnNetwork, ...]:
    """The networks that stacks make themselves and that are not there yet."""
    found: dict[str, OwnNetwork] = {}
    for one in adopted:
        stack = _stack(scene, one.stack)
        for key, spec in (stack.document.get("networks") or {}).items():
            name = str(spec.get("name") or f"{stack.name}_{key}")
            joined = networks_of(stack.document, stack.name, one.name)
            if spec.get("external") or name in scene.snapshot.networks or name not in joined:
                continue
            ranges = (spec.get("ipam") or {}).get("config") or ()
            found[name] = OwnNetwork(
                name=name,
                stack=stack.name,
                options={k: str(v) for k, v in (spec.get("driver_opts") or {}).items()},
                internal=bool(spec.get("internal")),
                subnets=tuple(str(item["subnet"]) for item in ranges),
                labels={k: str(v) for k, v in (spec.get("labels") or {}).items()},
            )
    return tuple(found.values())


def _wanted(scene: Scene, names: Sequence[str]) -> list[Service]:
    of = scene.matches.of
    if not of:
        raise UsageError(
            "no container that runs outside of Swarm is of a service of this fleet",
            todo="`quorate init --from-docker SERVER…` writes a fleet file of what runs",
        )
    chosen = []
    for name in names:
        try:
            service = scene.fleet.service(name)
        except KeyError:
            raise UsageError(f"no service is called {name}") from None
        if service.id not in of:
            raise UsageError(f"no container that runs outside of Swarm is of the service {name}")
        chosen.append(service.id)
    return ordered(scene.fleet, {name: of[name] for name in chosen or of})


def _adopted(scene: Scene, service: Service) -> Adopted:
    stack = _stack(scene, service.stack)
    containers = scene.matches.of[service.id]
    body = stack.document["services"][service.name]
    placement = scene.plan.services[service.id]
    joins = {
        name: tuple(dict.fromkeys((service.name, *aliases)))
        for name, aliases in networks_of(stack.document, stack.name, service.name).items()
    }
    return Adopted(
        id=service.id,
        stack=service.stack,
        name=service.name,
        swarm_name=service.swarm_name,
        image=image_to_deploy(str(body["image"]), containers[0]),
        home=", ".join(dict.fromkeys(placement.homes)),
        containers=tuple(
            KeptContainer(
                id=one.id,
                name=one.name,
                server=one.server,
                restart=one.restart,
                retries=one.retries,
                joins={
                    name: tuple(dict.fromkeys((*aliases, *_aliases(one), one.name)))
                    for name, aliases in joins.items()
                }
                if joinable(one)
                else {},
            )
            for one in containers
        ),
    )


def joinable(container: Found) -> bool:
    """Whether a container has a network of its own, that others can be put beside."""
    return container.mode not in ("host", "none") and not container.mode.startswith("container:")


def image_to_deploy(image: str, container: Found) -> str:
    """The very image that runs: by its digest where a registry gave it one."""
    name, at, _ = image.partition("@")
    if at:
        return image
    mine = [d for d in container.digests if repository(d) == repository(image)]
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return f"{tagged}@{digest(mine[0])}" if mine else image


def _aliases(container: Found) -> Iterator[str]:
    for names in container.networks.values():
        yield from names


def _stack(scene: Scene, name: str) -> RenderedStack:
    return next(stack for stack in scene.rendered.stacks if stack.name == name)


def _steps(scene: Scene, adopted: Sequence[Adopted]) -> Iterator[Step]:
    yield Step(
        id=READY,
        says=f"pull {len({one.image for one in adopted})} images where they are missing; make "
        "networks, secrets, configs and labels",
        seconds=20,
        back="remove the networks that were made",
    )
    joining = sum(bool(c.joins) for one in adopted for c in one.containers)
    yield Step(
        id=JOIN,
        says=f"put {joining} containers into the networks of their services, so that they find "
        "each other on the way",
        seconds=joining,
        back="take them out of these networks",
    )
    for one in adopted:
        names = ", ".join(f"{c.name} on {c.server}" for c in one.containers)
        yield Step(
            id=f"{STOP}{one.id}",
            says=f"stop {names}; keep it, not to be started by itself",
            seconds=5,
            back=f"start {names} again, as it was",
        )
        volumes = [m.source for m in _volumes(scene, one)]
        on = f" with {', '.join(volumes)}" if volumes else ""
        yield Step(
            id=f"{START}{one.id}",
            says=f"start the service {one.id} on {one.home}{on}; wait until it is healthy",
            seconds=15,
            back=f"remove the service {one.id}",
        )
    yield Step(
        id=RECORD,
        says="note the deployment in the history",
        seconds=1,
        back="mark it there as undone",
    )


def _volumes(scene: Scene, one: Adopted) -> Iterator[Mounted]:
    stack = _stack(scene, one.stack)
    for mount in mounts_of(stack.document, one.stack, one.name):
        if mount.kind == "volume" and not mount.nameless:
            yield mount


def _troubles(scene: Scene, service: Service) -> Iterator[str]:
    """Why a service cannot take the place of its containers, each in a sentence."""
    containers = scene.matches.of[service.id]
    stack = _stack(scene, service.stack)
    body = stack.document["services"][service.name]
    if scene.snapshot.service(service.swarm_name) is not None:
        yield "it is a service of the swarm already: two would work on the same data"
    for one in containers:
        if one.removed_on_stop:
            yield f"{one.name} was started with `--rm`: stopped, it could not be started again"
        if not _runs(str(body["image"]), service, one):
            yield (
                f"{one.name} runs {one.image}, and the file says {body['image']}: adopt what runs, "
                "change it after"
            )
        yield from _mount_troubles(
            service, one, mounts_of(stack.document, stack.name, service.name)
        )
    yield from _place_troubles(scene, service, containers)


def _runs(image: str, service: Service, container: Found) -> bool:
    """Whether a container runs the image that the file names."""
    if digest(image):
        return digest(image) in {digest(one) for one in container.digests}
    named = {full(name) for name in (container.image, *container.tags) if name}
    if full(image) in named:
        return True
    # Its tag has moved on, or it was started by a digest: then only the repository is known.
    bare = not container.tags and (
        not full(container.image) or container.image.startswith("sha256:")
    )
    return bare and same_image(service, container)


def _mount_troubles(service: Service, container: Found, wanted: Sequence[Mounted]) -> Iterator[str]:
    there = {mount.target: mount for mount in wanted}
    for mount in container.mounts:
        mine = there.get(mount.target)
        if mount.kind == "tmpfs" or (mine and mine.source == mount.source and mine.source):
            continue
        if mount.nameless:
            if service.state.keeps_data:
                yield (
                    f"{container.name} has a volume without a name at {mount.target}, which would "
                    "not come along: copy it into one with a name, and mount that"
                )
        elif mount.writable:
            other = f"has {mine.source or 'one without a name'} there" if mine else "does not"
            yield (
                f"{container.name} mounts {mount.source} at {mount.target}, and the service "
                f"{other}: its data would not come along"
            )


def _place_troubles(scene: Scene, service: Service, containers: Sequence[Found]) -> Iterator[str]:
    servers = sorted({one.server for one in containers})
    keeps = any(use.local_data for use in service.volumes) and service.state.keeps_data
    homes = scene.plan.services[service.id].homes
    if keeps and len(servers) > 1:
        yield f"its containers keep data on several servers ({', '.join(servers)})"
    elif keeps and set(homes) != set(servers):
        yield (
            f"its data is on {servers[0]}, and the plan has it on {', '.join(sorted(set(homes)))}: "
            f"write `x-quorate: {{pin: {servers[0]}}}`"
        )


def _collisions(scene: Scene, services: Sequence[Service]) -> Iterator[str]:
    """Networks of one engine named like one of the fleet: tasks would join the wrong one."""
    told = set()
    for service in services:
        stack = _stack(scene, service.stack)
        for name in networks_of(stack.document, stack.name, service.name):
            where = [server for server, names in scene.networks.items() if name in names]
            if not where or name in told:
                continue
            told.add(name)
            yield (
                f"{', '.join(sorted(where))} has a network {name} of its own, which the network of "
                f"the stack {stack.name} would be taken for: give that one another name in the "
                f"compose file, as `networks: {{default: {{name: {stack.name}-services}}}}`"
            )


def _warnings(scene: Scene, services: Sequence[Service]) -> Iterator[str]:
    for service in services:
        containers = scene.matches.of[service.id]
        first = containers[0]
        names = sorted(
            name
            for name in {*first.environment, *service.environment}
            if first.environment.get(name) != service.environment.get(name)
        )
        if names:
            yield f"{service.id}: these variables are not as in {first.name}: {', '.join(names)}"
        if service.mode.value == "replicated" and service.replicas != len(containers):
            yield (f"{service.id}: {len(containers)} containers become {service.replicas} replicas")
        for one in containers:
            if not joinable(one):
                yield f"{one.name} has no network of its own: it finds no service by name meanwhile"
            if any(m.nameless for m in one.mounts) and not service.state.keeps_data:
                yield f"{one.name}: its volume without a name stays behind with it"
    for container, why in scene.matches.left:
        yield f"{container.name} on {container.server} is left as it is: {why}"
