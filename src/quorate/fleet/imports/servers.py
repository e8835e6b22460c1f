"""The servers of a new fleet: as given on the command line, and made up where nobody said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from quorate.errors import UsageError
from quorate.fleet.imports.guesses import Guesser
from quorate.fleet.imports.model import Kind
from quorate.fleet.model import Model
from quorate.fleet.problems import did_you_mean
from quorate.fleet.quantities import parse_cpus, parse_size, write_size

KEYS = ("name", "address", "memory", "cpus", "role", "user", "port", "speed", "zone")
ROLES = ("manager", "worker")
GIB = 2**30
NETWORK = "192.0.2."
"""Documentation addresses (RFC 5737): a placeholder can never be somebody's server."""

LARGEST = 4096
PLACEHOLDERS = 3


class GivenServer(Model):
    """A server of a `--server` option; None where it does not say."""

    name: str
    address: str | None = None
    memory: int | None = None
    cpus: float | None = None
    role: str | None = None
    user: str | None = None
    port: int | None = None
    config: str | None = None
    speed: float | None = None
    zone: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class Needs(Model):
    """What the services ask of the servers, all replicas together. Bytes and threads.

    `largest` is the most that one service asks, `bound_…` what those ask that may not
    run everywhere.
    """

    memory: int = 0
    cpus: float = 0.0
    largest: int = 0
    bound_memory: int = 0
    bound_cpus: float = 0.0
    names: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    worker: bool = False


