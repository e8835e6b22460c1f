"""What an alerting rule is, and what the rules of a fleet are made with. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

from quorate.alerts.metrics import FLEET, Metric
from quorate.fleet.model import Fleet
from quorate.swarm.timing import TIMING

ELECTIONS = 3
"""An election is won within twice its time-out of ten ticks; one that splits takes another."""

MEANT = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What has a meaning in a regular expression of Prometheus (RE2's QuoteMeta)."""


class Severity(StrEnum):
    """Critical: people notice, or the next loss would be an outage. Warning: look the same day.

    Info: worth knowing.
    """

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One alert: fires when `expr` has held for `wait` seconds.

    The three texts may hold Prometheus' templates (`{{ $labels.server }}`); `labels` are
    added to those of the expression, beside the severity.
    """

    alert: str
    expr: str
    wait: float
    severity: Severity
    summary: str
    cause: str
    action: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The fleet that rules are for; `every`: seconds between two observations."""

    fleet: Fleet
    every: float

    @property
    def file(self) -> str:
        """The fleet file, as commands in annotations name it."""
        return self.fleet.path.name

    def of(self, metric: Metric, *matchers: str) -> str:
        """The metric's series of this fleet, in PromQL; `matchers` as `server="a"`."""
        inside = ",".join((f"{FLEET}={quoted(self.fleet.name)}", *matchers))
        return f"{metric.name}{{{inside}}}"

    @property
    def noticed(self) -> float:
        """Seconds that Swarm itself bears with a silent node after a change of leader.

        By then one that is there has come back, so one that is not is no blip.
        """
        return TIMING.unknown_grace * self.fleet.swarm.heartbeat

    @property
    def election(self) -> float:
        """Seconds within which managers that can elect a leader have one."""
        return ELECTIONS * TIMING.raft.election_ticks * TIMING.raft.tick


def quoted(text: str) -> str:
    """A string in PromQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def one_of(label: str, values: tuple[str, ...], *, but: bool = False) -> str:
    """A matcher for any of these values, or (`but`) for any other."""
    pattern = "|".join(MEANT.sub(r"\\\g<0>", value) for value in values)
    return f"{label}{'!~' if but else '=~'}{quoted(pattern)}"


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it, in whole seconds, rounded up."""
    left, out = math.ceil(seconds), ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        out += f"{count}{unit}" if count else ""
    return out or "0s"
