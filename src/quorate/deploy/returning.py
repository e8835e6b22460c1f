"""Servers that are just back: give them the time to get into their swarm again.

An engine that has just started knows its swarm, yet is not in it until a manager
has taken its registration: some seconds, more while a leader is elected. Who looks
in that moment sees a server that lost its membership, or a swarm without a leader.

A manager is not back before its leader has reached it. The leader tries that at
growing intervals (gRPC's: up to two minutes after a long absence). Meanwhile the
returned one hears of no leader and stands for election, again and again; when the
leader gets through to it at last, its higher term makes that leader step down, and
the swarm has none for up to half a minute (Swarm's raft has no pre-vote). Nothing
should be deployed into that: see docs/adr/0019.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.deploy.swarm_state import Membership, SwarmState, observe_swarm
from quorate.fleet.model import Fleet
from quorate.observe.connect import Connections
from quorate.tools import clock

RETURN_SECONDS = 240.0
"""The longest wait: gRPC's longest interval (120 s and a fifth), the attempt after it (20 s), the
election that follows (up to 20 s, two of them where the votes split). Agents back off for up to
8 s, and one whose manager was parted from what is now the leader waits for that interval too."""
POLL_SECONDS = 1.0

Say = Callable[[str], None]


def observe_returned(connections: Connections, say: Say) -> SwarmState:
    """As `observe_swarm`, after a wait of up to `RETURN_SECONDS` where servers are on their way."""
    deadline = clock.monotonic() + RETURN_SECONDS
    state = observe_swarm(connections)
    told: tuple[str, ...] = ()
    while (late := returning(connections.fleet, state)) and clock.monotonic() < deadline:
        if late != told:
            say(_words(late, state))
            told = late
        clock.sleep(POLL_SECONDS)
        state = observe_swarm(connections)
    return state


def returning(fleet: Fleet, state: SwarmState) -> tuple[str, ...]:
    """The servers that answer and may yet get into the swarm they know. Pure.

    Without a leader that is possible only where most of the fleet's managers answer.
    """
    members = {s.name: state.members[s.name] for s in fleet.servers if s.name in state.members}
    if any(member.works for member in members.values()):
        return tuple(name for name, member in members.items() if _is_late(member, state))
    waiting = {n for n, m in members.items() if m.state in ("pending", "active")}
    managers = {server.name for server in fleet.managers}
    if len(waiting & managers) * 2 <= len(managers):
        return ()
    return tuple(name for name in members if name in waiting)


def _is_late(member: Membership, state: SwarmState) -> bool:
    """Listed by the swarm, but not ready or reached; or starting, and not yet saying as whom."""
    if member.state == "pending" and not member.node_id:
        return True
    return member.state in ("pending", "active") and any(
        node.id == member.node_id and not (node.ready and node.reached) for node in state.nodes
    )


def _words(late: tuple[str, ...], state: SwarmState) -> str:
    """What is waited for. Pure."""
    names = ", ".join(late)
    if not any(member.works for member in state.members.values()):
        return f"waiting for the swarm to elect a leader ({names} answer)"
    unreached = {node.hostname for node in state.nodes if not node.reached}
    if unreached.issuperset(late):
        return f"waiting for the swarm's leader to reach {names} again; it tries ever less often"
    return f"waiting for the swarm to have {names} back"
