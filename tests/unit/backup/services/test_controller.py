"""The controller's own service."""

from __future__ import annotations

import json
from dataclasses import replace

from quorate.backup.jobs.needs import Secret
from quorate.backup.services.controller import Wish, controller_spec
from quorate.fleet.own import LABEL_SPEC, is_own

WISH = Wish(
    fleet="office",
    image="quorate:1",
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
    assert task["RestartPolicy"]["Condition"] == "any"
    container = task["ContainerSpec"]
    assert container["Mounts"][0]["Source"] == "/var/run/docker.sock"
    assert container["Command"][:4] == ["quorate", "serve", "--deployed", "/run/secrets"]
    assert container["Secrets"][0]["SecretID"] == "s2"
    assert container["Secrets"][0]["File"]["Name"] == "nas"
    assert spec["UpdateConfig"]["Order"] == "stop-first"
    assert "planted" not in json.dumps(spec)


def test_its_label_tells_of_a_change_and_ids_are_none() -> None:
    one, same = controller_spec(WISH), controller_spec(replace(WISH, ids={}))
    other = controller_spec(replace(WISH, named={"quorate-backup-nas": "quorate-backup-nas-v3"}))
    assert one["Labels"][LABEL_SPEC] == same["Labels"][LABEL_SPEC] != other["Labels"][LABEL_SPEC]
    assert is_own(one["Labels"], "office") and not is_own(one["Labels"], "other")
    assert "quorate.fleet" not in one["Labels"]  # `quorate up` would remove it
