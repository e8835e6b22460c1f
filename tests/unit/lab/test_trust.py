"""What a node's engine is told about the lab's registry."""

from __future__ import annotations

import json

from quorate.lab import keys, trust
from quorate.lab.state import Lab, RegistryTrust

REGISTRY = RegistryTrust(
    address="198.18.7.2",
    names=("quay.example", "registry.lab"),
    certificate="PEM\n",
    mirrors=("https://hub.lab",),
)


def test_names_lead_to_nodes_and_registry(lab: Lab) -> None:
    lines = trust.host_lines(lab.model_copy(update={"registry": REGISTRY})).splitlines()
    assert lines[0] == "198.18.7.11 alpha"
    assert "198.18.7.2 quay.example" in lines


def test_each_name_gets_the_certificate(lab: Lab) -> None:
    trust.write_trust(lab.model_copy(update={"registry": REGISTRY}), lab.node("beta"))
    folder = keys.node_directory(lab, "beta")
    assert (folder / "certs.d" / "quay.example" / "ca.crt").read_text() == "PEM\n"
    settings = json.loads((folder / "daemon.json").read_text())
    assert settings["registry-mirrors"] == ["https://hub.lab"]


def test_names_no_longer_answered_for_lose_their_certificate(lab: Lab) -> None:
    node = lab.node("beta")
    trust.write_trust(lab.model_copy(update={"registry": REGISTRY}), node)
    trust.write_trust(lab, node)
    folder = keys.node_directory(lab, "beta")
    assert not (folder / "certs.d").exists()
    assert "registry-mirrors" not in json.loads((folder / "daemon.json").read_text())
