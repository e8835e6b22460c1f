"""The lab's stack files differ from the real ones as listed, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.lab.derive import Difference, Group, apply, derive, grouped
from quorate.lab.state import Features, ImageSource, Lab
from quorate.stacks.model import Rendered, RenderedStack

ABSENT = object()


def rendered(service: dict[str, Any], **top: Any) -> Rendered:
    document = {"version": "3.8", "services": {"web": service}, **top}
    return Rendered(stacks=(RenderedStack(name="app", document=document),))


def derived(real: Rendered, lab: Lab) -> tuple[dict[str, Any], dict[str, Difference]]:
    """The lab's form of the only service, and the differences by key."""
    found, differences = derive(real, lab)
    return found.stacks[0].document["services"]["web"], {d.key: d for d in differences}


@pytest.fixture
def full(lab: Lab) -> Lab:
    """A lab on a machine that can do everything, as large as the fleet."""
    nodes = tuple(node.model_copy(update={"cpus": 16}) for node in lab.nodes)
    features = Features(ipvs=True, encrypted_overlay=True, privileged=True)
    return lab.model_copy(update={"features": features, "nodes": nodes})


def test_where_the_machine_can_do_everything_nothing_differs(full: Lab) -> None:
    real = rendered(
        {
            "image": "postgres:16",
            "ports": [{"target": 5432, "published": 5432, "mode": "ingress"}],
            "ulimits": {"nofile": 65536},
            "deploy": {"resources": {"reservations": {"cpus": "2", "memory": "1G"}}},
        },
        networks={"a": {"driver_opts": {"encrypted": ""}}},
    )
    assert derive(real, full) == (real, ())


def test_without_ipvs_names_go_by_dns_and_ports_to_the_host(lab: Lab) -> None:
    port = {"target": 80, "published": 8080, "protocol": "tcp", "mode": "ingress"}
    real = rendered(
        {"image": "nginx", "ports": [port], "deploy": {"update_config": {"order": "start-first"}}}
    )
    web, differences = derived(real, lab)
    assert web["ports"] == [port | {"mode": "host"}]
    assert web["deploy"]["endpoint_mode"] == "dnsrr"
    assert web["deploy"]["update_config"]["order"] == "stop-first"
    assert "IPVS" in differences["ports"].why


@pytest.mark.parametrize(
    ("deploy", "target", "published"),
    [
        ({"replicas": 3}, 80, None),
        ({"replicas": 3, "placement": {"max_replicas_per_node": 1}}, 80, 80),
        ({"mode": "global"}, 80, 80),
        ({"replicas": 1}, 22, None),
    ],
)
def test_a_port_two_tasks_would_want_is_chosen_by_the_engine(
    lab: Lab, deploy: dict[str, Any], target: int, published: int | None
) -> None:
    port = {"target": target, "published": target, "mode": "ingress"}
    web, _ = derived(rendered({"image": "nginx", "ports": [port], "deploy": deploy}), lab)
    assert web["ports"][0].get("published") == published


def test_ports_in_host_mode_stay(lab: Lab) -> None:
    port = {"target": 9100, "published": 9100, "mode": "host"}
    web, differences = derived(rendered({"image": "nginx", "ports": [port]}), lab)
    assert web["ports"] == [port]
    assert "ports" not in differences


def test_reservations_are_scaled_and_limits_are_not(full: Lab) -> None:
    small = full.model_copy(update={"memory_factor": 0.2, "cpu_factor": 0.125})
    resources = {
        "limits": {"cpus": "4", "memory": "2G"},
        "reservations": {"cpus": "0.5", "memory": "1G"},
    }
    real = rendered({"image": "nginx", "deploy": {"resources": resources}})
    web, _ = derived(real, small)
    assert web["deploy"]["resources"] == {
        "limits": {"cpus": "4", "memory": "2G"},
        "reservations": {"cpus": "0.0625", "memory": "204M"},
    }


def test_a_cpu_limit_no_node_can_give_is_lowered(lab: Lab) -> None:
    resources = {"limits": {"cpus": "4"}, "reservations": {"cpus": "0.001", "memory": "1M"}}
    small = lab.model_copy(update={"memory_factor": 0.5, "cpu_factor": 0.5})
    web, _ = derived(rendered({"image": "nginx", "deploy": {"resources": resources}}), small)
    assert web["deploy"]["resources"]["limits"]["cpus"] == "1"
    assert web["deploy"]["resources"]["reservations"] == {"cpus": "0.001", "memory": "4M"}


