"""A running container, as its engine describes it, as a service of a compose file.

What its image brings along anyway is left out: only what somebody asked for stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quorate.fleet.imports.inventory import (
    COMPOSE_DEPENDS,
    Host,
    Raw,
    listed,
    mapping,
    number,
    own_labels,
    text,
    texts,
    words,
)
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.sections import Sections
from quorate.fleet.imports.swarm_service import healthcheck, ulimits, variables
from quorate.fleet.quantities import write_size

NANO = 1e9
EVERYWHERE = ("", "0.0.0.0", "::")
USUAL_SHM = 64 * 2**20
_HEX = re.compile(r"[0-9a-f]{12,64}")
_USUAL_RUNTIMES = ("", "runc", "io.containerd.runc.v2")
_LISTS = (
    ("CapAdd", "cap_add"),
    ("CapDrop", "cap_drop"),
    ("Dns", "dns"),
    ("DnsSearch", "dns_search"),
    ("ExtraHosts", "extra_hosts"),
    ("SecurityOpt", "security_opt"),
    ("VolumesFrom", "volumes_from"),
)
_NAMESPACES = (("PidMode", "pid"), ("UTSMode", "uts"), ("UsernsMode", "userns_mode"))


def container_service(raw: Raw, host: Host, sections: Sections, short: str) -> dict[str, Any]:
    """The service's mapping; what it refers to is added to `sections`."""
    subject = f"{sections.stack}/{short}"
    scrub = sections.scrub
    config, there = mapping(raw, "Config"), mapping(raw, "HostConfig")
    image = mapping(host.images.get(text(raw, "Image"), {}), "Config")
    out: dict[str, Any] = {"image": scrub.plain(_image(raw, host))}
    out |= _command(config, image, there, scrub, subject)
    out |= _variables(config, image, scrub, subject)
    own_check = mapping(config, "Healthcheck")
    if own_check and own_check != mapping(image, "Healthcheck"):
        out["healthcheck"] = healthcheck(own_check, scrub, subject)
    depends = texts(config, "Labels").get(COMPOSE_DEPENDS, "")
    needed = [item.partition(":")[0] for item in depends.split(",") if item]
    if needed:
        out["depends_on"] = needed
    out |= _host_config(there, scrub, subject)
    out |= _networks(raw, host, sections, short)
    out |= _mounts(raw, host, sections)
    ports = _ports(there)
    if ports:
        out["ports"] = ports
    deploy = _deploy(there)
    if deploy:
        out["deploy"] = {"resources": deploy}
    return out


def _command(config: Raw, image: Raw, there: Raw, scrub: Scrubber, subject: str) -> dict[str, Any]:
    """How the container is started, where that is not the image's own way."""
    out: dict[str, Any] = {}
    for key, name in (("Entrypoint", "entrypoint"), ("Cmd", "command")):
        found = words(config, key)
        # An image's command goes with its entrypoint: with another there is none.
        if found and (found != words(image, key) or "entrypoint" in out):
            out[name] = scrub.words(subject, name, found)
    for key, name in (
        ("User", "user"),
        ("WorkingDir", "working_dir"),
        ("StopSignal", "stop_signal"),
    ):
        if text(config, key) and text(config, key) != text(image, key):
            out[name] = scrub.plain(text(config, key))
    hostname = text(config, "Hostname")
    shared = text(there, "NetworkMode").startswith(("host", "container:"))
    if hostname and not _HEX.fullmatch(hostname) and not shared:
        out["hostname"] = scrub.plain(hostname)
    for key, name in (("Tty", "tty"), ("OpenStdin", "stdin_open")):
        if config.get(key) is True:
            out[name] = True
    return out


def _variables(config: Raw, image: Raw, scrub: Scrubber, subject: str) -> dict[str, Any]:
    """Environment and labels, without the image's own."""
    out: dict[str, Any] = {}
    given = variables(words(config, "Env"))
    brought = variables(words(image, "Env"))
    environment = {key: value for key, value in given.items() if brought.get(key) != value}
    if environment:
        out["environment"] = {k: scrub.text(subject, k, v) for k, v in environment.items()}
    theirs = texts(image, "Labels")
    labels = {
        key: value
        for key, value in own_labels(texts(config, "Labels")).items()
        if theirs.get(key) != value
    }
    if labels:
        out["labels"] = scrub.mapping(subject, "label", labels)
    return out


def _image(raw: Raw, host: Host) -> str:
    name = text(raw, "Config", "Image")
    if name and not name.startswith("sha256:") and not _HEX.fullmatch(name):
        return name
    tags = words(host.images.get(text(raw, "Image"), {}), "RepoTags")
    return tags[0] if tags else name or text(raw, "Image")


