"""Labels, networks, secrets, configs, records and observation against a real swarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quorate.deploy import configs, labels, networks, record, secrets, versioned
from quorate.deploy.versioned import Kind, Value
from quorate.errors import EngineError
from quorate.observe.snapshot import observe

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def test_a_secret_gets_a_version_per_value_and_finds_an_old_one_again(swarm: DockerClient) -> None:
    def deploy(value: bytes) -> str:
        return secrets.ensure_secrets(swarm, {"mail": value}, fleet="s")["mail"]

    assert [deploy(b"one"), deploy(b"one"), deploy(b"two"), deploy(b"one")] == [
        "mail-v1",
        "mail-v1",
        "mail-v2",
        "mail-v1",
    ]
    told = str([raw["Spec"] for raw in swarm.api.secrets()])
    assert "one" not in told and "mail-v2" in told


def test_old_versions_go_but_never_one_in_use_or_recorded(swarm: DockerClient) -> None:
    for number in range(6):
        configs.ensure_configs(swarm, {"prom": Value(data=f"value {number}".encode())}, fleet="c")
    first = next(raw for raw in swarm.api.configs() if raw["Spec"]["Name"] == "prom-v1")
    service = swarm.api.create_service(
        {
            "ContainerSpec": {
                "Image": "none:1",
                "Configs": [
                    {
                        "ConfigID": first["ID"],
                        "ConfigName": "prom-v1",
                        "File": {"Name": "/p", "UID": "0", "GID": "0", "Mode": 292},
                    }
                ],
            },
            "Placement": {"Constraints": ["node.hostname==nowhere"]},
        },
        name="user",
    )
    try:
        gone = configs.prune_configs(swarm, observe(swarm), fleet="c", recorded=["prom-v2"])
    finally:
        swarm.api.remove_service(service["ID"])
    assert gone == ("prom-v4", "prom-v3")


def test_a_config_in_use_that_the_snapshot_does_not_show_is_left(swarm: DockerClient) -> None:
    configs.ensure_configs(swarm, {"x": Value(data=b"1", template="golang")}, fleet="d")
    (version,) = versioned.deployed_versions(swarm, Kind.CONFIG, "d")
    assert (version.data, version.template) == (b"1", "golang")
    again = configs.ensure_configs(swarm, {"x": Value(data=b"1")}, fleet="d")
    assert again == {"x": "x-v2"}
    assert versioned.remove(swarm, Kind.CONFIG, [version]) == ("x-v1",)
    assert versioned.remove(swarm, Kind.CONFIG, [version]) == ()


def test_networks_are_made_once_and_differences_are_refused(swarm: DockerClient) -> None:
    wanted = {"shared": {"encrypted": ""}, "plain": {}}
    assert networks.create_networks(swarm, wanted, observe(swarm), fleet="n") == (
        "shared",
        "plain",
    )
    now = observe(swarm)
    assert now.networks["shared"]["encrypted"] and now.networks["plain"]["attachable"]
    assert networks.create_networks(swarm, wanted, now, fleet="n") == ()
    with pytest.raises(EngineError, match="other options") as caught:
        networks.create_networks(swarm, {"shared": {}}, now, fleet="n")
    assert "it is encrypted" in str(caught.value.cause)
    for name in wanted:
        swarm.api.remove_network(name)


def test_labels_are_set_and_stale_ones_removed(swarm: DockerClient) -> None:
    (node,) = observe(swarm).nodes

    def bring(wanted: dict[str, str]) -> dict[str, str]:
        nodes = observe(swarm).nodes
        labels.set_labels(swarm, labels.label_changes(nodes, {node.hostname: wanted}))
        return observe(swarm).nodes[0].labels

    assert bring({"disk": "ssd", "quorate.pool.a": "yes"}) == {
        "disk": "ssd",
        "quorate.pool.a": "yes",
    }
    assert bring({"quorate.pool.b": "yes"}) == {"disk": "ssd", "quorate.pool.b": "yes"}


def content(stack: str, size: int = 0) -> record.RecordContent:
    # Random text does not compress, so that a large record really is large.
    import random

    filler = random.Random(1).randbytes(size).hex()
    return record.RecordContent(
        fleet="r", stacks={stack: {"services": {}, "x-filler": filler}}, homes={"web": ("a",)}
    )


def test_records_come_back_in_order_with_their_outcome(swarm: DockerClient) -> None:
    first = record.write(swarm, content("one"), summary="first")
    second = record.write(swarm, content("two"))
    record.mark(swarm, first, "healthy")
    found = record.history(swarm, fleet="r")
    assert [(e.number, e.outcome, e.summary) for e in found] == [
        (first.number, "healthy", "first"),
        (second.number, "started", ""),
    ]
    assert record.read(swarm, found[0]) == content("one")
    last = record.last_applied(swarm, fleet="r")
    assert last is not None and list(last.stacks) == ["two"]
    assert record.history(swarm, fleet="another") == ()


def test_a_record_too_large_for_one_config_is_split(swarm: DockerClient) -> None:
    entry = record.write(swarm, content("large", size=1_200_000))
    assert len(entry.ids) == 3
    assert record.read(swarm, entry) == content("large", size=1_200_000)


def test_only_the_last_records_are_kept(swarm: DockerClient) -> None:
    for _ in range(record.KEEP_RECORDS + 3):
        newest = record.write(swarm, content("many"))
    found = record.history(swarm, fleet="r")
    assert len(found) == record.KEEP_RECORDS
    assert found[-1].number == newest.number


def test_a_swarm_is_observed_with_a_service_that_never_starts(swarm: DockerClient) -> None:
    service = swarm.api.create_service(
        {
            "ContainerSpec": {"Image": "none:1"},
            "Placement": {"Constraints": ["node.hostname==nowhere"]},
        },
        name="pending",
    )
    try:
        seen = observe(swarm)
        observed = seen.service("pending")
        assert observed is not None and seen.running(observed) == ()
    finally:
        swarm.api.remove_service(service["ID"])


def test_observing_an_engine_outside_any_swarm_says_so(engine: DockerClient) -> None:
    if engine.api.info()["Swarm"]["LocalNodeState"] == "active":
        engine.api.leave_swarm(force=True)
    with pytest.raises(EngineError, match="cannot be observed"):
        observe(engine)
