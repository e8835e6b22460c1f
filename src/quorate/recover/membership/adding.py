"""A machine that is to join: asked what it is, and written as an entry of the fleet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from quorate.errors import UsageError
from quorate.fleet.imports.compare import snippet
from quorate.fleet.imports.hardware import Hardware
from quorate.fleet.imports.text import dump
from quorate.fleet.model import Model, Role
from quorate.observe.hardware import inspect
from quorate.recover.membership import look
from quorate.recover.membership.choose import add
from quorate.recover.membership.model import Machine
from quorate.recover.model import Operation
from quorate.recover.site import Site
from quorate.tools import ssh


class Wanted(Model):
    """What a person says of a new server. `memory` and `cpus` are what a lab gives it."""

    name: str
    address: str = ""
    user: str | None = None
    port: int | None = None
    config: Path | None = None
    manager: bool = False
    labels: dict[str, str] = Field(default_factory=dict)
    memory: str = ""
    cpus: float = 1.0


class _Quiet:
    """Listens to nothing while a machine is asked."""

    def phase(self, title: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Nothing."""


def choose(place: Site, wanted: Wanted) -> Operation:
    """Ask the machine and the fleet, and choose the steps.

    Raises:
        UsageError: what is said is not enough, or there is one of that name.
        RefusedError: it cannot be added; why.
        UnreachableError, EngineError: it does not answer, or no manager works.
    """
    members, _ = look.members(place.connections)
    if place.lab is not None:
        return _in_lab(place, wanted, members)
    if not wanted.address:
        raise UsageError("the address of the machine is not known", todo="give --address")
    target = ssh.Target(
        name=wanted.name, host=wanted.address, user=wanted.user, port=wanted.port,
        config=wanted.config,
    )  # fmt: skip
    place.report.phase(f"asking {wanted.name} what it is")
    managers = {server.name: server.address for server in place.fleet.managers}
    machine = look.machine(target, managers)
    walls = look.firewalled(place.connections)
    operation = add(place.fleet.name, members, machine, manager=wanted.manager, firewalled=walls)
    hardware, failed = inspect([target], _Quiet())
    if failed:
        raise next(iter(failed.values()))
    return _with_entry(operation, entry_text(wanted, hardware[wanted.name]))


def _in_lab(place: Site, wanted: Wanted, members: tuple[Any, ...]) -> Operation:
    if not wanted.memory:
        raise UsageError("a lab has to be told the machine's memory", todo="give --memory 2G")
    machine = Machine(name=wanted.name, address=wanted.name)
    operation = add(place.fleet.name, members, machine, manager=wanted.manager, in_lab=True)
    entry: dict[str, Any] = {
        "address": wanted.address or wanted.name,
        "role": _role(wanted).value,
        "cpus": wanted.cpus,
        "memory": wanted.memory,
    }
    if wanted.labels:
        entry["labels"] = wanted.labels
    return _with_entry(operation, dump({"servers": {wanted.name: entry}}))


def entry_text(wanted: Wanted, found: Hardware) -> str:
    """A server as a piece of a fleet file, from what was found and what was said. Pure."""
    given = {"user": wanted.user, "port": wanted.port}
    ways: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if wanted.config is not None:
        ways["config"] = str(wanted.config)
    known = found.model_copy(update={"role": _role(wanted).value, "name": wanted.name})
    text = snippet(wanted.name, wanted.address, ways, known)
    if not wanted.labels:
        return text
    lines = "".join(f"      {key}: {value!r}\n" for key, value in wanted.labels.items())
    return f"{text.rstrip()}\n    labels:\n{lines}"


def _role(wanted: Wanted) -> Role:
    return Role.MANAGER if wanted.manager else Role.WORKER


def _with_entry(operation: Operation, entry: str) -> Operation:
    return operation.model_copy(update={"facts": {**operation.facts, "entry": entry}})
