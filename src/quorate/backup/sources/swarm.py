"""A swarm's own state: services, networks, configs, labels; the names of its secrets.

Not its raft directory, which can only be copied from an engine that is stopped, and is of use
only to a machine with the same address. What is here can be read, compared, and made anew in
any swarm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy import swarm_state
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, copied
from quorate.errors import MachineError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SCRIPT = "restore.sh"
KEYS = ("Name", "Driver", "Attachable", "Internal", "EnableIPv6", "Labels")


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """The swarm of a manager as a source."""

    client: DockerClient
    kind: Kind = field(default=Kind.SWARM, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Ask for everything, and write it down; see `base.DumpedSource`.

        Raises:
            MachineError: the engine does not answer, is no manager, or there is no quorum.
        """
        kept, version = self._asked()
        with base.filling(spool):
            copying = copied.Copying(into=spool / copied.TREE)
            copying.into.mkdir(mode=0o700)
            for name, content in kept.items():
                copying.write(name, content)
            script = "\n".join(("#!/bin/sh", *swarm_state.commands(kept), ""))
            copying.write(SCRIPT, script.encode())
            secrets = len(json.loads(kept["secrets.json"]))
            findings = [f"the values of {secrets} secrets are not in it"] if secrets else []
            return copied.published(spool, self.kind, version, findings)

    def _asked(self) -> tuple[dict[str, bytes], str]:
        api = self.client.api
        with docker.translated(
            "the swarm's state cannot be read",
            todo="ask a manager; `quorate status` says which ones answer",
        ):
            kept = swarm_state.files(
                swarm=api.inspect_swarm(),
                nodes=api.nodes() or (),
                services=api.services() or (),
                networks=api.networks() or (),
                configs=api.configs() or (),
                secrets=api.secrets() or (),
            )
            return kept, str(api.version().get("Version") or "")

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Read it again, each file as JSON; see `base.DumpedSource`."""
        for path in sorted((directory / copied.TREE).rglob("*.json")):
            try:
                json.loads(path.read_bytes())
            except ValueError as error:
                raise MachineError(f"{path.name} of the swarm's state is no JSON") from error
        return copied.looked_at(directory)


def restore(directory: Path, client: DockerClient) -> tuple[str, ...]:
    """Make in a swarm what it lacks: networks, configs, services; what was made, in words.

    What is there under its name stays as it is. Secrets have to be there before: their values
    are in the recovery bundle.

    Raises:
        MachineError: a secret is not there, and nothing was made; or the swarm refuses.
    """
    tree = directory / copied.TREE
    base.manifest(directory)
    api = client.api
    with docker.translated("the swarm cannot be looked at"):
        there = _names(api.configs()), _names(api.secrets()), _names(api.services())
        known = {str(one.get("Name")) for one in api.networks() or ()}
    wanted = [one["Name"] for one in json.loads((tree / "secrets.json").read_bytes())]
    lacking = [name for name in wanted if name not in there[1]]
    if lacking:
        raise MachineError(
            f"the swarm lacks {len(lacking)} secrets: {', '.join(lacking[:8])}; nothing was made",
            todo="make them from the recovery bundle (`docker secret create`), then run it again",
        )
    made = [*_networks(client, tree, known), *_configs(client, tree, there[0])]
    return (*made, *_services(client, tree, there[1], there[2]))


def _networks(client: DockerClient, tree: Path, known: set[str]) -> Iterator[str]:
    for one in _read(tree / "networks"):
        if one["Name"] in known:
            continue
        options = {k: v for k, v in (one.get("Options") or {}).items() if "vxlanid" not in k}
        body = {
            **{key: one[key] for key in KEYS if key in one},
            "Options": options,
            "IPAM": {"Config": one["Subnets"]},
        }  # fmt: skip
        docker.create(client, "/networks/create", body, f"the network {one['Name']}")
        yield f"network {one['Name']}"


def _configs(client: DockerClient, tree: Path, known: Mapping[str, str]) -> Iterator[str]:
    for path in sorted((tree / "configs").glob("*.json")):
        one = json.loads(path.read_bytes())
        if one["Name"] in known:
            continue
        with docker.translated(f"the config {one['Name']} could not be made"):
            data = path.with_suffix(".data").read_bytes()
            client.api.create_config(
                one["Name"], data, labels=one.get("Labels"), templating=one.get("Templating")
            )
        yield f"config {one['Name']}"


def _services(
    client: DockerClient, tree: Path, secrets: Mapping[str, str], known: Mapping[str, str]
) -> Iterator[str]:
    with docker.translated("the swarm's configs cannot be listed"):
        configs = _names(client.api.configs())
    for one in _read(tree / "services"):
        if one["Name"] in known:
            continue
        body = swarm_state.referred(one, configs, secrets)
        docker.create(client, "/services/create", body, f"the service {one['Name']}")
        yield f"service {one['Name']}"


def _read(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(directory.glob("*.json"))]


def _names(listed: Any) -> dict[str, str]:
    return {str(one["Spec"]["Name"]): str(one["ID"]) for one in listed or ()}
