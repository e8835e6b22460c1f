"""The fleet file's `swarm:`, from a swarm that runs."""

from __future__ import annotations

from typing import Any

from quorate.fleet.imports.guesses import Guesser
from quorate.fleet.imports.inventory import Inventory, mapping, number, text, texts
from quorate.fleet.model import SwarmSettings
from quorate.fleet.quantities import write_duration

NANO = 1e9


def swarm_settings(inventory: Inventory, guesser: Guesser) -> dict[str, Any]:
    """What differs from Quorate's defaults; empty where no swarm was seen."""
    swarm = inventory.swarm
    if swarm is None:
        return {}
    out: dict[str, Any] = {}
    usual = SwarmSettings()
    heartbeat = number(swarm.settings, "Dispatcher", "HeartbeatPeriod") / NANO
    if heartbeat >= 1 and heartbeat != usual.heartbeat:
        out["heartbeat"] = write_duration(heartbeat)
    history = mapping(swarm.settings, "Orchestration").get("TaskHistoryRetentionLimit")
    if isinstance(history, int) and history >= 0 and history != usual.task_history:
        out["task_history"] = history
    open_networks = [
        text(raw, "Name")
        for raw in swarm.networks
        if text(raw, "Driver") == "overlay"
        and raw.get("Ingress") is not True
        and "encrypted" not in texts(raw, "Options")
    ]
    if open_networks:
        shown = ", ".join(sorted(open_networks)[:3])
        out["encrypt_networks"] = guesser.say(
            "swarm.encrypt_networks", False, f"its networks are not, {shown} for one"
        )
    return out
