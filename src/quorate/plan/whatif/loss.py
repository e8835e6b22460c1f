"""What Swarm does when servers are lost, replayed through the model of its scheduler."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.plan.model import LossOutcome
from quorate.plan.scene import Scene, scene
from quorate.plan.survive import replay
from quorate.plan.whatif.apply import without_servers
from quorate.plan.whatif.side import Side, side_of
from quorate.swarm.choice import Dice
from quorate.swarm.schedule import tick

SEED = 0
"""Swarm breaks ties at random; the after side is drawn with this seed."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The side after a loss, one way it may come; `outcome` tells all ways together."""

    side: Side
    outcome: LossOutcome


def lose(side: Side, lost: tuple[str, ...]) -> Loss:
    """The side after these servers are gone."""
    gone = set(lost)
    start = scene(side.fleet, side.plan)
    outcome = replay(start, lost)
    homes = {name: [at for at in homes if at not in gone] for name, homes in side.homes.items()}
    if outcome.quorum:
        for name, where in _placed(start, lost).items():
            homes[name].extend(where)
    servers = tuple(server for server in side.fleet.servers if server.name in gone)
    after = side_of(
        without_servers(side.fleet, gone),
        {name: tuple(sorted(at)) for name, at in homes.items()},
        lost=(*side.lost, *servers),
    )
    return Loss(side=after, outcome=outcome)


def _placed(start: Scene, lost: tuple[str, ...]) -> dict[str, list[str]]:
    """Service → the servers that take its lost tasks, in one order Swarm may go through them."""
    board = start.board.copy()
    numbers = [board.number(name) for name in lost]
    board.remove(numbers)
    groups: dict[str, int] = {}
    for number in numbers:
        for name in start.at[number]:
            tasks = start.homes[name][number]
            if name in board.services:
                board.end(name, number, tasks)
            if name in start.replaced:
                groups[name] = groups.get(name, 0) + tasks
    names = [server.name for server in start.fleet.servers]
    found = tick(board, groups, Dice(SEED))
    return {name: [names[node] for node in nodes] for name, nodes in found.items()}
