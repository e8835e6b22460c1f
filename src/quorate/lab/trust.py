"""Letting the lab's nodes pull from its registry under the images' own names.

The registry answers for upstream host names (`quay.io`, `gcr.io` …): in the
nodes those names lead to its address, and its certificate authority is trusted
for them. Docker Hub's names take another way, a mirror, since engines reach it
by a name of its own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from quorate.lab import keys, machine, nodes, state
from quorate.lab.state import Lab, Node, RegistryTrust

# Logs are kept short, so that a lab cannot fill the machine's disk; without the
# userland proxy a published port costs no process of its own.
ENGINE_SETTINGS: dict[str, Any] = {
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
    "userland-proxy": False,
    "log-driver": "json-file",
    "log-opts": {"max-size": "1m", "max-file": "2"},
    "max-concurrent-downloads": 6,
}


def trust_registry(lab: Lab, registry: RegistryTrust | None) -> Lab:
    """Make every node that runs trust the registry (None: no more), the others when they start.

    Engines take it over without a restart, so running containers stay.

    Raises:
        LabError: a node that runs did not take it over.
    """
    lab = state.save(lab.model_copy(update={"registry": registry}))
    for node in lab.nodes:
        write_trust(lab, node)

    def work(node: Node) -> None:
        condition, _ = nodes.inspect(lab.engine_socket, node.container)
        if condition == "running":
            nodes.execute(lab, node.server, "/lab/engine", "trust")

    nodes.in_parallel(work, lab.nodes)
    return lab


def write_trust(lab: Lab, node: Node) -> None:
    """Write the settings, names and certificates a node's engine starts with."""
    folder = keys.node_directory(lab, node.server)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "daemon.json").write_text(json.dumps(engine_settings(lab.registry), indent=2) + "\n")
    (folder / "hosts").write_text(host_lines(lab))
    _write_certificates(folder / "certs.d", lab.registry)
    bundle = machine.certificate_bundle() if lab.upstream else None
    (folder / "ca-bundle.crt").write_bytes(bundle.read_bytes() if bundle else b"")


def engine_settings(registry: RegistryTrust | None) -> dict[str, Any]:
    """The daemon.json of a node's engine."""
    mirrors = list(registry.mirrors) if registry else []
    return {**ENGINE_SETTINGS, **({"registry-mirrors": mirrors} if mirrors else {})}


def host_lines(lab: Lab) -> str:
    """The lab's names as lines of /etc/hosts: its nodes, and its registry's names."""
    names = [(node.address, node.server) for node in lab.nodes]
    if lab.registry is not None:
        names += [(lab.registry.address, name) for name in lab.registry.names]
    return "".join(f"{address} {name}\n" for address, name in names)


def _write_certificates(folder: Path, registry: RegistryTrust | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if registry is None or not registry.certificate:
        return
    for name in registry.names:
        (folder / name).mkdir(parents=True)
        (folder / name / "ca.crt").write_text(registry.certificate)
