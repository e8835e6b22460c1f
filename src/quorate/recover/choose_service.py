"""What mends one service, from what was found in the swarm. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from quorate.backup.policy.quiesce import Stale
from quorate.deploy.settle import Expectation, Outcome, judge
from quorate.fleet.observed import Snapshot
from quorate.observe.deep import faults
from quorate.observe.deep_model import Action, Check, Finding, Kind
from quorate.observe.deep_tasks import SERVICE_LABEL
from quorate.recover.model import Operation, Step

KIND = "recover service"
VERIFY = "verify"
MENDS = (Kind.REMOVE, Kind.REPLACE, Kind.RESTART)
"""In this order: what runs beside the service first, so that it does not come up beside it."""
SECONDS = {Kind.REMOVE: 5.0, Kind.REPLACE: 20.0, Kind.RESTART: 15.0}
VERIFIED_SECONDS = 10.0


def of_service(name: str, found: Iterable[Finding], seen: Snapshot) -> tuple[Finding, ...]:
    """The faults that are about a service (its name in Swarm), whatever else was found."""
    live = seen.service(name)
    mine = {name}
    if live is not None:
        mine |= {
            str(task.node_id)
            for task in seen.tasks
            if task.service_id == live.id and task.node_id and task.desired_state == "running"
        }
    mine |= {one.id for one in seen.containers if one.labels.get(SERVICE_LABEL) == name}
    return tuple(
        one
        for one in faults(found)
        if one.subject in mine
        or (one.action is not None and one.action.target in mine)
        or any(part in mine for part in one.subject.split())
    )


def stuck(name: str, seen: Snapshot) -> str:
    """Why a service is not well although nothing was found; empty: it is well."""
    verdict = judge(Expectation(swarm_name=name, since=seen.taken_at), seen)
    if verdict.outcome is Outcome.HEALTHY:
        return ""
    said = verdict.detail or verdict.phase
    return f"{verdict.running} of {verdict.desired} tasks run" + (f" ({said})" if said else "")


def operation(
    fleet: str, name: str, found: Sequence[Finding], left: Sequence[Stale], seen: Snapshot
) -> Operation | None:
    """The steps that mend it; None: nothing is wrong, or nothing that a step could mend.

    Args:
        left: services that somebody who is dead has stopped.
    """
    why = stuck(name, seen)
    actions = {one.action: one for one in found if one.action and one.action.kind in MENDS}
    mine = [one for one in left if one.name == name]
    if not actions and not mine and why:
        restart = Action(kind=Kind.RESTART, target=name)
        actions[restart] = Finding(check=Check.SWARM, where="swarm", what=f"{name}: {why}")
    steps = [
        Step(id=f"let-go-{number}", says=f"start {name} again: {one.why}", seconds=1.0)
        for number, one in enumerate(mine)
    ]
    mends: list[dict[str, Any]] = []
    for action in sorted(actions, key=lambda one: MENDS.index(one.kind)):
        identity = f"mend-{len(mends)}"
        steps.append(
            Step(
                id=identity,
                says=f"{actions[action].what}: {action.kind}",
                seconds=SECONDS[action.kind],
            )
        )
        node = seen.node(action.target) if action.kind is Kind.REPLACE else None
        mends.append(
            {
                "step": identity,
                "action": action.model_dump(mode="json"),
                "availability": node.availability if node else "",
            }
        )
    if not steps:
        return None
    steps.append(
        Step(id=VERIFY, says=f"see that {name} is well, and look again", seconds=VERIFIED_SECONDS)
    )
    by_hand = [one for one in found if one.action is None or one.action.kind not in MENDS]
    return Operation(
        kind=KIND,
        subject=name,
        fleet=fleet,
        steps=tuple(steps),
        warnings=tuple(f"{one.what}: {one.mend}" for one in by_hand),
        facts={
            "service": name,
            "mends": mends,
            "let_go": [{"step": f"let-go-{n}", "run": one.run} for n, one in enumerate(mine)],
            "keys": [[one.check.value, one.subject or one.where] for one in found],
        },
    )
