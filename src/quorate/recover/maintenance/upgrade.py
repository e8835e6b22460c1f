"""`quorate upgrade-engines`: the order of servers, the gate between them, what is run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from quorate.deploy.settle import Expectation, Outcome, judge
from quorate.errors import UsageError
from quorate.fleet.observed import Snapshot
from quorate.plan.words import listed
from quorate.recover.maintenance.chosen import ENGINE, GATE, ROUND_BACK, ROUND_OUT, Course
from quorate.recover.maintenance.drain import Options, choose
from quorate.recover.maintenance.scene import Scene, residents, runs_once
from quorate.recover.maintenance.specs import STOPPED_FOR
from quorate.recover.model import Operation, Step

ENGINE_SECONDS = 60.0

PACKAGES = """\
set -eu
export DEBIAN_FRONTEND=noninteractive
if dpkg -s docker-ce >/dev/null 2>&1; then
    packages="docker-ce docker-ce-cli containerd.io"
else
    packages="docker.io"
fi
apt-get update -q
apt-get -o DPkg::Lock::Timeout=600 install -q -y --only-upgrade $packages
"""
"""A script of POSIX sh: the distribution's engine, or Docker's own, in its newest version."""


def choose_upgrade(
    scene: Scene, servers: Sequence[str], options: Options, *, script: str
) -> Operation:
    """One server after the other: workers first, the leader last, each through a gate.

    Whether a server can be drained is decided when it is its turn, from what is there then; that
    it can be now is looked at here, so that nothing begins that cannot end.

    Args:
        servers: only these; all when empty.
        script: what upgrades an engine, run as root.

    Raises:
        UsageError, RefusedError, InfeasibleError: as `drain.choose`, for each server.
        UsageError: something is not as it should be already.
    """
    chosen = order(scene, servers)
    wrong = troubles(scene)
    if wrong:
        raise UsageError(
            "engines are upgraded one by one while everything else is whole; it is not",
            cause="; ".join(wrong[:5]),
            todo="see `quorate status`, and mend that first",
        )
    course = Course()
    warnings: list[str] = []
    for server in chosen:
        draining = choose(scene, server, options)
        warnings += [f"{server}: {said}" for said in draining.warnings]
        seconds = draining.seconds or 0.0
        moved = [one.name for one in residents(scene, server) if not one.stays]
        stops = [one.name for one in residents(scene, server) if one.stays and one.alone]
        words = [f"{listed(moved)} elsewhere"] if moved else []
        words += [f"{listed(stops)} stopped"] if stops else []
        _round(course, server, "; ".join(words) or "nothing runs there", seconds, script, options)
    return Operation(
        kind="upgrade engines",
        subject=chosen[0] if len(chosen) == 1 else "",
        fleet=scene.fleet.name,
        steps=tuple(course.steps),
        warnings=tuple(warnings),
        facts={"work": course.work},
    )


def _round(
    course: Course, server: str, words: str, seconds: float, script: str, options: Options
) -> None:
    said: dict[str, Any] = asdict(options)
    course.add(
        Step(id=f"gate-{server}", says="everything is healthy, the quorum whole", seconds=2.0),
        GATE,
    )
    course.add(
        Step(
            id=f"out-{server}",
            says=f"drain {server}: {words}",
            seconds=seconds,
            back=f"undrain {server}",
        ),
        ROUND_OUT,
        server=server,
        options=said,
    )
    course.add(
        Step(id=f"engine-{server}", says=f"upgrade {server}'s engine", seconds=ENGINE_SECONDS),
        ENGINE,
        server=server,
        script=script,
    )
    course.add(
        Step(
            id=f"back-{server}",
            says=f"undrain {server}, and bring home what lives there",
            seconds=seconds,
        ),
        ROUND_BACK,
        server=server,
        at_once=options.at_once,
    )


def order(scene: Scene, servers: Sequence[str]) -> list[str]:
    """Workers first, then managers, the leader last: it is handed over once.

    Raises:
        UsageError: no such server.
    """
    names = list(dict.fromkeys(servers)) or [one.name for one in scene.fleet.servers]
    nodes = {name: scene.node(name) for name in names}
    return sorted(names, key=lambda name: (nodes[name].role == "manager", nodes[name].leader))


def troubles(scene: Scene, *, apart: str = "") -> list[str]:
    """What is not whole: servers, managers, services. `apart`: a server that does not count."""
    found = []
    for server in scene.fleet.servers:
        node = next(
            (n for n in scene.snapshot.nodes if n.hostname == server.name and n.ready), None
        )
        if server.name == apart:
            continue
        if node is None:
            found.append(f"{server.name} is not ready")
        elif node.availability != "active":
            found.append(f"{server.name} is {node.availability}, not active")
        elif node.role != server.role.value:
            found.append(f"{server.name} is a {node.role}, and is to be a {server.role.value}")
        elif not node.reached:
            found.append(f"{server.name} cannot be reached by the other managers")
    return found + _services(scene.snapshot)


def _services(snapshot: Snapshot) -> list[str]:
    found = []
    for service in snapshot.services:
        if runs_once(service) or "job" in service.mode:
            continue
        if STOPPED_FOR in service.labels:
            found.append(f"{service.name} is stopped for {service.labels[STOPPED_FOR]}")
            continue
        # What an update came to once is no trouble now: only whether it runs.
        verdict = judge(Expectation(swarm_name=service.name, since=snapshot.taken_at), snapshot)
        if verdict.outcome is not Outcome.HEALTHY and verdict.running < verdict.desired:
            found.append(f"{service.name}: {verdict.running} of {verdict.desired} run")
    return found