def test_a_stand_in_swallows_the_entry_point_and_is_told_its_ports(lab: Lab) -> None:
    real = rendered(
        {
            "image": "quay.io/keycloak/keycloak:26.1",
            "entrypoint": ["/bin/bash", "-c"],
            "command": ["exec kc.sh start"],
        }
    )
    web, differences = derived(real, lab)
    assert "entrypoint" not in web
    assert web["command"] == ["exec kc.sh start"]
    assert web["environment"] == {"STANDIN_PORTS": "8080,9000"}
    assert differences["entrypoint"].real == ["/bin/bash", "-c"]


def test_upstream_images_keep_digest_and_entry_point(lab: Lab) -> None:
    image = f"traefik:v3.3@sha256:{'a' * 64}"
    up = lab.model_copy(update={"upstream": True, "images": {image: ImageSource(kind="upstream")}})
    web, _ = derived(rendered({"image": image, "entrypoint": ["/x"]}), up)
    assert (web["image"], web["entrypoint"]) == (image, ["/x"])
    web, _ = derived(rendered({"image": image}), lab)
    assert web["image"] == "traefik:v3.3"


def test_mounts_nodes_do_not_have(lab: Lab) -> None:
    mounts = [
        {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"},
        {"type": "bind", "source": "/mnt/data/pg", "target": "/data", "bind": {"propagation": "r"}},
        {"type": "bind", "source": "/etc/localtime", "target": "/etc/localtime", "read_only": True},
        {"type": "volume", "source": "own", "target": "/own"},
    ]
    found, differences = derive(rendered({"image": "nginx", "volumes": mounts}), lab)
    document = found.stacks[0].document
    assert document["services"]["web"]["volumes"] == [
        mounts[0],
        {"type": "volume", "source": "bind-mnt-data-pg", "target": "/data"},
        mounts[3],
    ]
    assert document["volumes"] == {"bind-mnt-data-pg": {"name": "bind-mnt-data-pg"}}
    assert any(d.key == "volumes.bind-mnt-data-pg" and "/mnt/data/pg" in d.why for d in differences)


def test_volumes_of_file_servers_and_plug_ins_become_local(lab: Lab) -> None:
    volumes = {
        "nfs": {"driver_opts": {"type": "nfs", "o": "addr=192.0.2.80", "device": ":/x"}},
        "plug": {"driver": "rexray", "driver_opts": {"size": "1"}},
        "own": {"driver": "local", "driver_opts": {"type": "tmpfs", "device": "tmpfs"}},
        "plain": None,
    }
    found, _ = derive(rendered({"image": "nginx"}, volumes=volumes), lab)
    assert found.stacks[0].document["volumes"] == {
        "nfs": {},
        "plug": {},
        "own": volumes["own"],
        "plain": None,
    }


def test_networks_lose_their_encryption(lab: Lab) -> None:
    real = rendered(
        {"image": "nginx"}, networks={"a": {"driver": "overlay", "driver_opts": {"encrypted": ""}}}
    ).model_copy(update={"networks": {"shared": {"encrypted": ""}}})
    found, differences = derive(real, lab)
    assert found.stacks[0].document["networks"]["a"]["driver_opts"] == {}
    assert found.networks == {"shared": {}}
    assert [d.key for d in differences if not d.service] == [
        "networks.a.driver_opts.encrypted",
        "shared.encrypted",
    ]


def test_rights_the_nodes_lack(lab: Lab) -> None:
    service = {
        "image": "nginx",
        "ulimits": {"nofile": 1},
        "cap_add": ["NET_ADMIN", "CAP_SYS_RESOURCE"],
        "logging": {"driver": "syslog", "options": {"syslog-address": "udp://192.0.2.1:514"}},
    }
    web, _ = derived(rendered(service), lab)
    assert web["cap_add"] == ["NET_ADMIN"]
    assert "ulimits" not in web
    assert "logging" not in web


def test_differences_of_one_kind_are_one_group(lab: Lab) -> None:
    services = {name: {"image": "redis", "ulimits": {"nofile": 9}} for name in ("a", "b")}
    networks = {name: {"driver_opts": {"encrypted": ""}} for name in ("x", "y")}
    document = {"services": services, "networks": networks}
    real = Rendered(
        stacks=(RenderedStack(name="app", document=document),), networks={"z": {"encrypted": ""}}
    )
    groups = grouped(derive(real, lab)[1])
    why = "this kernel cannot encrypt between the lab's nodes"
    assert [(group.key, group.of) for group in groups] == [
        ("deploy.endpoint_mode", ("app/a", "app/b")),
        ("ulimits", ("app/a", "app/b")),
        ("networks.driver_opts.encrypted", ("app/x", "app/y")),
        ("networks.encrypted", ("z",)),
    ]
    assert groups[-1] == Group(key="networks.encrypted", why=why, of=("z",))


def deep_differences(real: Any, lab: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where two documents differ, found without any knowledge of the rules."""
    if isinstance(lab, dict) and (isinstance(real, dict) or real is ABSENT):
        real = {} if real is ABSENT else real
        for key in real.keys() | lab.keys():
            yield from deep_differences(real.get(key, ABSENT), lab.get(key, ABSENT), (*path, key))
    elif real != lab:
        yield path


SIZES = st.sampled_from(("32M", "1G", "2560M", "4G"))
CPUS = st.sampled_from(("0.02", "0.5", "2", "16"))
PORTS = st.lists(
    st.fixed_dictionaries(
        {"target": st.sampled_from((22, 80, 8080)), "mode": st.sampled_from(("ingress", "host"))},
        optional={"published": st.sampled_from((22, 80, 2377))},
    ),
    max_size=2,
)
MOUNTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("bind", "volume")),
            "source": st.sampled_from(("/", "/mnt/data/x", "/srv/a.conf", "data")),
            "target": st.just("/x"),
        },
        optional={"read_only": st.just(True)},
    ),
    max_size=3,
)
RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "limits": st.fixed_dictionaries({}, optional={"cpus": CPUS, "memory": SIZES}),
        "reservations": st.fixed_dictionaries({}, optional={"cpus": CPUS, "memory": SIZES}),
    },
)
ORDER = st.fixed_dictionaries({"order": st.sampled_from(("start-first", "stop-first"))})
DEPLOYS = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3),
        "endpoint_mode": st.sampled_from(("vip", "dnsrr")),
        "placement": st.just({"max_replicas_per_node": 1}),
        "resources": RESOURCES,
        "update_config": ORDER,
        "rollback_config": ORDER,
    },
)
ENVIRONMENTS: st.SearchStrategy[Any] = st.one_of(st.just({"A": "1"}), st.just(["A=1"]), st.just({}))
SERVICES = st.fixed_dictionaries(
    {"image": st.sampled_from(("postgres:16", "traefik:v3", f"redis:7@sha256:{'a' * 64}"))},
    optional={
        "entrypoint": st.just(["/bin/sh"]),
        "environment": ENVIRONMENTS,
        "ports": PORTS,
        "volumes": MOUNTS,
        "deploy": DEPLOYS,
        "ulimits": st.just({"nofile": 1}),
        "cap_add": st.just(["ALL"]),
        "logging": st.sampled_from(({"driver": "syslog"}, {"driver": "json-file"})),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(("a", "b.c")), SERVICES, min_size=1)},
    optional={
        "networks": st.just({"n": {"driver_opts": {"encrypted": ""}}}),
        "volumes": st.sampled_from(
            ({"data": None}, {"data": {"driver_opts": {"type": "nfs"}}}, {"data": {"driver": "x"}})
        ),
    },
)
LABS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    memory_factor=st.sampled_from((0.2, 1.0)),
    cpu_factor=st.sampled_from((0.125, 1.0)),
    features=st.builds(
        Features, ipvs=st.booleans(), encrypted_overlay=st.booleans(), privileged=st.booleans()
    ),
)


@settings(max_examples=60)
@given(document=DOCUMENTS, chosen=LABS)
def test_the_listed_differences_are_the_only_ones(
    document: dict[str, Any], chosen: dict[str, Any]
) -> None:
    lab = Lab.model_validate(
        {
            **dict.fromkeys(("fleet_path", "directory", "override", "ssh_config"), "/x"),
            **{"name": "l", "engine_socket": "/s", "network": "n", "subnet": "198.18.0.0/24"},
            "nodes": [
                {
                    "server": "a",
                    "container": "c",
                    "volume": "v",
                    "address": "198.18.0.11",
                    "memory": 1,
                    "cpus": 1,
                    "cpuset": "0",
                }
            ],
            **chosen,
        }
    )
    untouched = deepcopy(document)
    real = Rendered(
        stacks=(RenderedStack(name="app", document=document),), networks={"s": {"encrypted": ""}}
    )
    found, differences = derive(real, lab)
    assert document == untouched, "the real documents were changed"
    listed = {
        (*(("services", d.service) if d.service else ()), *d.path) for d in differences if d.stack
    }
    for path in deep_differences(untouched, found.stacks[0].document):
        assert any(path[: len(entry)] == entry for entry in listed), f"not listed: {path}"
    for difference in differences:
        assert difference.real != difference.lab, f"listed, yet the same: {difference}"
        assert difference.why
    assert apply(real, differences) == found
    again, more = derive(found, lab.model_copy(update={"memory_factor": 1.0, "cpu_factor": 1.0}))
    assert [d for d in more if d.key.endswith(("mode", "ports", "volumes", "order"))] == []
    assert again.networks == found.networks
