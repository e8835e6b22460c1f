"""What of a swarm is kept, from its engine's answers, and how it is made anew. Pure.

The engine's own mappings, without what changes by itself (versions, times, states) and without
what is secret (tokens by which machines join, keys). Ids are replaced by names, since a new swarm
has other ids. Values of secrets are not here: Swarm never gives them back.
"""

from __future__ import annotations

import base64
import copy
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from quorate.backup.policy.quiesce import PREFIX as QUIESCE

Raw = Mapping[str, Any]
PREDEFINED = ("bridge", "host", "none", "docker_gwbridge", "ingress")
HIDDEN = ("JoinTokens", "CAConfig", "EncryptionConfig", "TLSInfo")
LOCK = "quorate-lock"


def files(
    *,
    swarm: Raw,
    nodes: Iterable[Raw],
    services: Iterable[Raw],
    networks: Iterable[Raw],
    configs: Iterable[Raw],
    secrets: Iterable[Raw],
) -> dict[str, bytes]:
    """Everything as files, by name; the same swarm gives the same files.

    Args:
        swarm: of GET /swarm.
        nodes: of GET /nodes.
        services: of GET /services.
        networks: of GET /networks.
        configs: of GET /configs.
        secrets: of GET /secrets.
    """
    listed = [one for one in networks if one.get("Scope") == "swarm"]
    names = {str(one.get("Id")): str(one.get("Name")) for one in listed}
    spec = {key: value for key, value in (swarm.get("Spec") or {}).items() if key not in HIDDEN}
    out = {"swarm.json": _json(spec), "nodes.json": _json(sorted(map(_node, nodes), key=_key))}
    kept = [one for one in listed if one.get("Name") not in PREDEFINED]
    out |= {f"networks/{_safe(one['Name'])}.json": _json(_network(one)) for one in kept}
    for one in services:
        out[f"services/{_safe(one['Spec']['Name'])}.json"] = _json(service(one["Spec"], names))
    for one in configs:
        given = one["Spec"]
        if given["Name"] != LOCK:
            out[f"configs/{_safe(given['Name'])}.json"] = _json(
                {key: given[key] for key in ("Name", "Labels", "Templating") if key in given}
            )
            out[f"configs/{_safe(given['Name'])}.data"] = base64.b64decode(given.get("Data") or "")
    told = [
        {
            key: one["Spec"][key]
            for key in ("Name", "Labels", "Driver", "Templating")
            if key in one["Spec"]
        }
        for one in secrets
    ]
    out["secrets.json"] = _json(sorted(told, key=_key))
    return out


def service(spec: Raw, networks: Mapping[str, str]) -> dict[str, Any]:
    """A service's spec with names for ids; what keeps it still for a backup is undone."""
    made = copy.deepcopy(dict(spec))
    labels = made.get("Labels") or {}
    former = labels.get(f"{QUIESCE}replicas")
    replicated = (made.get("Mode") or {}).get("Replicated")
    if former is not None and former.isdigit() and replicated and not replicated.get("Replicas"):
        replicated["Replicas"] = int(former)
    made["Labels"] = {key: value for key, value in labels.items() if not key.startswith(QUIESCE)}
    template = made.get("TaskTemplate") or {}
    for one in [*(template.get("Networks") or ()), *(made.get("Networks") or ())]:
        one["Target"] = networks.get(str(one.get("Target")), one.get("Target"))
    container = template.get("ContainerSpec") or {}
    for one in container.get("Configs") or ():
        one.pop("ConfigID", None)
    for one in container.get("Secrets") or ():
        one.pop("SecretID", None)
    return made