def _host_config(there: Raw, scrub: Scrubber, subject: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, name in (
        ("Privileged", "privileged"),
        ("ReadonlyRootfs", "read_only"),
        ("Init", "init"),
    ):
        if there.get(key) is True:
            out[name] = True
    for key, name in _LISTS:
        found = [item.removeprefix("CAP_") for item in words(there, key)]
        if found:
            out[name] = [scrub.plain(item) for item in found]
    for key, name in _NAMESPACES:
        if text(there, key):
            out[name] = text(there, key)
    if text(there, "IpcMode") not in ("", "private", "shareable"):
        out["ipc"] = text(there, "IpcMode")
    out |= _devices(there, scrub)
    shm = int(number(there, "ShmSize"))
    if shm and shm != USUAL_SHM:
        out["shm_size"] = write_size(shm)
    policy = text(there, "RestartPolicy", "Name")
    if policy and policy != "no":
        attempts = int(number(there, "RestartPolicy", "MaximumRetryCount"))
        out["restart"] = f"{policy}:{attempts}" if attempts else policy
    driver = text(there, "LogConfig", "Type")
    options = texts(there, "LogConfig", "Config")
    if driver and (driver != "json-file" or options):
        shown = scrub.mapping(subject, "log option", options)
        out["logging"] = {"driver": driver, **({"options": shown} if shown else {})}
    return out


def _devices(there: Raw, scrub: Scrubber) -> dict[str, Any]:
    """Devices, runtime, kernel settings and limits."""
    out: dict[str, Any] = {}
    devices = [
        f"{text(item, 'PathOnHost')}:{text(item, 'PathInContainer')}"
        for item in listed(there, "Devices")
        if text(item, "PathOnHost")
    ]
    if devices:
        out["devices"] = devices
    if any(words(item, "Driver") == ["nvidia"] for item in listed(there, "DeviceRequests")):
        out["gpus"] = "all"
    if text(there, "Runtime") not in _USUAL_RUNTIMES:
        out["runtime"] = text(there, "Runtime")
    if texts(there, "Sysctls"):
        out["sysctls"] = {k: scrub.plain(v) for k, v in texts(there, "Sysctls").items()}
    limits = ulimits(listed(there, "Ulimits"))
    if limits:
        out["ulimits"] = limits
    return out


def _networks(raw: Raw, host: Host, sections: Sections, short: str) -> dict[str, Any]:
    mode = text(raw, "HostConfig", "NetworkMode")
    if mode in ("host", "none") or mode.startswith("container:"):
        return {"network_mode": mode}
    known = {text(item, "Name"): item for item in host.networks}
    identity = text(raw, "Id")[:12]
    names = (short, text(raw, "Name").lstrip("/"), identity, text(raw, "Config", "Hostname"))
    found: dict[str, Any] = {}
    for name in mapping(raw, "NetworkSettings", "Networks"):
        attached = mapping(raw, "NetworkSettings", "Networks", name)
        key = sections.network(known.get(name, {"Name": name}))
        if key is None:
            continue
        entry: dict[str, Any] = {}
        aliases = [a for a in words(attached, "Aliases") if a not in names]
        if aliases:
            entry["aliases"] = list(dict.fromkeys(aliases))
        for field, what in (("IPv4Address", "ipv4_address"), ("IPv6Address", "ipv6_address")):
            if text(attached, "IPAMConfig", field):
                entry[what] = text(attached, "IPAMConfig", field)
        found[key] = entry or None
    if not found or found == {"default": None}:
        return {}
    plain = all(value is None for value in found.values())
    return {"networks": list(found) if plain else {k: v or {} for k, v in found.items()}}


def _mounts(raw: Raw, host: Host, sections: Sections) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for item in listed(raw, "Mounts"):
        kind, target = text(item, "Type"), text(item, "Destination")
        if not target:
            continue
        entry: dict[str, Any] = {"type": kind or "volume"}
        if kind == "volume" and text(item, "Name"):
            name = text(item, "Name")
            entry["source"] = sections.volume(name, host.volumes.get(name, {}))
        elif kind == "bind" and text(item, "Source"):
            entry["source"] = sections.scrub.plain(text(item, "Source"))
        entry["target"] = sections.scrub.plain(target)
        if item.get("RW") is False:
            entry["read_only"] = True
        found.append(entry)
    there = {entry["target"] for entry in found}
    for target in mapping(raw, "HostConfig", "Tmpfs"):
        if target not in there:
            found.append({"type": "tmpfs", "target": sections.scrub.plain(str(target))})
    found.sort(key=lambda entry: str(entry["target"]))
    return {"volumes": found} if found else {}


def _ports(there: Raw) -> list[dict[str, Any]]:
    found = []
    for key, bindings in mapping(there, "PortBindings").items():
        target, _, protocol = str(key).partition("/")
        if not target.isdigit() or not 0 < int(target) < 65536:
            continue
        bound = [item for item in listed(bindings) if isinstance(item, Mapping)]
        # A port bound to several addresses is one port to Swarm.
        published = {text(item, "HostPort"): text(item, "HostIp") for item in bound}
        for port, address in sorted(published.items()) or [("", "")]:
            entry: dict[str, Any] = {"target": int(target)}
            if port.isdigit() and 0 < int(port) < 65536:
                entry["published"] = int(port)
            if address not in EVERYWHERE:
                entry["host_ip"] = address
            found.append({**entry, "protocol": protocol or "tcp", "mode": "ingress"})
    return found


def _deploy(there: Raw) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    cpus = number(there, "NanoCpus") / NANO
    if not cpus and number(there, "CpuQuota") and number(there, "CpuPeriod"):
        cpus = number(there, "CpuQuota") / number(there, "CpuPeriod")
    if cpus:
        limits["cpus"] = f"{cpus:.3f}".rstrip("0").rstrip(".")
    if number(there, "Memory"):
        limits["memory"] = write_size(int(number(there, "Memory")))
    if number(there, "PidsLimit"):
        limits["pids"] = int(number(there, "PidsLimit"))
    reserved = number(there, "MemoryReservation")
    found = {"limits": limits} if limits else {}
    if reserved:
        found["reservations"] = {"memory": write_size(int(reserved))}
    return found
