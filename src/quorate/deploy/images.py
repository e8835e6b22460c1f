"""Images: resolved to digests first, then pulled on every server of a service's pool.

A failover must not depend on a registry: what a pool's servers hold already
starts there without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quorate.deploy.registries import Credential, auth_for, registry_of
from quorate.errors import EngineError, QuorateError
from quorate.fleet.model import Fleet, Server
from quorate.observe.connect import Answers, Connections
from quorate.plan.model import Plan
from quorate.plan.words import listed
from quorate.tools import docker, parallel
from quorate.tools.dockerimages import copy_image

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PARALLEL_LOOKUPS = 6
PULLS_PER_SERVER = 2
NOT_FOUND = 404
DISK_FULL = "no space left on device"
UNREACHED = "cannot be reached"

Progress = Callable[[str, str, str], None]
"""Called with server, image and state (`here`, `pulling`, `pulled`), from several threads."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What an image reference means now.

    `deployed` is what goes into the service: the reference with its digest, or
    the reference as it is where no registry knows it but every server that may
    need it has it (`local`).
    """

    reference: str
    deployed: str
    digest: str | None = None
    local: bool = False


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Why an image cannot be resolved or pulled; `server` is empty for a registry's answer.

    `held`: in words, that some of its servers have it, or have several of that name.
    """

    image: str
    why: str
    server: str = ""
    held: str = ""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a round of pulls did, by (server, image)."""

    here: tuple[tuple[str, str], ...] = ()
    pulled: tuple[tuple[str, str], ...] = ()
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Which servers hold an image reference: server → image id."""

    ids: Mapping[str, str] = field(default_factory=dict)


def wanted_images(fleet: Fleet, plan: Plan) -> dict[str, tuple[str, ...]]:
    """Each image reference of the fleet's Swarm services → the servers of their pools. Pure."""
    wanted: dict[str, set[str]] = {}
    for service in fleet.swarm_services():
        placement = plan.services.get(service.id)
        if placement is not None:
            servers = {*placement.pool, *placement.homes}
            wanted.setdefault(service.image, set()).update(servers)
    return {image: tuple(sorted(servers)) for image, servers in sorted(wanted.items())}


def resolve(
    connections: Connections,
    client: DockerClient,
    wanted: Mapping[str, tuple[str, ...]],
    known: Mapping[str, Credential],
) -> dict[str, Resolved]:
    """Resolve every image to a digest, by asking the registries through a manager's engine.

    Args:
        wanted: image → servers that may need it (those that answer).
        known: credentials by registry host.

    Raises:
        EngineError: naming every image that neither a registry knows nor all
            its servers hold alike.
    """
    images = tuple(wanted)
    looked = parallel.run(
        lambda image: look_up(client, image, known), images, limit=PARALLEL_LOOKUPS
    )
    answers = dict(zip(images, looked, strict=True))
    resolved = {image: a for image, a in answers.items() if isinstance(a, Resolved)}
    failed = {image: a for image, a in answers.items() if isinstance(a, Failed)}
    if failed:
        held = _held(connections, {image: wanted[image] for image in failed})
        resolved |= {i: local(i) for i in failed if held_by_all(held[i], wanted[i])}
        raise_failed(
            [
                replace(failure, held=held_in_part(held[image], wanted[image]))
                for image, failure in failed.items()
                if image not in resolved
            ]
        )
    return resolved


def look_up(client: DockerClient, image: str, known: Mapping[str, Credential]) -> Resolved | Failed:
    """Ask the image's registry for its digest."""
    if "@sha256:" in image:
        return Resolved(reference=image, deployed=image, digest=image.partition("@")[2])
    try:
        found = client.api.inspect_distribution(image, auth_config=auth_for(image, known))
        digest = str(found["Descriptor"]["digest"])
    except docker.engine_errors() as error:
        return Failed(image=image, why=explain(docker.words(error), image))
    except (KeyError, TypeError):
        return Failed(image=image, why="its registry gave no digest")
    return Resolved(reference=image, deployed=f"{tagged(image)}@{digest}", digest=digest)


def tagged(image: str) -> str:
    """The reference with its tag, `latest` where it has none."""
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def local(image: str) -> Resolved:
    """An image that only the servers have."""
    return Resolved(reference=image, deployed=image, local=True)


def held_by_all(presence: Presence, servers: Iterable[str]) -> bool:
    """Whether all these servers hold the same image under this reference."""
    ids = {presence.ids.get(server) for server in servers}
    return len(ids) == 1 and None not in ids


def held_in_part(presence: Presence, servers: Iterable[str]) -> str:
    """How servers hold an image that they do not all hold alike; empty: none does. Pure."""
    wanted = sorted(set(servers))
    having = [server for server in wanted if server in presence.ids]
    missing = [server for server in wanted if server not in presence.ids]
    if having and missing:
        return f"of its servers {_have(having)} one, and {_have(missing)} none"
    return f"{listed(having)} have different ones under that name" if having else ""


def _have(names: Sequence[str]) -> str:
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'}"


def hand_over(
    connections: Connections, image: str, servers: Iterable[str], say: Callable[[str], None]
) -> bool:
    """Copy an image that no registry has from a server of the fleet to those that lack it.

    Whether all of them have it then: not where no server has it, or several have different ones.

    Raises:
        EngineError: a copy failed. UnreachableError: a server does not answer.
    """
    every = tuple(server.name for server in connections.fleet.servers)
    held = _held(connections, {image: every})[image]
    if len(set(held.ids.values())) != 1:
        return False
    source = min(held.ids)
    for server in sorted(set(servers) - held.ids.keys()):
        say(f"copying {image} from {source} to {server}, as no registry has it")
        copy_image(connections.client(source), connections.client(server), image)
    return True


