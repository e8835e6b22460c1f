"""A Swarm service's specification as a service of a compose file.

The reverse of what docker/cli (cli/compose/convert) does when a stack is deployed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.imports.inventory import (
    STACK_IMAGE,
    STACK_NAMESPACE,
    Raw,
    listed,
    mapping,
    number,
    text,
    texts,
    words,
)
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.sections import Sections, labels_of
from quorate.fleet.quantities import write_duration, write_size

NANO = 1e9
POOL = re.compile(r"node\.labels\.(quorate\.pool\.[0-9a-f]{8})\s*==")
_ENDPOINT = "dnsrr"
_TIMES = (
    ("Interval", "interval"),
    ("Timeout", "timeout"),
    ("StartPeriod", "start_period"),
    ("StartInterval", "start_interval"),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a service's specification refers to: networks by id, volumes by name."""

    networks: Mapping[str, Raw]
    volumes: Mapping[str, Raw]


def service_name(raw: Raw) -> tuple[str, str]:
    """Namespace (its own name when it has none) and short name of a Swarm service."""
    name = text(raw, "Spec", "Name")
    namespace = texts(raw, "Spec", "Labels").get(STACK_NAMESPACE, "")
    if not namespace:
        return name, name
    return namespace, name.removeprefix(f"{namespace}_")


def image_of(raw: Raw) -> tuple[str, str]:
    """The image by its tag, and the digest it was resolved to ("" when that is all there is)."""
    asked = texts(raw, "Spec", "Labels").get(STACK_IMAGE, "")
    running = text(raw, "Spec", "TaskTemplate", "ContainerSpec", "Image")
    head, at, digest = running.partition("@")
    # The label stays behind when an image was changed by hand.
    if asked and "@" not in asked and asked in (running, head):
        return asked, digest
    tagged = at and ":" in head.rsplit("/", 1)[-1]
    return (head, digest) if tagged else (running, "")


def swarm_service(raw: Raw, sections: Sections, place: Place) -> dict[str, Any]:
    """The service's mapping; what it refers to is added to `sections`."""
    _, short = service_name(raw)
    subject = f"{sections.stack}/{short}"
    template = mapping(raw, "Spec", "TaskTemplate")
    container = mapping(template, "ContainerSpec")
    scrub = sections.scrub
    out: dict[str, Any] = {"image": scrub.plain(image_of(raw)[0])}
    if words(container, "Command"):
        out["entrypoint"] = scrub.words(subject, "entrypoint", words(container, "Command"))
    if words(container, "Args"):
        out["command"] = scrub.words(subject, "command", words(container, "Args"))
    out |= _plain(container, scrub)
    environment = variables(words(container, "Env"))
    if environment:
        out["environment"] = {k: scrub.text(subject, k, v) for k, v in environment.items()}
    labels = labels_of(container, "Labels")
    if labels:
        out["labels"] = scrub.mapping(subject, "label", labels)
    check = healthcheck(mapping(container, "Healthcheck"), scrub, subject)
    if check:
        out["healthcheck"] = check
    grace = number(container, "StopGracePeriod")
    if grace and grace != 10 * NANO:
        out["stop_grace_period"] = write_duration(grace / NANO)
    out |= _container_lists(container, scrub)
    out |= _attached(raw, template, short, sections, place)
    out |= _files(container, sections)
    ports = _ports(raw)
    if ports:
        out["ports"] = ports
    driver = text(template, "LogDriver", "Name")
    if driver:
        options = scrub.mapping(subject, "log option", texts(template, "LogDriver", "Options"))
        out["logging"] = {"driver": driver, **({"options": options} if options else {})}
    out["deploy"] = _deploy(raw, template, scrub, subject)
    return out


def _plain(container: Raw, scrub: Scrubber) -> dict[str, Any]:
    """Single texts and truths."""
    out: dict[str, Any] = {}
    for key, name in (("User", "user"), ("Dir", "working_dir"), ("Hostname", "hostname"),
                      ("StopSignal", "stop_signal")):  # fmt: skip
        if text(container, key):
            out[name] = scrub.plain(text(container, key))
    for key, name in (("Init", "init"), ("TTY", "tty"), ("OpenStdin", "stdin_open"),
                      ("ReadOnly", "read_only")):  # fmt: skip
        if container.get(key) is True:
            out[name] = True
    return out


def variables(items: list[str]) -> dict[str, str]:
    """`KEY=value` lines as a mapping."""
    return {key: value for key, _, value in (item.partition("=") for item in items) if key}


