"""Is every server fit for what is about to happen? Asked before anything is changed.

All servers are asked at once; each problem is a finding, and all of them are
reported together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quorate.deploy import checks
from quorate.deploy.checks import Finding, Scale, Severity
from quorate.deploy.facts import ServerFacts, gather_facts, try_ports
from quorate.deploy.returning import Say, observe_returned
from quorate.deploy.swarm_state import SwarmState, addresses_of
from quorate.deploy.swarm_steps import steps
from quorate.errors import EngineError, MachineError, QuorateError
from quorate.fleet.model import Fleet, Role
from quorate.observe.connect import Connections, in_parallel

if TYPE_CHECKING:
    from quorate.fleet.model import Server

SWARM_PORT = 2377
GOSSIP_PORT = 7946


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """The findings, worst first, and the swarm as it was seen."""

    findings: tuple[Finding, ...]
    swarm: SwarmState = field(repr=False)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    def raise_errors(self) -> None:
        """Stop when there is an error.

        Raises:
            MachineError: with every error that was found.
        """
        errors = self.errors
        if not errors:
            return
        what = "the servers are not ready ({}); nothing was changed"
        if len(errors) == 1:
            raise MachineError(what.format("a problem"), cause=str(errors[0]), todo=errors[0].todo)
        said = "\n".join(f"{f}; {f.todo}" if f.todo else str(f) for f in errors)
        raise MachineError(
            what.format(f"{len(errors)} problems"), cause=said, todo="mend each of them, then retry"
        )


def preflight(
    fleet: Fleet,
    connections: Connections,
    *,
    scale: Scale | None = None,
    say: Say = lambda text: None,
) -> Preflight:
    """Check all servers. Raises nothing for a server's sake: that is a finding."""
    state = observe_returned(connections, say)
    answers = connections.each(gather_facts)
    facts = answers.results
    findings = [
        *checks.unreachable(fleet, answers.errors, state),
        *_membership(fleet, state),
        *(
            finding
            for server in fleet.servers
            if server.name in facts
            for finding in checks.one_server(fleet, server, facts[server.name], scale or Scale())
        ),
        *_between(fleet, facts, state),
    ]
    order = list(Severity)
    return Preflight(
        findings=tuple(sorted(findings, key=lambda f: (order.index(f.severity), f.server))),
        swarm=state,
    )


def _membership(fleet: Fleet, state: SwarmState) -> list[Finding]:
    """Whether a swarm can be made of these servers at all."""
    try:
        steps(fleet, state)
    except EngineError as error:
        if state.members:
            return [checks.from_error("swarm", "", error)]
    return []


def _between(fleet: Fleet, facts: Mapping[str, ServerFacts], state: SwarmState) -> list[Finding]:
    """What must hold between servers: clocks, MTU, versions, ports."""
    found = [*checks.clocks(facts), *checks.versions(facts)]
    present = [server for server in fleet.servers if server.name in facts]
    try:
        addresses = addresses_of(present, {name: f.interfaces for name, f in facts.items()})
    except QuorateError as error:
        return [*found, checks.from_error("address", "", error)]
    found += checks.mtus(facts, addresses)
    return found + _ports(fleet, facts, addresses, state)


def _ports(
    fleet: Fleet,
    facts: Mapping[str, ServerFacts],
    addresses: Mapping[str, str],
    state: SwarmState,
) -> list[Finding]:
    """Try each server's Swarm ports from every other server."""
    present = [s for s in fleet.servers if s.name in facts]
    if len(present) < 2:
        return []

    def attempt(server: Server) -> dict[tuple[str, int], str]:
        pairs = [
            (addresses[other.name], port)
            for other in present
            if other is not server
            for port in ([SWARM_PORT] if other.role is Role.MANAGER else []) + [GOSSIP_PORT]
        ]
        return try_ports(server, pairs)

    tried = in_parallel(attempt, present).results
    names = {address: name for name, address in addresses.items()}
    return checks.ports(tried, names, state)
