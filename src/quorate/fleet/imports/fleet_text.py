"""The text of a new fleet file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quorate.fleet.imports.guesses import Guesser
from quorate.fleet.imports.text import Above, Said, dump

HEAD = (
    "Written by `quorate init`. What the sources do not say is marked:",
    "  guess        rests on the reason given; correct it where it is wrong",
    "  measured     seen for a short time only",
    "  placeholder  made up, so that `quorate plan` can begin; put what is true",
    "Then: quorate check · quorate plan · quorate up --dry-run",
)


def fleet_text(
    name: str,
    servers: Mapping[str, Any],
    stacks: Mapping[str, Mapping[str, Any]],
    guesser: Guesser,
    *,
    spiky: bool,
    swarm: Mapping[str, Any] | None = None,
) -> str:
    """The whole fleet file.

    Args:
        name: of the fleet, as it is to be written.
        servers: its `servers:`, remarks included.
        stacks: its `stacks:`, remarks included.
        guesser: for the guesses about the fleet as a whole.
        spiky: whether services of class `ci` come in bursts.
        swarm: its `swarm:`, where a swarm was read.
    """
    document: dict[str, Any] = {
        "version": 1,
        "name": name,
        "servers": dict(servers),
        "stacks": dict(stacks),
        "policy": _policy(servers, guesser, spiky=spiky),
    }
    if swarm:
        document["swarm"] = dict(swarm)
    return dump(document, head=HEAD)


def _policy(servers: Mapping[str, Any], guesser: Guesser, *, spiky: bool) -> dict[str, Any]:
    roles = [entry["role"] for entry in servers.values()]
    managers = sum((r.value if isinstance(r, Said) else r) == "manager" for r in roles)
    survive = 1 if managers >= 3 else 0
    why = f"{managers} managers survive the loss of one" if survive else (
        "fewer than three managers survive no loss"
    )  # fmt: skip
    policy: dict[str, Any] = {"survive": guesser.say("policy.survive", survive, why)}
    if spiky:
        remarks = (
            "Builds come in bursts; to keep them away from production:",
            "isolation: [{spiky: ci, away_from: production}]",
        )
        policy["survive"] = Above(policy["survive"], remarks)
    return policy
