"""One service of a stack file: everything but its `deploy` section."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quorate.fleet.model import Service, State
from quorate.stacks import shapes, units
from quorate.stacks.keys import TEXTS, TRUTHS, dropped
from quorate.stacks.mounts import mounts
from quorate.stacks.networks import attachments
from quorate.stacks.secrets import references
from quorate.swarm.timing import START_INTERVAL_ENGINE

LOGGING_DRIVER = "json-file"
LOGGING_OPTIONS = {"max-size": "10m", "max-file": "3"}
"""Docker's own default keeps a container's log without limit, until the disk is full."""

GRACE_SECONDS = {
    State.POSTGRES: 120,
    State.MARIADB: 120,
    State.REDIS: 60,
    State.GITLAB: 180,
    State.VOLUME: 30,
    State.CACHE: 30,
}
"""Seconds to end in order before the kill; Docker gives 10, too few for a checkpoint or a dump."""


def container(
    service: Service, directory: Path, engine: tuple[int, ...], notes: list[str]
) -> dict[str, Any]:
    """The service's mapping as stack files know it, without `deploy`.

    Args:
        directory: where relative paths start.
        engine: the oldest engine version to satisfy.
        notes: gets one sentence per thing that changed or was left out.
    """
    raw = service.raw
    notes += dropped(raw)
    out: dict[str, Any] = {"image": service.image}
    for key in ("entrypoint", "command"):
        if raw.get(key) is not None:
            out[key] = shapes.command(raw[key])
    out |= {key: shapes.text(raw[key]) for key in TEXTS if raw.get(key) is not None}
    out |= {key: shapes.truth(raw[key]) for key in TRUTHS if raw.get(key) is not None}
    if raw.get("credential_spec"):
        out["credential_spec"] = dict(raw["credential_spec"])
    out |= _maps(service, notes)
    out |= _lists(raw)
    out |= _files(raw)
    check = healthcheck(raw.get("healthcheck"), engine, notes)
    if check:
        out["healthcheck"] = check
    grace = raw.get("stop_grace_period")
    if grace is not None:
        out["stop_grace_period"] = units.go_duration(grace)
    elif service.state in GRACE_SECONDS:
        out["stop_grace_period"] = f"{GRACE_SECONDS[service.state]}s"
    ports = _ports(service, notes)
    if ports:
        out["ports"] = ports
    mounted = mounts(raw, directory, notes)
    if mounted:
        out["volumes"] = mounted
    out["networks"] = attachments(raw, notes).section
    out["logging"] = logging(raw.get("logging"))
    return out


def _maps(service: Service, notes: list[str]) -> dict[str, Any]:
    raw = service.raw
    out: dict[str, Any] = {}
    environment: dict[str, str | None] = {
        **shapes.mapping(raw.get("environment")),
        **service.environment,
    }
    for key in [key for key, value in environment.items() if value is None]:
        notes.append(f"the variable {key} has no value and is left out: give it one")
        del environment[key]
    if environment:
        out["environment"] = environment
    for key in ("labels", "sysctls"):
        if raw.get(key):
            out[key] = shapes.strings(raw[key])
    if raw.get("ulimits"):
        out["ulimits"] = {str(key): _ulimit(value) for key, value in raw["ulimits"].items()}
    return out


def _ulimit(value: Any) -> int | dict[str, int]:
    if isinstance(value, Mapping):
        return {key: shapes.integer(value[key]) for key in ("soft", "hard")}
    return shapes.integer(value)


def _lists(raw: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("cap_add", "cap_drop", "dns", "dns_search")
    out: dict[str, Any] = {key: shapes.items(raw[key]) for key in keys if raw.get(key)}
    if raw.get("extra_hosts"):
        out["extra_hosts"] = shapes.hosts(raw["extra_hosts"])
    return out


def _files(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: references(raw[key]) for key in ("secrets", "configs") if raw.get(key)}


def _ports(service: Service, notes: list[str]) -> list[dict[str, Any]]:
    for entry in service.raw.get("ports") or []:
        address = entry.get("host_ip") if isinstance(entry, Mapping) else _host_ip(str(entry))
        if address and address not in ("0.0.0.0", "::"):
            notes.append(
                f"the port {service.name} binds to {address} is published on every address: "
                "Swarm binds to none in particular; close it in a firewall"
            )
    out = []
    for port in service.ports:
        long: dict[str, Any] = {"target": port.target}
        if port.published:
            long["published"] = port.published
        out.append({**long, "protocol": port.protocol, "mode": port.mode})
    return out


def _host_ip(short: str) -> str | None:
    parts = short.rsplit(":", 2)
    return parts[0].strip("[]") if len(parts) == 3 else None


def healthcheck(check: Any, engine: tuple[int, ...], notes: list[str]) -> dict[str, Any]:
    """The health check with its durations as Go reads them; empty when there is none."""
    if not check:
        return {}
    if shapes.truth(check.get("disable")):
        return {"disable": True}
    out: dict[str, Any] = {}
    test = check.get("test")
    if test is not None:
        out["test"] = shapes.command(test) if not isinstance(test, str) else test
    for key in ("interval", "timeout", "start_period"):
        if check.get(key) is not None:
            out[key] = units.go_duration(check[key])
    if check.get("retries") is not None:
        out["retries"] = shapes.integer(check["retries"])
    if check.get("start_interval") is not None:
        if engine >= START_INTERVAL_ENGINE:
            out["start_interval"] = units.go_duration(check["start_interval"])
        else:
            notes.append(
                "`healthcheck.start_interval` is left out: engines before 25 refuse it "
                "(swarm.minimum_engine in the fleet file says what this fleet has)"
            )
    return out


def logging(given: Any) -> dict[str, Any]:
    """The user's log driver, or a rotated json-file."""
    if not given:
        return {"driver": LOGGING_DRIVER, "options": dict(LOGGING_OPTIONS)}
    out: dict[str, Any] = {"driver": str(given.get("driver") or LOGGING_DRIVER)}
    if given.get("options"):
        out["options"] = shapes.strings(given["options"])
    elif out["driver"] == LOGGING_DRIVER:
        out["options"] = dict(LOGGING_OPTIONS)
    return out
