"""How stable the servers have been: uptime and reliability."""

from __future__ import annotations

from quorate.fleet.model import Server
from quorate.plan.cost import risk, stateful
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import count


def stability(side: Side, scope: Scope) -> Reading:
    """The planner's risk (0 to 1) of the subjects' servers, or of all that holds data."""
    if scope.subjects:
        servers = [side.server(name) for name in scope.servers(side)]
        worst = max(servers, key=lambda server: (risk(server), server.name))
        return Reading(
            text=said(worst),
            figure=sum(map(risk, servers)) / len(servers),
            details=_details(worst),
        )
    risks = [
        risk(side.server(home))
        for service in side.fleet.services
        if stateful(service)
        for home in side.homes[service.id]
    ]
    if not risks:
        return Reading(text="nothing keeps data", figure=0.0)
    mean = sum(risks) / len(risks)
    return Reading(
        text=f"{count(len(risks), 'task')} with data, mean risk of their servers {mean:.2f}",
        figure=mean,
    )


def said(server: Server) -> str:
    """`up 61 days, 99.9% of the time`."""
    parts = []
    if server.uptime_days is not None:
        parts.append(f"up for {server.uptime_days:g} days")
    if server.reliability is not None:
        parts.append(f"up {server.reliability:.1%} of the time")
    return f"{server.name}: {', '.join(parts) or 'no figure given'}"


def _details(server: Server) -> dict[str, float]:
    found = {"uptime_days": server.uptime_days, "reliability": server.reliability}
    return {key: value for key, value in found.items() if value is not None}
