"""The fleet with a service elsewhere in thought, and with steps taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from quorate.fleet.model import Fleet
from quorate.plan.rules import Rule
from quorate.plan.whatif.side import Homes, Side, side_of


@dataclass(frozen=True, kw_only=True)
class There:
    """The fleet with the steps taken so far, and everything where it is but the moved."""

    fleet: Fleet
    homes: Homes
    target: str
    moving: tuple[str, ...]

    def side(self) -> Side:
        return side_of(self.fleet, {**self.homes, **self.at()})

    def at(self) -> dict[str, tuple[str, ...]]:
        """The homes of what moves: its last task goes to the server."""
        found = {}
        for name in self.moving:
            home = list(self.homes[name])
            if home and self.target not in home:
                home[-1] = self.target
            found[name] = tuple(sorted(home))
        return found

    def change(self, name: str, **update: object) -> There:
        services = tuple(
            s.model_copy(update=update) if s.id == name else s for s in self.fleet.services
        )
        return replace(self, fleet=self.fleet.model_copy(update={"services": services}))

    def resize(self, **update: object) -> There:
        return replace(self, fleet=with_server(self.fleet, self.target, **update))


Key = tuple[str, object]


def key(rule: Rule) -> Key:
    """What makes a rule the same before and after a change (words of capacities hold figures)."""
    if rule.kind.startswith("capacity:"):
        return rule.kind, frozenset(host for x in rule.limits for _, (_, _, host) in x.terms)
    return rule.kind, rule.words


def broken(there: There, before: set[Key]) -> Iterator[Rule]:
    """The hard rules broken there that were not before."""
    return (rule for rule in there.side().broken_rules if key(rule) not in before)


def first(there: There, before: set[Key]) -> Rule | None:
    """The plainest of them."""
    return next(broken(there, before), None)


def with_server(fleet: Fleet, name: str, **update: object) -> Fleet:
    """The fleet with other figures for one server."""
    servers = tuple(s.model_copy(update=update) if s.name == name else s for s in fleet.servers)
    return fleet.model_copy(update={"servers": servers})