def healthcheck(raw: Raw, scrub: Scrubber, subject: str) -> dict[str, Any]:
    """A health check; empty when there is none of its own."""
    test = words(raw, "Test")
    if test[:1] == ["NONE"]:
        return {"disable": True}
    out: dict[str, Any] = {}
    if test:
        out["test"] = scrub.words(subject, "healthcheck", test)
    for key, name in _TIMES:
        if number(raw, key):
            out[name] = write_duration(number(raw, key) / NANO)
    if number(raw, "Retries"):
        out["retries"] = int(number(raw, "Retries"))
    return out


def _container_lists(container: Raw, scrub: Scrubber) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, name in (("CapabilityAdd", "cap_add"), ("CapabilityDrop", "cap_drop")):
        found = [item.removeprefix("CAP_") for item in words(container, key)]
        if found:
            out[name] = found
    for key, name in (("Nameservers", "dns"), ("Search", "dns_search")):
        if words(container, "DNSConfig", key):
            out[name] = [scrub.plain(item) for item in words(container, "DNSConfig", key)]
    # Swarm keeps them as in /etc/hosts: address, then names.
    hosts = [item.split() for item in words(container, "Hosts")]
    pairs = [f"{name}:{address}" for address, *names in filter(None, hosts) for name in names]
    if pairs:
        out["extra_hosts"] = [scrub.plain(pair) for pair in pairs]
    if texts(container, "Sysctls"):
        out["sysctls"] = {k: scrub.plain(v) for k, v in texts(container, "Sysctls").items()}
    limits = ulimits(listed(container, "Ulimits"))
    if limits:
        out["ulimits"] = limits
    return out


def ulimits(items: list[Any]) -> dict[str, Any]:
    """Limits of a container as compose writes them."""
    return {
        text(item, "Name"): {"soft": int(item["Soft"]), "hard": int(item["Hard"])}
        for item in items
        if text(item, "Name") and isinstance(item.get("Soft"), int)
        and isinstance(item.get("Hard"), int)
    }  # fmt: skip


def _attached(
    raw: Raw, template: Raw, short: str, sections: Sections, place: Place
) -> dict[str, Any]:
    """Networks with their aliases, and mounts."""
    out: dict[str, Any] = {}
    networks: dict[str, Any] = {}
    attached = listed(template, "Networks") or listed(raw, "Spec", "Networks")
    for item in attached:
        found = place.networks.get(text(item, "Target"), {})
        if text(found, "Name") in ("host", "none"):
            return {"network_mode": text(found, "Name"), **_mounts(template, sections, place)}
        key = sections.network(found)
        if key is None:
            continue
        aliases = [alias for alias in words(item, "Aliases") if alias != short]
        networks[key] = {"aliases": aliases} if aliases else None
    if networks and networks != {"default": None}:
        plain = all(value is None for value in networks.values())
        out["networks"] = list(networks) if plain else {k: v or {} for k, v in networks.items()}
    return out | _mounts(template, sections, place)


def _mounts(template: Raw, sections: Sections, place: Place) -> dict[str, Any]:
    found = [
        mount(item, sections, place.volumes)
        for item in listed(template, "ContainerSpec", "Mounts")
        if text(item, "Target")
    ]
    return {"volumes": found} if found else {}


def mount(item: Raw, sections: Sections, volumes: Mapping[str, Raw]) -> dict[str, Any]:
    """A mount in compose's long form."""
    kind = text(item, "Type") or "volume"
    source = text(item, "Source")
    out: dict[str, Any] = {"type": kind}
    if kind in ("volume", "cluster") and source:
        options = mapping(item, "VolumeOptions", "DriverConfig")
        known = volumes.get(source) or {
            "Driver": text(options, "Name"), "Options": mapping(options, "Options"),
        }  # fmt: skip
        out["source"] = sections.volume(source, known)
    elif source and kind != "tmpfs":
        out["source"] = sections.scrub.plain(source)
    out["target"] = sections.scrub.plain(text(item, "Target"))
    if item.get("ReadOnly") is True:
        out["read_only"] = True
    propagation = text(item, "BindOptions", "Propagation")
    if kind == "bind" and propagation not in ("", "rprivate"):
        out["bind"] = {"propagation": propagation}
    if mapping(item, "VolumeOptions").get("NoCopy") is True:
        out["volume"] = {"nocopy": True}
    size = number(item, "TmpfsOptions", "SizeBytes")
    if kind == "tmpfs" and size:
        out["tmpfs"] = {"size": int(size)}
    return out


def _files(container: Raw, sections: Sections) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for section, kind in (("secrets", "Secret"), ("configs", "Config")):
        found = []
        for item in listed(container, section.capitalize()):
            name, target = text(item, f"{kind}Name"), text(item, "File", "Name")
            if not name:
                continue
            key = sections.reference(section, name, target or name)
            entry: dict[str, Any] = {"source": key}
            if target and target != key:
                entry["target"] = sections.scrub.plain(target)
            mode = mapping(item, "File").get("Mode")
            if isinstance(mode, int) and mode not in (0o444, 0):
                entry["mode"] = mode
            for field in ("UID", "GID"):
                if text(item, "File", field) not in ("", "0"):
                    entry[field.lower()] = text(item, "File", field)
            found.append(entry if len(entry) > 1 else key)
        if found:
            out[section] = found
    return out


