"""Servers on the command line of a what-if: new ones, and known ones with other figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quorate.fleet.model import Disk, Fleet, Server
from quorate.fleet.quantities import parse_cpus, parse_share, parse_size
from quorate.plan.whatif.names import bad, find_server, pair, settings, words

ADDED_ADDRESS = "192.0.2.1"
"""A documentation address (RFC 5737): an added server is nowhere yet."""


def _positive(parse: Callable[[Any], float]) -> Callable[[str], float]:
    def parsed(value: str) -> float:
        number = parse(value)
        if number <= 0:
            raise ValueError("must be above 0")
        return number

    return parsed


SERVER_KEYS: dict[str, Callable[[str], Any]] = {
    "memory": _positive(parse_size),
    "cpus": _positive(parse_cpus),
    "speed": _positive(parse_cpus),
    "disk": _positive(parse_size),
    "uptime_days": parse_cpus,
    "reliability": parse_share,
}
"""What `--add` and `--resize` take of a server, and how each is read."""

ADD_KEYS = ("name", *SERVER_KEYS, "kind", "role", "zone")
DISK_KINDS = ("nvme", "ssd", "hdd")


def _figures(option: str, text: str, given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in SERVER_KEYS:
            try:
                found[key] = SERVER_KEYS[key](value)
            except ValueError as error:
                raise bad(option, text, f"{key}: {error}") from None
    return found


def added(fleet: Fleet, text: str) -> Server:
    """The server of an `--add`; UsageError when it cannot be read."""
    given = settings("--add", text, words(text), ADD_KEYS)
    for key in ("name", "memory", "cpus"):
        if key not in given:
            raise bad("--add", text, f"{key}= is missing", todo="give name, memory and cpus")
    name = given["name"]
    if any(server.name.lower() == name.lower() for server in fleet.servers):
        raise bad(
            "--add", text, f"{name} is in the fleet", todo=f"--resize {name}=…, or another name"
        )
    for key, known in (("kind", DISK_KINDS), ("role", ("manager", "worker"))):
        if given.get(key, known[-1]) not in known:
            raise bad("--add", text, f"{key} is one of {', '.join(known)}")
    figures = _figures("--add", text, given)
    size = figures.pop("disk", None)
    disks = (Disk(name="disk", size=size, kind=given.get("kind", "ssd")),) if size else ()
    return Server(
        name=name,
        address=ADDED_ADDRESS,
        role=given.get("role", "worker"),
        zone=given.get("zone"),
        disks=disks,
        **figures,
    )


def resized(text: str, servers: Mapping[str, Server]) -> tuple[str, Server]:
    """The server of a `--resize` with its new figures, by name; UsageError as above."""
    name, right = pair("--resize", text, "SERVER=memory=…,cpus=…")
    server = servers[find_server("--resize", name, servers)]
    given = settings("--resize", text, words(right), tuple(SERVER_KEYS), default="memory")
    figures = _figures("--resize", text, given)
    size = figures.pop("disk", None)
    if size:
        first = server.disks[0] if server.disks else Disk(name="disk", size=size)
        figures["disks"] = (first.model_copy(update={"size": size}), *server.disks[1:])
    return server.name, server.model_copy(update=figures)
