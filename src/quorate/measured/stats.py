"""An engine's statistics of a container, read. Never raises for what an engine leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quorate.measured.model import compose_key

SWARM_SERVICE = "com.docker.swarm.service.name"
PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"
NANO = 1e9


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at a container: `read` in seconds since 1970, CPU seconds used so far."""

    read: float
    memory: float | None
    cpu_seconds: float | None


def service_key(labels: Mapping[str, Any]) -> str | None:
    """How the service of a container is known; None for a container of neither kind."""
    name = labels.get(SWARM_SERVICE)
    if name:
        return str(name)
    project, service = labels.get(PROJECT), labels.get(COMPOSE_SERVICE)
    return compose_key(str(project), str(service)) if project and service else None


def reading(raw: Any, now: float) -> Reading:
    """What the engine says of a container; `now` where it does not say when it looked."""
    data = raw if isinstance(raw, dict) else {}
    return Reading(
        read=_moment(data.get("read"), now),
        memory=_working_set(data.get("memory_stats")),
        cpu_seconds=_cpu(data.get("cpu_stats")),
    )


def rate(before: Reading, after: Reading) -> float | None:
    """Threads kept busy between two looks; None when that cannot be told."""
    if before.cpu_seconds is None or after.cpu_seconds is None:
        return None
    elapsed, used = after.read - before.read, after.cpu_seconds - before.cpu_seconds
    # The counter of a container that was started anew begins at 0 again.
    return used / elapsed if elapsed > 0 and used >= 0 else None


def _moment(text: Any, now: float) -> float:
    """An engine's time has nanoseconds, of which Python takes six digits."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return now
    head, _, fraction = text.rstrip("Z").partition(".")
    digits = "".join(c for c in fraction[:9] if c.isdigit())
    try:
        return datetime.fromisoformat(f"{head[:19]}+00:00").timestamp() + float(f"0.{digits or 0}")
    except ValueError:
        return now


def _working_set(stats: Any) -> float | None:
    """Usage less the file cache that nobody used lately, as `docker stats` and cAdvisor count.

    Control groups of version 2 call that cache `inactive_file`, version 1 `total_inactive_file`.
    """
    usage = _number(stats, "usage")
    if not usage:
        return None
    details = stats.get("stats")
    cache = _number(details, "total_inactive_file")
    if cache is None:
        cache = _number(details, "inactive_file")
    return max(0.0, usage - (cache or 0.0))


def _cpu(stats: Any) -> float | None:
    usage = stats.get("cpu_usage") if isinstance(stats, dict) else None
    total = _number(usage, "total_usage")
    return None if total is None else total / NANO


def _number(mapping: Any, key: str) -> float | None:
    value = mapping.get(key) if isinstance(mapping, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value >= 0 else None
