"""What of a swarm is kept and how it is made anew; of answers in the form that engines give."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quorate.backup.policy import quiesce, swarm_state
from quorate.backup.policy.quiesce import Record


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


NET, CONFIG, SECRET = "n7vxk", "c0nf", "s3cr"
SERVICE: dict[str, Any] = {
    "ID": "svc1",
    "Version": {"Index": 42},
    "UpdatedAt": "2026-03-01T00:00:00Z",
    "Spec": {
        "Name": "shop_app",
        "Labels": {"com.docker.stack.namespace": "shop"},
        "Mode": {"Replicated": {"Replicas": 3}},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "app:1",
                "Configs": [
                    {"ConfigID": CONFIG, "ConfigName": "shop_conf", "File": {"Name": "/c"}}
                ],
                "Secrets": [{"SecretID": SECRET, "SecretName": "shop_key", "File": {"Name": "k"}}],
            },
            "Networks": [{"Target": NET, "Aliases": ["app"]}],
        },
    },
}
ANSWERS: dict[str, Any] = {
    "swarm": {
        "ID": "sw",
        "Spec": {
            "Name": "default",
            "Orchestration": {"TaskHistoryRetentionLimit": 5},
            "CAConfig": {"NodeCertExpiry": 1, "SigningCAKey": "PRIVATE"},
            "EncryptionConfig": {"AutoLockManagers": True},
        },
        "JoinTokens": {"Manager": "SWMTKN-1-hidden", "Worker": "SWMTKN-1-hidden"},
    },
    "nodes": [
        {
            "ID": "b",
            "Spec": {"Role": "worker", "Availability": "drain", "Labels": {"disk": "it's fast"}},
            "Description": {"Hostname": "box2"},
        },
        {"ID": "a", "Spec": {"Role": "manager"}, "Description": {"Hostname": "box1"}},
    ],
    "services": [SERVICE],
    "networks": [
        {
            "Id": NET,
            "Name": "shop_back",
            "Scope": "swarm",
            "Driver": "overlay",
            "Attachable": True,
            "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097", "encrypted": ""},
            "Labels": {"com.docker.stack.namespace": "shop"},
            "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]},
        },
        {"Id": "i", "Name": "ingress", "Scope": "swarm", "Driver": "overlay"},
        {"Id": "d", "Name": "bridge", "Scope": "local", "Driver": "bridge"},
    ],
    "configs": [
        {
            "ID": CONFIG,
            "Spec": {"Name": "shop_conf", "Labels": {"a": "b"}, "Data": encoded(b"x=1")},
        },
        {"ID": "l", "Spec": {"Name": "quorate-lock", "Data": encoded(b"held")}},
    ],
    "secrets": [{"ID": SECRET, "Spec": {"Name": "shop_key", "Labels": {"q": "1"}}}],
}  # fmt: skip


def kept(**other: Any) -> dict[str, bytes]:
    return swarm_state.files(**{**ANSWERS, **other})


def test_everything_has_a_file() -> None:
    assert sorted(kept()) == [
        *("configs/shop_conf.data", "configs/shop_conf.json", "networks/shop_back.json"),
        *("nodes.json", "secrets.json", "services/shop_app.json", "swarm.json"),
    ]
    assert kept()["configs/shop_conf.data"] == b"x=1"
    assert [one["Name"] for one in json.loads(kept()["nodes.json"])] == ["box1", "box2"]
    assert json.loads(kept()["secrets.json"]) == [{"Labels": {"q": "1"}, "Name": "shop_key"}]


def test_nothing_secret_is_in_any() -> None:
    whole = b"".join(kept().values())
    for hidden in (b"SWMTKN", b"PRIVATE", b"SigningCAKey", b"EncryptionConfig"):
        assert hidden not in whole


def test_what_changes_by_itself_makes_no_other_copy() -> None:
    later = copy.deepcopy(SERVICE)
    later["Version"]["Index"] = 99
    later["UpdateStatus"] = {"State": "completed"}
    again = kept(services=[later], nodes=list(reversed(ANSWERS["nodes"])))
    assert again == kept()


def test_a_service_is_kept_with_names_and_comes_back_with_new_ids() -> None:
    spec = json.loads(kept()["services/shop_app.json"])
    assert spec["TaskTemplate"]["Networks"][0]["Target"] == "shop_back"
    whole = json.dumps(spec)
    assert NET not in whole and CONFIG not in whole and SECRET not in whole
    made = swarm_state.referred(spec, {"shop_conf": "new-c"}, {"shop_key": "new-s"})
    container = made["TaskTemplate"]["ContainerSpec"]
    assert container["Configs"][0]["ConfigID"] == "new-c"
    assert container["Secrets"][0]["SecretID"] == "new-s"
    with pytest.raises(KeyError, match="shop_key"):
        swarm_state.referred(spec, {"shop_conf": "new-c"}, {})


def test_a_service_that_is_kept_still_just_now_is_kept_as_it_was() -> None:
    deadline = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=1)
    record = Record(run="r1", source="volume/app", replicas=0, deadline=deadline)
    down = {**SERVICE, "Spec": quiesce.stopped(SERVICE["Spec"], record)}
    assert kept(services=[down]) == kept()


def test_the_commands_to_make_it_anew() -> None:
    lines = swarm_state.commands(kept())
    assert (
        "docker node update --label-add 'disk=it'\"'\"'s fast' --availability drain box2" in lines
    )
    (network,) = [line for line in lines if line.startswith("docker network create")]
    assert network == (
        "docker network create --driver overlay --attachable --opt encrypted "
        "--label com.docker.stack.namespace=shop --subnet 10.9.0.0/24 shop_back"
    )
    assert "docker config create --label a=b shop_conf configs/shop_conf.data" in lines
    assert "docker secret create shop_key -" in lines
    order = [line.split()[1] for line in lines if line.startswith("docker ")]
    assert order == ["node", "network", "config", "secret"]
    assert "services/shop_app.json" in lines[-1]


def test_an_empty_swarm() -> None:
    none: dict[str, Any] = dict.fromkeys(ANSWERS, ())
    found = swarm_state.files(**{**none, "swarm": {}})
    assert sorted(found) == ["nodes.json", "secrets.json", "swarm.json"]
    assert swarm_state.commands(found)
