"""The `deploy` section of a service, completed with what keeps it dependable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.model import Mode, Service
from quorate.fleet.quantities import write_duration, write_size
from quorate.plan.model import Placement, ServerUse
from quorate.plan.reserve import reservation
from quorate.stacks import pools, shapes, units

MONITOR = "10s"
"""How long an updated task is watched; Swarm's own default of 5 s misses slow crashes.

Not longer where there is a health check: Swarm counts a task as running only once
the check has passed, so what starts badly has failed before the watch begins.
"""

JOB_ENGINE = (23, 0)
"""The first docker whose stack files know job modes."""

RESTART_WINDOW = "120s"
"""Only restarts inside it count against max_attempts, so that old failures are forgiven."""


_COMPLETED = (
    "endpoint_mode",
    "placement",
    "replicas",
    "resources",
    "restart_policy",
    "rollback_config",
    "update_config",
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the `deploy` section needs to know besides the service itself.

    `engine` is the oldest version to satisfy; `restart_delay`, in seconds, that of
    services that name none; `fastest` the speed of the fleet's
    fastest server; `uses` the servers under the plan (empty: unknown); `zoned`
    whether the pool spans several zones.
    """

    fleet: str
    engine: tuple[int, ...]
    restart_delay: float
    placement: Placement
    constraint: str | None
    fastest: float
    uses: Mapping[str, ServerUse]
    zoned: bool


def deployment(
    service: Service, body: Mapping[str, Any], setting: Setting, notes: list[str]
) -> dict[str, Any]:
    """The `deploy` mapping; the user's own values win key by key.

    Args:
        body: the rest of the rendered service (its health check decides how long
            an update is watched).
        notes: gets one sentence per decision worth telling.
    """
    given: Mapping[str, Any] = service.raw.get("deploy") or {}
    job = service.mode in (Mode.REPLICATED_JOB, Mode.GLOBAL_JOB)
    out: dict[str, Any] = {"mode": _mode(service, job, setting, notes)}
    if service.mode in (Mode.REPLICATED, Mode.REPLICATED_JOB):
        out["replicas"] = service.replicas
    endpoint = str(given.get("endpoint_mode") or "")
    if endpoint == "dnsrr" and any(port.mode == "ingress" for port in service.ports):
        notes.append("`endpoint_mode: dnsrr` is left out: Swarm refuses it with ingress ports")
    elif endpoint:
        out["endpoint_mode"] = endpoint
    out["labels"] = {
        **shapes.strings(given.get("labels")),
        "quorate.fleet": setting.fleet,
        "quorate.service": service.id,
        "quorate.class": service.workload_class,
    }
    placement = _placement(service, given.get("placement") or {}, setting)
    if placement:
        out["placement"] = placement
    resources = _resources(service, given.get("resources") or {}, setting, notes)
    if resources:
        out["resources"] = resources
    out["restart_policy"] = _restart(
        service, given.get("restart_policy") or {}, setting.restart_delay, job, notes
    )
    if not out["mode"].endswith("job"):
        order = update_order(service, setting, notes)
        basis = {"parallelism": 1, "monitor": MONITOR, "order": order}
        out["update_config"] = _rollout(
            given.get("update_config"), {**basis, "failure_action": "rollback"}
        )
        # A rollback that fails cannot be rolled back: it stops where it is.
        out["rollback_config"] = _rollout(
            given.get("rollback_config"), {**basis, "failure_action": "pause"}
        )
    known = {*out, *_COMPLETED}
    notes += [
        f"`deploy.{key}` is left out: stack files do not know this key"
        for key in given
        if key not in known and not str(key).startswith("x-")
    ]
    return out


def _mode(service: Service, job: bool, setting: Setting, notes: list[str]) -> str:
    """The mode; a job becomes a service that stays ended where docker is too old for jobs."""
    if not job or setting.engine >= JOB_ENGINE:
        return service.mode.value
    mode = service.mode.value.removesuffix("-job")
    notes.append(
        f"`{service.mode.value}` becomes {mode}, restarted on failure only: docker before 23 knows "
        "no jobs in stack files"
    )
    return mode


