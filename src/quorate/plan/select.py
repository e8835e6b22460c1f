"""A plan with some of its services only."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from quorate.errors import UsageError
from quorate.plan.model import Plan


def select(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan showing only these services, by id, `stack/name` or `stack_name`.

    Raises:
        UsageError: a name is no service's.
    """
    known: dict[str, str] = {}
    for placement in plan.services.values():
        for name in (
            f"{placement.stack}_{placement.name}",
            f"{placement.stack}/{placement.name}",
            placement.id,
        ):
            known[name] = placement.id
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UsageError(
                f"no service is called {name}",
                todo=f"did you mean {close[0]}?" if close else "see `quorate plan` for the names",
            )
    chosen = {known[name] for name in names}
    services = {name: p for name, p in plan.services.items() if name in chosen}
    return plan.model_copy(update={"services": services})