def _ports(raw: Raw) -> list[dict[str, Any]]:
    found = []
    for item in listed(raw, "Spec", "EndpointSpec", "Ports"):
        target = int(number(item, "TargetPort"))
        if not 0 < target < 65536:
            continue
        port: dict[str, Any] = {"target": target}
        if number(item, "PublishedPort"):
            port["published"] = int(number(item, "PublishedPort"))
        port["protocol"] = text(item, "Protocol") or "tcp"
        port["mode"] = text(item, "PublishMode") or "ingress"
        found.append(port)
    return found


def _deploy(raw: Raw, template: Raw, scrub: Scrubber, subject: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    mode = mapping(raw, "Spec", "Mode")
    for kind, name in (("Global", "global"), ("ReplicatedJob", "replicated-job"),
                       ("GlobalJob", "global-job")):  # fmt: skip
        if kind in mode:
            out["mode"] = name
    replicas = mapping(mode, "Replicated").get("Replicas")
    if isinstance(replicas, int) and not isinstance(replicas, bool) and replicas >= 0:
        out["replicas"] = replicas
    if text(raw, "Spec", "EndpointSpec", "Mode") == _ENDPOINT:
        out["endpoint_mode"] = _ENDPOINT
    labels = labels_of(raw, "Spec", "Labels")
    if labels:
        out["labels"] = scrub.mapping(subject, "label", labels)
    placement = _placement(mapping(template, "Placement"))
    if placement:
        out["placement"] = placement
    resources = _resources(mapping(template, "Resources"))
    if resources:
        out["resources"] = resources
    policy = _restart(mapping(template, "RestartPolicy"))
    if policy:
        out["restart_policy"] = policy
    for key, name in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        rollout = _rollout(mapping(raw, "Spec", key))
        if rollout:
            out[name] = rollout
    return out


def _placement(raw: Raw) -> dict[str, Any]:
    """Constraints, those of Quorate's own pools left out: they become pins."""
    out: dict[str, Any] = {}
    constraints = [item for item in words(raw, "Constraints") if not POOL.match(item)]
    if constraints:
        out["constraints"] = constraints
    spreads = [text(item, "Spread", "SpreadDescriptor") for item in listed(raw, "Preferences")]
    ours = [
        spread for spread in spreads if spread and not spread.startswith("node.labels.quorate.")
    ]
    if ours:
        out["preferences"] = [{"spread": spread} for spread in ours]
    if number(raw, "MaxReplicas"):
        out["max_replicas_per_node"] = int(number(raw, "MaxReplicas"))
    return out


def _resources(raw: Raw) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, name in (("Limits", "limits"), ("Reservations", "reservations")):
        found: dict[str, Any] = {}
        if number(raw, key, "NanoCPUs"):
            found["cpus"] = f"{number(raw, key, 'NanoCPUs') / NANO:.3f}".rstrip("0").rstrip(".")
        if number(raw, key, "MemoryBytes"):
            found["memory"] = write_size(int(number(raw, key, "MemoryBytes")))
        if number(raw, key, "Pids"):
            found["pids"] = int(number(raw, key, "Pids"))
        if found:
            out[name] = found
    return out


def _restart(raw: Raw) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if text(raw, "Condition") in ("none", "on-failure", "any"):
        out["condition"] = text(raw, "Condition")
    for key in ("Delay", "Window"):
        value = raw.get(key)
        if isinstance(value, int) and 0 <= value < 2**60:
            out[key.lower()] = write_duration(value / NANO)
    if number(raw, "MaxAttempts"):
        out["max_attempts"] = int(number(raw, "MaxAttempts"))
    return out


def _rollout(raw: Raw) -> dict[str, Any]:
    out: dict[str, Any] = {}
    parallelism = raw.get("Parallelism")
    if isinstance(parallelism, int) and 0 <= parallelism < 2**31:
        out["parallelism"] = parallelism
    for key in ("Delay", "Monitor"):
        if number(raw, key):
            out[key.lower()] = write_duration(number(raw, key) / NANO)
    for key, name in (("FailureAction", "failure_action"), ("Order", "order")):
        if text(raw, key) in ("pause", "continue", "rollback", "start-first", "stop-first"):
            out[name] = text(raw, key)
    if number(raw, "MaxFailureRatio"):
        out["max_failure_ratio"] = number(raw, "MaxFailureRatio")
    return out