def _placement(service: Service, given: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    kept = [item for item in service.constraints if not pools.is_hostname_pin(item)]
    constraints = pools.replace_ours(kept, setting.constraint)
    out: dict[str, Any] = {"constraints": constraints} if constraints else {}
    preferences: list[dict[str, Any]] = [
        {"spread": str(item["spread"])} for item in given.get("preferences") or [] if item
    ]
    if not preferences:
        preferences = [{"spread": item} for item in service.preferences]
    if not preferences and setting.zoned and service.replicas > 1:
        preferences = [{"spread": f"node.labels.{pools.ZONE_LABEL}"}]
    if preferences:
        out["preferences"] = preferences
    if service.max_replicas_per_node:
        out["max_replicas_per_node"] = service.max_replicas_per_node
    return out


def _resources(
    service: Service, given: Mapping[str, Any], setting: Setting, notes: list[str]
) -> dict[str, Any]:
    """Limits as written; reservations as `plan.reserve` has them."""
    limits: dict[str, Any] = {}
    if service.limit_cpus:
        limits["cpus"] = units.cpus(service.limit_cpus)
    if service.limit_memory:
        limits["memory"] = write_size(service.limit_memory)
    pids = (given.get("limits") or {}).get("pids") or service.raw.get("pids_limit")
    if pids:
        limits["pids"] = shapes.integer(pids)
    reserved = reservation(service, setting.fastest)
    reservations: dict[str, Any] = {}
    if reserved.cpu:
        reservations["cpus"] = units.cpus(reserved.cpu / 1000)
    if reserved.memory:
        reservations["memory"] = write_size(reserved.memory)
    wanted = given.get("reservations") or {}
    if wanted.get("generic_resources"):
        reservations["generic_resources"] = wanted["generic_resources"]
    if wanted.get("devices"):
        notes.append("`deploy.resources.reservations.devices` is left out: Swarm has none")
    missing = [
        word
        for word, own, used in (
            ("memory", service.reservation_memory, reserved.memory),
            ("cpus", service.reservation_cpus, reserved.cpu),
        )
        if not own and used
    ]
    if missing:
        notes.append(f"no reservation of {' and '.join(missing)}: the baseline load is reserved")
    return {
        key: value for key, value in (("limits", limits), ("reservations", reservations)) if value
    }


def _restart(
    service: Service, given: Mapping[str, Any], delay: float, job: bool, notes: list[str]
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "condition": "on-failure" if job else "any",
        "delay": write_duration(delay),
    }
    restart = service.raw.get("restart")
    if not given and restart is not None:
        word, _, attempts = shapes.text(restart).partition(":")
        if word in ("no", "false"):
            out["condition"] = "none"
            notes.append(
                "`restart: no` becomes condition none: Swarm does not replace it after a "
                "server's loss either"
            )
        elif word == "on-failure":
            out["condition"] = "on-failure"
            if attempts:
                out["max_attempts"] = int(attempts)
    out["window"] = RESTART_WINDOW
    for key in ("condition", "delay", "max_attempts", "window"):
        if given.get(key) is not None:
            value = given[key]
            out[key] = (
                shapes.integer(value)
                if key == "max_attempts"
                else str(value)
                if key == "condition"
                else units.go_duration(value)
            )
    return out


def _rollout(given: Mapping[str, Any] | None, basis: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(basis)
    for key, value in (given or {}).items():
        if value is None:
            continue
        if key in ("delay", "monitor"):
            out[key] = units.go_duration(value)
        elif key == "parallelism":
            out[key] = shapes.integer(value)
        elif key == "max_failure_ratio":
            out[key] = float(value)
        elif key in ("failure_action", "order"):
            out[key] = str(value)
    return out


def update_order(service: Service, setting: Setting, notes: list[str]) -> str:
    """start-first where old and new may run side by side, else stop-first.

    Two at once would share a volume or fight for a host's port, or find no
    room: Swarm then leaves the new one pending for ever.
    """
    if service.state.keeps_data or any(use.spoiled_by_two for use in service.volumes):
        return "stop-first"
    if any(port.mode == "host" for port in service.ports):
        return "stop-first"
    room = service.max_replicas_per_node * len(setting.placement.pool)
    if room and service.replicas >= room:
        return "stop-first"
    needed = service.reservation_memory or service.load.memory
    full = [
        home
        for home in setting.placement.homes
        if home in setting.uses and setting.uses[home].memory.free < needed
    ]
    if full:
        notes.append(
            f"updates stop the old task first: {full[0]} has no memory to spare for two at once"
        )
        return "stop-first"
    return "start-first"
