"""Does a prediction keep what is demanded of it?"""

from __future__ import annotations

from collections.abc import Sequence

from quorate.errors import UsageError
from quorate.fleet.model import Policy
from quorate.fleet.quantities import parse_duration
from quorate.predict.model import Fate, Prediction

SHOWN = 5


def limit_of(text: str) -> float:
    """Seconds of a limit as people write it.

    Raises:
        UsageError: it is not a duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            f"`{text}` is not a limit", cause=str(error), todo="write --fail-on 60s"
        ) from error


def broken(found: Prediction, policy: Policy, limit: float) -> list[str]:
    """Which production services the loss of one server stops for longer than `limit` s, in words.

    What waits for its server, by its data or its pins, is left out: no setting of Swarm's
    brings it back sooner.
    """
    return [
        f"{fate.service}, with the loss of {failure.name}: {_how_long(fate)}"
        for failure in found.failures
        if len(failure.servers) == 1
        for fate in failure.fates
        if fate.workload_class in policy.production_classes
        and not fate.waits
        and (fate.answers is None or fate.answers.high > limit)
    ]


def words(found: Sequence[str], limit: float) -> str:
    """The verdict in a line or two."""
    if not found:
        return f"no predicted outage of a production service is longer than {limit:g} s"
    more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{len(found)} predicted outages of production services are longer than {limit:g} s:\n  "
        + "\n  ".join(found[:SHOWN])
        + more
        + "\n  what helps: more replicas, a shorter heartbeat or restart delay"
    )


def _how_long(fate: Fate) -> str:
    if fate.answers is not None:
        return f"up to {fate.answers.high:.0f} s"
    needs = ", ".join((*fate.through, *(f"the storage on {name}" for name in fate.storage)))
    why = f", as it needs {needs}" if needs else ""
    return f"until somebody helps{why}"
