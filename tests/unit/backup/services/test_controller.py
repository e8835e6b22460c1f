"""The controller's own service."""

from __future__ import annotations

import json
from dataclasses import replace

from quorate.backup.jobs.needs import Secret
from quorate.serving.service import File, Wish, controller_spec

WISH = Wish(
    fleet="office",
    image="quorate:1",
    fleet_file="/fleet/fleet.yaml",
    files=(File(path="/fleet/fleet.yaml", config="quorate-fleet-v1", identity="c1"),),
    secrets=(Secret(file="nas", name="quorate-backup-nas", value=b"planted"),),
    named={"quorate-backup-nas": "quorate-backup-nas-v2"},
    ids={"quorate-backup-nas-v2": "s2"},
    networks=("monitoring",),
)


def test_one_replica_on_a_manager_with_its_engine() -> None:
    spec = controller_spec(WISH)
    task = spec["TaskTemplate"]
    assert spec["Mode"] == {"Replicated": {"Replicas": 1}}
    assert task["Placement"] == {"Constraints": ["node.role==manager"]}
    container = task["ContainerSpec"]
    assert container["Mounts"][0]["Source"] == "/var/run/docker.sock"
    assert container["Command"][:3] == ["quorate", "serve", "/fleet/fleet.yaml"]
    assert container["Secrets"][0]["SecretID"] == "s2"
    assert container["Secrets"][0]["File"]["Name"] == "nas"
    assert container["Configs"][0]["File"]["Name"] == "/fleet/fleet.yaml"
    assert spec["UpdateConfig"]["Order"] == "stop-first"
    assert "planted" not in json.dumps(spec)


def test_its_label_tells_of_a_change() -> None:
    one, same = controller_spec(WISH), controller_spec(WISH)
    other = controller_spec(replace(WISH, image="quorate:2"))
    label = "quorate.serve.spec"
    assert one["Labels"][label] == same["Labels"][label] != other["Labels"][label]
    assert one["Labels"]["quorate.serve"] == "office"
    assert "quorate.fleet" not in one["Labels"]  # `quorate up` would remove it