def pull(
    connections: Connections,
    wanted: Mapping[str, tuple[str, ...]],
    known: Mapping[str, Credential],
    progress: Progress = lambda server, image, state: None,
) -> Pulled:
    """Pull images (by their deployed references) where they are missing, servers in parallel.

    Args:
        wanted: deployed reference → servers that need it.
        progress: see `Progress`.

    Failures do not stop the other pulls; they are in the answer
    (`raise_failed` makes them an error).
    """
    per_server: dict[str, list[str]] = {}
    for image, servers in wanted.items():
        for name in servers:
            per_server.setdefault(name, []).append(image)

    def one_server(server: Server, client: DockerClient) -> list[str | Failed]:
        return parallel.run(
            lambda image: pull_one(client, server.name, image, known, progress),
            per_server[server.name],
            limit=PULLS_PER_SERVER,
        )

    return _summary(connections.each(one_server, per_server), per_server)


def raise_failed(failures: Iterable[Failed]) -> None:
    """Raise one error for all failures, if there are any.

    Raises:
        EngineError: naming each image (and server) and why.
    """
    found = list(failures)
    if not found:
        return
    said = [
        f"{f.image}"
        + (f" on {f.server}" if f.server else "")
        + f": {f.why}"
        + (f"; {f.held}" if f.held else "")
        for f in found
    ]
    full = sorted({f.server for f in found if DISK_FULL in f.why.lower()})
    todo = "correct the image's name or tag, or the registry's credentials (`registries:`)"
    if all(UNREACHED in failure.why for failure in found):
        todo = "see that the registry runs, and that the servers can resolve and reach it"
    elif full:
        todo = f"free disk on {', '.join(full)} (`docker system df` there says what uses it)"
    if any(failure.held for failure in found):
        todo += (
            "; or load the same one on every server: `docker save IMAGE | ssh SERVER docker load`"
        )
    if len(found) == 1:
        raise EngineError(f"no image {said[0]}", todo=todo)
    count = len({failure.image for failure in found})
    what = f"{count} images cannot be had" if count > 1 else f"{found[0].image} cannot be had"
    raise EngineError(what, cause="\n".join(said), todo=todo)


def explain(said: str, image: str) -> str:
    """A registry's or engine's refusal, in words that tell what to do about it."""
    lowered = said.lower()
    registry = registry_of(image)
    if DISK_FULL in lowered:
        return f"the disk is full ({DISK_FULL})"
    if "manifest unknown" in lowered or "not found" in lowered:
        return f"{registry} has no such image or tag ({said})"
    if "unauthorized" in lowered or "denied" in lowered or "authentication" in lowered:
        return f"{registry} refuses it: it does not exist, or credentials are missing ({said})"
    if any(w in lowered for w in ("no such host", "dial tcp", "timeout", "deadline", "refused")):
        return f"the registry {registry} {UNREACHED} ({said})"
    return said


def pull_one(
    client: DockerClient,
    server: str,
    image: str,
    known: Mapping[str, Credential],
    progress: Progress,
) -> str | Failed:
    """`here`, `pulled` or why not."""
    try:
        if image_id(client, image) is not None:
            progress(server, image, "here")
            return "here"
        progress(server, image, "pulling")
        stream = client.api.pull(
            pullable(image), stream=True, decode=True, auth_config=auth_for(image, known)
        )
        for line in stream:
            if line.get("error"):
                return Failed(image=image, why=explain(str(line["error"]), image), server=server)
    except docker.engine_errors() as error:
        return Failed(image=image, why=explain(docker.words(error), image), server=server)
    progress(server, image, "pulled")
    return "pulled"


def image_id(client: DockerClient, image: str) -> str | None:
    """The id of an image an engine holds; None when it does not hold it."""
    try:
        return str(client.api.inspect_image(image).get("Id") or "") or None
    except docker.engine_errors() as error:
        if docker.status_of(error) == NOT_FOUND:
            return None
        raise


def pullable(image: str) -> str:
    """A reference with tag and digest, as the pull call takes it: the digest alone."""
    name, at, digest = image.partition("@")
    if not at:
        return tagged(image)
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"


def _held(connections: Connections, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, Presence]:
    servers = {name for names in wanted.values() for name in names}
    answers = connections.each(
        lambda server, client: {image: image_id(client, image) for image in wanted}, servers
    )
    return {
        image: Presence(
            ids={
                server: identity
                for server, found in answers.results.items()
                if (identity := found[image]) is not None
            }
        )
        for image in wanted
    }


def _summary(answers: Answers[list[str | Failed]], per_server: Mapping[str, list[str]]) -> Pulled:
    done: dict[str, list[tuple[str, str]]] = {"here": [], "pulled": []}
    failed: list[Failed] = []
    for server, results in answers.results.items():
        for image, result in zip(per_server[server], results, strict=True):
            if isinstance(result, Failed):
                failed.append(result)
            else:
                done[result].append((server, image))
    failed += [_unreached(server, error) for server, error in answers.errors.items()]
    return Pulled(here=tuple(done["here"]), pulled=tuple(done["pulled"]), failed=tuple(failed))


def _unreached(server: str, error: QuorateError) -> Failed:
    return Failed(image="any image", why=error.what, server=server)