def parse_server(text: str) -> GivenServer:
    """The server of one `--server name=…,address=…,memory=…,cpus=…,role=…`.

    Raises:
        UsageError: it cannot be read.
    """
    found: dict[str, Any] = {"labels": {}}
    for part in filter(None, (item.strip() for item in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key.startswith("label.") and equals:
            found["labels"][key.removeprefix("label.")] = value
            continue
        if not equals or not value or key not in KEYS:
            meant = did_you_mean(key, KEYS) if key not in KEYS else ""
            raise _bad(text, f"`{part}` cannot be read{meant}")
        if key in found:
            raise _bad(text, f"`{key}` is there twice")
        found[key] = _value(text, key, value)
    if "name" not in found:
        raise _bad(text, "name= is missing")
    return GivenServer(**found)


def _value(text: str, key: str, value: str) -> Any:
    try:
        if key == "memory":
            return _positive(parse_size(value))
        if key in ("cpus", "speed"):
            return _positive(parse_cpus(value))
        if key == "port":
            return int(value)
    except ValueError as error:
        raise _bad(text, f"{key}: {error}") from None
    if key == "role" and value not in ROLES:
        raise _bad(text, f"role is manager or worker, not `{value}`")
    return value


def _positive(number: Any) -> Any:
    if number <= 0:
        raise ValueError("must be above 0")
    return number


def _bad(text: str, what: str) -> UsageError:
    return UsageError(
        f"--server {text}: {what}",
        todo=f"write --server name=one,address=10.0.0.1,memory=16GiB,cpus=8,role=manager "
        f"({', '.join(KEYS)}, label.NAME)",
    )


def given_servers(texts: Iterable[str]) -> tuple[GivenServer, ...]:
    """Every `--server`; UsageError when two have one name."""
    servers = tuple(parse_server(text) for text in texts)
    seen: set[str] = set()
    for server in servers:
        if server.name.lower() in seen:
            raise _bad(f"name={server.name}", "this server is given twice")
        seen.add(server.name.lower())
    return servers


def placeholders(needs: Needs) -> tuple[GivenServer, ...]:
    """As many made-up servers as the services need; named as their constraints name servers."""
    names = list(needs.names) or []
    letters = (f"server-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    wanted = max(PLACEHOLDERS + needs.worker, len(names))
    while len(names) < wanted:
        names.append(next(letters))
    managers = names[: len(names) - 1] if needs.worker and len(names) > 1 else names
    managers = managers[: 3 if len(managers) >= 3 else 1]
    return tuple(
        GivenServer(name=name, role="manager" if name in managers else "worker") for name in names
    )


def describe(
    servers: tuple[GivenServer, ...], needs: Needs, guesser_of: Any, *, invented: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The `servers:` section, and the servers in order of their memory, largest first.

    What was not given is a placeholder, and marked: enough memory and CPU for all
    services on all servers but one.
    """
    roles = _roles(servers)
    memory, cpus = _sizes(needs, len(servers))
    labels = _labels(servers, needs)
    section: dict[str, Any] = {}
    for index, server in enumerate(servers):
        guesser: Guesser = guesser_of(server.name)
        section[server.name] = _entry(
            server, guesser, roles=roles, size=(memory, cpus), labels=labels[server.name],
            address=f"{NETWORK}{11 + index}" if invented else server.name,
        )  # fmt: skip
    order = sorted(servers, key=lambda s: -(s.memory if s.memory is not None else memory))
    return section, tuple(server.name for server in order)


def _entry(
    server: GivenServer,
    guesser: Guesser,
    *,
    roles: Mapping[str, str],
    size: tuple[int, float],
    labels: Mapping[str, str],
    address: str,
) -> dict[str, Any]:
    made_up = address.startswith(NETWORK)
    entry: dict[str, Any] = {
        "address": server.address
        or (
            guesser.say("address", address, "no server was given", Kind.PLACEHOLDER)
            if made_up
            else guesser.say("address", address, "its name, as no address was given")
        )
    }
    ssh = {key: getattr(server, key) for key in ("user", "port", "config") if getattr(server, key)}
    if ssh:
        entry["ssh"] = ssh
    entry["role"] = server.role or guesser.say(
        "role", roles[server.name], "no role was given; an odd number of managers"
    )
    if server.role and made_up and server.address is None:
        why = "three managers survive one loss" if server.role == "manager" else (
            "a constraint asks for a worker, or there are managers enough"
        )  # fmt: skip
        entry["role"] = guesser.say("role", server.role, why, Kind.PLACEHOLDER)
    why = "nobody said; all services fit with one server lost"
    entry["cpus"] = (
        server.cpus
        if server.cpus is not None
        else guesser.say("cpus", size[1], why, Kind.PLACEHOLDER)
    )
    entry["memory"] = (
        _whole(server.memory)
        if server.memory is not None
        else guesser.say("memory", write_size(size[0]), why, Kind.PLACEHOLDER)
    )
    entry |= {key: getattr(server, key) for key in ("speed", "zone") if getattr(server, key)}
    if labels:
        entry["labels"] = {
            key: value
            if key in server.labels
            else guesser.say(f"labels.{key}", value, "a constraint asks for it", Kind.PLACEHOLDER)
            for key, value in labels.items()
        }
    return entry


def _whole(memory: int) -> str:
    """Memory in whole MiB: an engine counts pages, and nobody plans by them."""
    mib = 2**20
    return write_size(memory // mib * mib if memory >= mib else memory)


def _roles(servers: tuple[GivenServer, ...]) -> dict[str, str]:
    """Roles as given; of the others as many managers as make 1 or 3 in all."""
    managers = sum(server.role == "manager" for server in servers)
    wanted = 3 if len(servers) >= 3 else 1
    roles: dict[str, str] = {}
    for server in servers:
        role = server.role or ("manager" if managers < wanted else "worker")
        managers += server.role is None and role == "manager"
        roles[server.name] = role
    return roles


def _sizes(needs: Needs, count: int) -> tuple[int, int]:
    """Memory in bytes and CPU threads of a placeholder."""
    share = max(1, count - 1)
    memory = max(needs.memory / share, needs.largest, needs.bound_memory) / 0.8
    threads = max(2.0, needs.cpus / share / 0.8, needs.bound_cpus / 0.8)
    gib = max(4, math.ceil(memory / GIB))
    return _power(gib) * GIB, min(_power(math.ceil(threads)), LARGEST)


def _power(number: int) -> int:
    """The number, rounded up to a size that machines have: 4, 6, 8, 12, 16, 24 …"""
    power = 2
    while power * 2 < number:
        power *= 2
    return next(size for size in (power, power * 3 // 2, power * 2) if size >= number)


def _labels(servers: tuple[GivenServer, ...], needs: Needs) -> dict[str, dict[str, str]]:
    """The labels of each server: its own, and those that constraints ask for and none has."""
    found = {server.name: dict(server.labels) for server in servers}
    for key, value in needs.labels:
        if any(labels.get(key, "").lower() == value.lower() for labels in found.values()):
            continue
        free = next((labels for labels in found.values() if key not in labels), None)
        if free is not None:
            free[key] = value
    return found
