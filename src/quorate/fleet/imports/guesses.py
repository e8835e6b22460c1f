"""What `x-quorate` would say of a service, where its files do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from quorate.fleet.families import DEFAULT, family_of, is_runner
from quorate.fleet.imports.classes import DEFAULT_CLASS, guess_class
from quorate.fleet.imports.model import Guess, Kind
from quorate.fleet.imports.text import Said, scalar
from quorate.fleet.model import Service, State
from quorate.fleet.quantities import write_size

MIB = 2**20


class Measured(NamedTuple):
    """What one replica was seen to use: bytes and threads, over `seconds` on `where`."""

    memory: int
    memory_peak: int
    cpu: float
    cpu_peak: float
    seconds: float
    where: str

    @property
    def words(self) -> str:
        return f"seen over {self.seconds:.0f} s on {self.where}; not its peak"


class Guesser:
    """Collects what is written under one service's `x-quorate`, each with its reason."""

    def __init__(self, file: str, subject: str) -> None:
        self.file = file
        self.subject = subject
        self.guesses: list[Guess] = []

    def say(self, key: str, value: Any, why: str, kind: Kind = Kind.GUESS) -> Said:
        """The value with its remark, remembered in the list of guesses."""
        items = value if isinstance(value, list | tuple) else [value]
        shown = ", ".join(item if isinstance(item, str) else scalar(item) for item in items)
        guess = Guess(
            kind=kind, file=self.file, subject=self.subject, key=key, value=shown, why=why
        )
        self.guesses.append(guess)
        return Said(value, guess.remark)


def guess_service(
    service: Service,
    guesser: Guesser,
    *,
    stack_class: str,
    measured: Measured | None = None,
    named: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """The `x-quorate` mapping to add: only keys that the files leave open.

    Args:
        service: as resolved; what was assumed in it is what has to be guessed.
        stack_class: the class its stack has in the fleet file.
        measured: what it was seen to use, where that is known.
        named: its class and where that was found, instead of a guess.
    """
    found: dict[str, Any] = {}
    if not written_class(service):
        name, why = named or service_class(service)
        if name != stack_class:
            found["class"] = guesser.say("class", name, why or "nothing says otherwise")
    if "state" not in service.x and service.state is not State.NONE:
        found["state"] = guesser.say("state", service.state.value, _assumed(service, "state "))
    load = _load(service, guesser, measured)
    if load:
        found["load"] = load
    return found


def written_class(service: Service) -> bool:
    """Whether its compose file gives it a class, itself or for all in the file."""
    return "class" in service.x or service.workload_class != DEFAULT_CLASS


def service_class(service: Service) -> tuple[str, str]:
    """The class of a service: as written where its files give one, else a guess and its reason."""
    if written_class(service):
        return service.workload_class, "its compose file says so"
    return guess_class(service.stack, service.name, service.image, service.state)


def _assumed(service: Service, start: str) -> str:
    """The reason in brackets behind what was assumed: `state volume (it keeps data in …)`."""
    for words in service.assumed:
        if words.startswith(start):
            _, bracket, rest = words.partition(" (")
            return rest.removesuffix(")") if bracket else words
    return "its image and volumes"


def _load(service: Service, guesser: Guesser, measured: Measured | None) -> dict[str, Any]:
    said: Mapping[str, Any] = service.x.get("load") or {}
    open_keys = {words.split(" ", 1)[0] for words in service.assumed}
    load: dict[str, Any] = {}
    if "memory" in open_keys:
        load |= _memory(service, guesser, measured)
    if "CPU" in open_keys:
        load |= _cpu(service, guesser, measured)
    if "spiky" not in said and is_runner(service.image):
        load["spiky"] = guesser.say("load.spiky", True, "builds come in bursts")
    return load


def _memory(service: Service, guesser: Guesser, measured: Measured | None) -> dict[str, Any]:
    if measured is not None:
        limit = service.limit_memory
        memory = _rounded(measured.memory)
        memory = min(memory, limit) if limit else memory
        out = {
            "memory": guesser.say("load.memory", write_size(memory), measured.words, Kind.MEASURED)
        }
        peak = max(limit, _rounded(measured.memory_peak))
        if peak > memory and not limit:
            out["memory_peak"] = guesser.say(
                "load.memory_peak", write_size(peak), measured.words, Kind.MEASURED
            )
        return out
    memory = service.load.memory
    why = f"no reservation{_limit_words(service.limit_memory)}; {_usual(service)}"
    return {"memory": guesser.say("load.memory", write_size(memory), why)}


def _cpu(service: Service, guesser: Guesser, measured: Measured | None) -> dict[str, Any]:
    if measured is not None:
        cpu, peak = _hundredths(measured.cpu), _hundredths(measured.cpu_peak)
        if service.limit_cpus:
            cpu = min(cpu, service.limit_cpus)
        out = {"cpu": guesser.say("load.cpu", cpu, measured.words, Kind.MEASURED)}
        if peak > cpu and not service.limit_cpus:
            out["cpu_peak"] = guesser.say("load.cpu_peak", peak, measured.words, Kind.MEASURED)
        return out
    why = f"no reservation; {_usual(service)}"
    return {"cpu": guesser.say("load.cpu", round(service.load.cpu, 3), why)}


def _limit_words(limit: int) -> str:
    return f" (its limit is {write_size(limit)})" if limit else ""


def _usual(service: Service) -> str:
    family = family_of(service.image)
    if family is DEFAULT:
        return "a rule of thumb for any service"
    return f"a rule of thumb for {family.name}"


def _rounded(size: int) -> int:
    return max(1, math.ceil(size / MIB)) * MIB


def _hundredths(cpu: float) -> float:
    return max(0.01, math.ceil(cpu * 100) / 100)
