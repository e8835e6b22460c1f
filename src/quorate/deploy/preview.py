"""What an `up` is about to do, as one value to show, confirm and check against."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.deploy.desired import desired_services
from quorate.deploy.diff import Changes, diff
from quorate.deploy.goal import make_goal
from quorate.deploy.live import live_services
from quorate.deploy.prepare import Foreseen
from quorate.deploy.spec import Spec
from quorate.deploy.steer import Move, Wish, decide
from quorate.fleet.observed import Snapshot
from quorate.plan.model import Plan
from quorate.stacks.model import Rendered
from quorate.stacks.pools import replace_ours


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is deployed beside the stacks: Quorate's own services.

    `steps`: what is done for them elsewhere, in words. `findings`: what stands in the way of one.
    """

    changes: Changes = field(default_factory=Changes)
    steps: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def to_do(self) -> bool:
        return bool(self.changes or self.steps)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`steps` are the swarm set-up's in words, `moves` what steering does per swarm name.

    `changes` are those of the stacks.
    """

    plan: Plan
    foreseen: Foreseen
    steps: tuple[str, ...]
    changes: Changes
    moves: Mapping[str, Move]
    beside: Beside = field(default_factory=Beside)

    @property
    def homecoming(self) -> tuple[str, ...]:
        """Services that run, unchanged, but not at home."""
        touched = self.changes.touched
        return tuple(n for n, m in self.moves.items() if m is Move.PLACE and n not in touched)

    @property
    def all_changes(self) -> Changes:
        """Those of the stacks and of what is beside them."""
        return self.changes.joined(self.beside.changes)

    @property
    def nothing_to_do(self) -> bool:
        """Whether the live fleet is already as wanted."""
        return self.stacks_as_wanted and not self.beside.to_do

    @property
    def stacks_as_wanted(self) -> bool:
        """Whether all is but what is beside the stacks."""
        return not (
            self.steps
            or self.changes
            or self.foreseen.labels
            or self.foreseen.networks
            or any(move is not Move.NOTHING for move in self.moves.values())
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready; nothing secret in it."""
        return {
            "steps": [*self.steps, *self.beside.steps],
            "networks": list(self.foreseen.networks),
            "labels": {
                change.server: {"put": change.put, "drop": list(change.drop)}
                for change in self.foreseen.labels
            },
            "changes": self.all_changes.as_json(),
            "homecoming": list(self.homecoming),
            "local_images": list(self.foreseen.local),
            "moves": {name: str(move) for name, move in sorted(self.moves.items())},
        }


def preview(
    plan: Plan,
    foreseen: Foreseen,
    snapshot: Snapshot,
    *,
    fleet: str,
    steps: tuple[str, ...],
    hidden: Collection[str] = (),
    beside: Beside | None = None,
) -> Preview:
    """Compare what is wanted with what is there; `hidden` texts are masked. Pure."""
    changes = changes_of(foreseen.rendered, snapshot, fleet=fleet, hidden=hidden)
    goal = make_goal(foreseen.rendered, plan, changed=changes.touched)
    return Preview(
        plan=plan,
        foreseen=foreseen,
        steps=steps,
        changes=changes,
        moves={wish.swarm_name: expected_move(wish, snapshot) for wish in goal.wishes},
        beside=beside or Beside(),
    )


def expected_move(wish: Wish, snapshot: Snapshot) -> Move:
    """As `decide`; before there is a swarm, every service will be placed."""
    return decide(wish, snapshot) if snapshot.nodes else Move.PLACE


def changes_of(
    rendered: Rendered, snapshot: Snapshot, *, fleet: str, hidden: Collection[str] = ()
) -> Changes:
    """The difference to the live services, Quorate's own constraint left to steering."""
    desired = desired_services(rendered)
    live = live_services(snapshot, fleet=fleet, stacks={stack.name for stack in rendered.stacks})
    return diff(
        {name: _unsteered(spec) for name, spec in desired.items()},
        {name: _unsteered(spec) for name, spec in live.items()},
        hidden=hidden,
    )


def _unsteered(spec: Spec) -> Spec:
    placement = spec["placement"]
    kept = replace_ours(placement.get("constraints") or (), None)
    return {**spec, "placement": {**placement, "constraints": kept}}
