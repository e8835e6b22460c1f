"""What is seen before a fleet is made anew on empty servers. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quorate.fleet.model import Fleet
from quorate.plan.model import Plan
from quorate.recover.membership.model import Machine as Host
from quorate.recover.server.sight import Machine


@dataclass(frozen=True, kw_only=True)
class Sight:
    """The fleet as its recovered files say it, where the plan puts it, and the servers.

    `origin`: the repository that is left, by its name. `directory`: where the bundle was laid out.
    `hosts`: servers that answer ssh; `engines`: those of them whose Docker engine answers;
    `silent`: the others, with why. `occupied`: by server, directories of the fleet's data that have
    something in them. `in_lab`: the servers are a lab's.
    `least_memory`: the share of what the fleet file says below which no server is deployed to.
    """

    fleet: Fleet
    plan: Plan
    origin: str
    directory: str
    hosts: Mapping[str, Host] = field(default_factory=dict)
    engines: Mapping[str, Machine] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    occupied: Mapping[str, frozenset[str]] = field(default_factory=dict)
    in_lab: bool = False
    least_memory: float = 1.0
