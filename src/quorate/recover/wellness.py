"""Waiting until services are well again, as after a deployment."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.deploy.settle import Expectation, Outcome, judge
from quorate.errors import DeployError
from quorate.recover.site import Site
from quorate.tools import clock

PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.5


def until_well(place: Site, names: Sequence[str], patience: float = PATIENCE_SECONDS) -> None:
    """Wait until each service (its name in Swarm) has all its tasks running and healthy.

    Raises:
        DeployError: one fails, or takes longer than `patience` (seconds).
    """
    since = place.snapshot().taken_at
    expected = [Expectation(swarm_name=one, since=since, patience=patience) for one in names]
    while True:
        seen = place.snapshot()
        verdicts = [judge(one, seen) for one in expected]
        place.report.services(verdicts)
        failed = [one for one in verdicts if one.outcome is Outcome.FAILED]
        if failed:
            said = "; ".join(f"{one.swarm_name}: {one.detail or one.phase}" for one in failed)
            raise DeployError(
                f"not well: {said}",
                todo="see `quorate logs`, mend it, and go on with `quorate operations resume`",
            )
        if all(one.outcome is Outcome.HEALTHY for one in verdicts):
            return
        clock.sleep(POLL_SECONDS)
