"""What the stacks need before they are deployed: names known first, things made after.

`foresee` finds out, changing nothing, what every secret, config and image will
be called; `make_ready` then makes them. Both give the same names, so the diff
a person confirms is the one that is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from quorate.deploy.configs import config_values, ensure_configs, expected_configs
from quorate.deploy.election import through_election
from quorate.deploy.images import pull, raise_failed, resolve, wanted_images
from quorate.deploy.labels import LabelChange, label_changes, set_labels
from quorate.deploy.networks import create_networks, missing_networks
from quorate.deploy.progress import Reporter
from quorate.deploy.registries import Credential
from quorate.deploy.secrets import ensure_secrets, expected_secrets, secret_values
from quorate.deploy.versioned import Value
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections
from quorate.plan.model import Plan
from quorate.stacks.model import Rendered
from quorate.stacks.secrets import bind

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The live fleet one deployment works on.

    `client` is a working manager's engine, None while there is no swarm yet;
    `known` are the registries' credentials by host.
    """

    fleet: Fleet
    connections: Connections
    client: DockerClient | None
    snapshot: Snapshot
    known: Mapping[str, Credential] = field(repr=False)


LEAST_SECRET = 6
"""Characters: a shorter one would be found, and masked, all over the place."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The values of secrets and configs by plain name; never shown."""

    secrets: Mapping[str, bytes] = field(repr=False)
    configs: Mapping[str, Value] = field(repr=False)

    @property
    def secret_words(self) -> tuple[str, ...]:
        """The secrets that are text and long enough to be told from other text, to mask."""
        texts = (value.decode(errors="ignore").strip() for value in self.secrets.values())
        return tuple(text for text in texts if len(text) >= LEAST_SECRET)


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a deployment will use and make.

    `rendered` has secret and config names and image digests filled in; `images`
    maps each deployed image reference to the servers that must hold it; `local`
    are those no registry knows, which stay as each server has them.
    """

    rendered: Rendered
    secrets: dict[str, str]
    configs: dict[str, str]
    images: dict[str, tuple[str, ...]]
    networks: tuple[str, ...]
    labels: tuple[LabelChange, ...]
    local: tuple[str, ...] = ()


def read_contents(fleet: Fleet, rendered: Rendered) -> Contents:
    """Read the value of every secret and config the stacks use.

    Raises:
        CheckError: with every one that has no value.
    """
    return Contents(secrets=secret_values(fleet, rendered), configs=config_values(fleet, rendered))


def foresee(scene: Scene, plan: Plan, rendered: Rendered, contents: Contents) -> Foreseen:
    """Everything a deployment needs, by its final name; changes nothing.

    Raises:
        EngineError: an image cannot be resolved, or a network differs.
    """
    fleet, client, snapshot = scene.fleet, scene.client, scene.snapshot
    ready = snapshot.ready_hostnames() or {server.name for server in fleet.servers}
    wanted = {
        image: tuple(name for name in servers if name in ready)
        for image, servers in wanted_images(fleet, plan).items()
    }
    asked = client or scene.connections.client(fleet.managers[0].name)
    resolved = resolve(scene.connections, asked, wanted, scene.known)
    if client is not None:
        secrets = expected_secrets(client, contents.secrets, fleet=fleet.name)
        configs = expected_configs(client, contents.configs, fleet=fleet.name)
    else:
        secrets = {name: f"{name}-v1" for name in contents.secrets}
        configs = {name: f"{name}-v1" for name in contents.configs}
    return Foreseen(
        rendered=_filled(rendered, secrets, configs, {k: v.deployed for k, v in resolved.items()}),
        secrets=secrets,
        configs=configs,
        images={resolved[image].deployed: servers for image, servers in wanted.items()},
        networks=missing_networks(rendered.networks, snapshot.networks),
        labels=label_changes(snapshot.nodes, rendered.labels),
        local=tuple(sorted(image for image, found in resolved.items() if found.local)),
    )


def _filled(
    rendered: Rendered,
    secrets: Mapping[str, str],
    configs: Mapping[str, str],
    images: Mapping[str, str],
) -> Rendered:
    stacks = []
    for stack in rendered.stacks:
        document = bind(stack.document, secrets, configs)
        services = {
            short: {**body, "image": images.get(str(body.get("image")), body.get("image"))}
            for short, body in (document.get("services") or {}).items()
        }
        filled = {**document, "services": services}
        stacks.append(stack.model_copy(update={"document": filled}))
    return rendered.model_copy(update={"stacks": tuple(stacks)})


def make_ready(
    scene: Scene, client: DockerClient, foreseen: Foreseen, contents: Contents, report: Reporter
) -> None:
    """Pull the images, make networks, secrets and configs, put labels on.

    Labels that are no longer wanted stay until the services have moved on
    (`drop_labels`): Swarm stops a task at once when its node no longer
    satisfies its constraints.

    Raises:
        EngineError: an image cannot be pulled, or the swarm refuses.
    """
    fleet, snapshot = scene.fleet, scene.snapshot
    _pull(foreseen, scene, report)
    report.phase("making networks, secrets, configs and labels")
    create_networks(client, foreseen.rendered.networks, snapshot, fleet=fleet.name)
    secrets = partial(ensure_secrets, client, contents.secrets, fleet=fleet.name)
    through_election(secrets, report.note)
    configs = partial(ensure_configs, client, contents.configs, fleet=fleet.name)
    through_election(configs, report.note)
    changes = label_changes(snapshot.nodes, foreseen.rendered.labels)
    added = [
        LabelChange(server=c.server, node_id=c.node_id, put=c.put, drop=())
        for c in changes
        if c.put
    ]
    through_election(partial(set_labels, client, tuple(added)), report.note)


def drop_labels(client: DockerClient, snapshot: Snapshot, rendered: Rendered) -> None:
    """Take off the labels that no service's constraint needs any more.

    Raises:
        EngineError: the swarm refuses.
    """
    set_labels(client, label_changes(snapshot.nodes, rendered.labels))


def _pull(foreseen: Foreseen, scene: Scene, report: Reporter) -> None:
    total = sum(len(servers) for servers in foreseen.images.values())
    report.phase(f"pulling {len(foreseen.images)} images on the servers of their pools")
    done = 0

    def progress(server: str, image: str, state: str) -> None:
        nonlocal done
        if state != "pulling":
            done += 1
            report.progress(done, total, f"{server}: {image.partition('@')[0]}")

    pulled = pull(scene.connections, foreseen.images, scene.known, progress)
    raise_failed(pulled.failed)
    if pulled.pulled:
        report.note(f"{len(pulled.pulled)} pulled, {len(pulled.here)} were there")
