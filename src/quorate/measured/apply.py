"""The fleet as if its files said what was measured."""

from __future__ import annotations

from collections.abc import Mapping

from quorate.fleet.model import Fleet, Service
from quorate.fleet.quantities import show_duration
from quorate.measured.model import Measurement
from quorate.measured.suggest import Suggestion, suggest

ASSUMED = ("no reservation and no load",)
"""Words of what was assumed because the files gave no figure; a measured one replaces it."""


def as_measured(fleet: Fleet, suggestions: Mapping[str, Suggestion]) -> Fleet:
    """The fleet with the suggested figures in place of the written ones.

    Reading the files after the same suggestions were written gives the same figures.
    """
    services = tuple(
        _with(service, suggestions[service.id]) if service.id in suggestions else service
        for service in fleet.services
    )
    return fleet.model_copy(update={"services": services})


def with_measurement(fleet: Fleet, found: Measurement) -> tuple[Fleet, str]:
    """The fleet as measured, and what was done, in words."""
    suggestions = suggest(fleet, found)
    left = len(fleet.services) - len(suggestions)
    words = (
        f"loads and reservations of {len(suggestions)} services are as measured "
        f"({found.source.kind}, {show_duration(found.window)} until {found.end:%Y-%m-%d %H:%M} "
        f"UTC), of {left} as declared"
    )
    return as_measured(fleet, suggestions), words


def _with(service: Service, new: Suggestion) -> Service:
    load = service.load
    memory = new.memory or load.memory
    cpu = load.cpu if new.cpu is None else new.cpu
    peak_memory = new.memory_peak or load.memory_peak
    peak_cpu = load.cpu_peak if new.cpu_peak is None else new.cpu_peak
    given = {"memory": new.memory is not None, "CPU": new.cpu is not None}
    return service.model_copy(
        update={
            "load": load.model_copy(
                update={
                    "memory": memory,
                    "memory_peak": max(memory, peak_memory),
                    "cpu": cpu,
                    "cpu_peak": max(cpu, peak_cpu),
                }
            ),
            "reservation_memory": new.reservation_memory or service.reservation_memory,
            "reservation_cpus": new.reservation_cpus or service.reservation_cpus,
            "limit_memory": new.limit_memory or service.limit_memory,
            "assumed": tuple(text for text in service.assumed if not _replaced(text, given)),
        }
    )


def _replaced(text: str, given: Mapping[str, bool]) -> bool:
    return any(words in text for words in ASSUMED) and given.get(text.split(" ", 1)[0], False)