def referred(spec: Raw, configs: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
    """A kept spec as a new swarm takes it: with its ids of configs and secrets, by their names.

    Raises:
        KeyError: with the name of a config or secret that the swarm does not have.
    """
    made = copy.deepcopy(dict(spec))
    container = (made.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    for one in container.get("Configs") or ():
        one["ConfigID"] = configs[one["ConfigName"]]
    for one in container.get("Secrets") or ():
        one["SecretID"] = secrets[one["SecretName"]]
    return made


def commands(kept: Mapping[str, bytes]) -> tuple[str, ...]:
    """How to make the swarm anew by hand, as a shell script's lines; what is not for a shell
    is said in comments."""
    nodes = json.loads(kept["nodes.json"])
    secrets = json.loads(kept["secrets.json"])
    out = [
        "# `quorate up` with the fleet file makes all of this but what was made by hand.",
        "# Otherwise, on the first manager: docker swarm init; on the others: docker swarm join.",
        *(line for node in nodes for line in _node_lines(node)),
        *(_network_line(json.loads(kept[name])) for name in _in(kept, "networks/")),
        *(_config_line(name, json.loads(kept[name])) for name in _in(kept, "configs/", ".json")),
    ]
    for one in secrets:
        out += [
            "# Its value is in the recovery bundle, nowhere else:",
            f"docker secret create {shlex.quote(one['Name'])} -",
        ]
    out.append(
        "# Then the services, each by its own spec (services/*.json), through the engine's API:"
    )
    out += [
        f"curl --unix-socket /var/run/docker.sock -H 'Content-Type: application/json' "
        f"-d @{shlex.quote(name)} http://localhost/services/create"
        for name in _in(kept, "services/")
    ]
    return tuple(out)


def _in(kept: Iterable[str], prefix: str, suffix: str = "") -> list[str]:
    return sorted(name for name in kept if name.startswith(prefix) and name.endswith(suffix))


def _node(one: Raw) -> dict[str, Any]:
    spec, description = one.get("Spec") or {}, one.get("Description") or {}
    return {
        "Name": str(description.get("Hostname") or ""),
        "Role": str(spec.get("Role") or "worker"),
        "Availability": str(spec.get("Availability") or "active"),
        "Labels": dict(spec.get("Labels") or {}),
    }


def _network(one: Raw) -> dict[str, Any]:
    keys = ("Name", "Driver", "Attachable", "Internal", "EnableIPv6", "Options", "Labels")
    made = {key: one[key] for key in keys if one.get(key)}
    pools = [
        {key: pool[key] for key in ("Subnet", "Gateway", "IPRange") if pool.get(key)}
        for pool in (one.get("IPAM") or {}).get("Config") or ()
    ]
    return {**made, "Subnets": pools}


def _node_lines(node: Raw) -> list[str]:
    words = [f"--label-add {shlex.quote(f'{k}={v}')}" for k, v in sorted(node["Labels"].items())]
    if node["Availability"] != "active":
        words.append(f"--availability {node['Availability']}")
    if not words:
        return []
    return [f"docker node update {' '.join(words)} {shlex.quote(node['Name'])}"]


def _network_line(one: Raw) -> str:
    words = [f"--driver {one.get('Driver', 'overlay')}"]
    words += ["--attachable"] if one.get("Attachable") else []
    words += ["--internal"] if one.get("Internal") else []
    words += [f"--opt {shlex.quote(f'{k}={v}' if v else k)}" for k, v in _without_ids(one)]
    words += [
        f"--label {shlex.quote(f'{k}={v}')}" for k, v in sorted((one.get("Labels") or {}).items())
    ]
    words += [f"--subnet {pool['Subnet']}" for pool in one["Subnets"] if pool.get("Subnet")]
    return f"docker network create {' '.join(words)} {shlex.quote(one['Name'])}"


def _without_ids(one: Raw) -> list[tuple[str, str]]:
    """A network's options, but for the number that the old swarm gave it."""
    options = one.get("Options") or {}
    return sorted((k, v) for k, v in options.items() if not k.endswith("vxlanid_list"))


def _config_line(name: str, one: Raw) -> str:
    labels = sorted((one.get("Labels") or {}).items())
    words = "".join(f"--label {shlex.quote(f'{k}={v}')} " for k, v in labels)
    data = shlex.quote(name.removesuffix(".json") + ".data")
    return f"docker config create {words}{shlex.quote(one['Name'])} {data}"


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _safe(name: Any) -> str:
    """A name as a file's. Swarm's names have none of these; who knows what an engine answers."""
    return str(name).replace("/", "%2F").lstrip(".")


def _key(one: Raw) -> str:
    return str(one.get("Name") or "")
