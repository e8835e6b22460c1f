"""Writes at work: a writer on each of the probes' servers, what is read back, and its removal.

What is going to be written where is put on record, in the ground's directory, before anything is:
by it leftovers are found, and removed, whatever became of the drill.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import ValidationError

from quorate.drill.ground import Ground
from quorate.drill.listening import Target
from quorate.drill.vantage import (
    END_SECONDS,
    FIRST_SECONDS,
    PATIENCE,
    Plan,
    asset,
    contained,
    spawned,
)
from quorate.drill.written import Write, missing, parse
from quorate.errors import CommandError, LabError, MachineError
from quorate.fleet.model import Model
from quorate.tools import clock, command

CONTAINER = "quorate-writer"
COLLECTOR = "quorate-collector"
RECORD = "drill-writes.json"
COLLECT_SECONDS = 60.0
"""A Postgres that lost its power may recover for a while before it answers."""

NOBODY = {"user": "postgres", "database": "postgres", "password": ""}
# User, database and password as the official image takes them: from the container itself.
ACCESS = """\
task=$(docker ps -q --filter "label=com.docker.swarm.service.name=$1" | head -n 1)
[ -n "$task" ] || exit 0
echo task
docker exec "$task" sh -c '
of() { if [ -n "$1" ]; then printf "%s\\n" "$(cat "$1")"; else printf "%s\\n" "$2"; fi; }
of "$POSTGRES_USER_FILE" "$POSTGRES_USER"
of "$POSTGRES_DB_FILE" "$POSTGRES_DB"
of "$POSTGRES_PASSWORD_FILE" "$POSTGRES_PASSWORD"' || true
"""


class Record(Model):
    """What is written where, without a password. `networks` by server, as in a plan."""

    run: str
    drill: str
    image: str
    targets: tuple[dict[str, Any], ...]
    networks: dict[str, dict[str, tuple[int, ...]]]

    @property
    def plan(self) -> Plan:
        """As what finds its servers and networks."""
        targets = tuple(Target(**each) for each in self.targets)
        return Plan(targets=targets, networks=self.networks, image=self.image, rate=1.0,
                    seconds=COLLECT_SECONDS, drill=self.drill)  # fmt: skip


class Writers:
    """The writers of one run; they end when `stop` is called, or this process ends."""

    def __init__(self, ground: Ground, plan: Plan, directory: Path, run: str) -> None:
        self.ground, self.plan, self.directory, self.run = ground, plan, directory, run
        self.servers = plan.vantages
        self._running: dict[str, command.Spawned] = {}

    def start(self) -> None:
        """Start them, and wait until each has written, or tried to.

        Raises:
            LabError: one does not start; its last words are the cause.
        """
        if not self.servers:
            return
        record = Record(
            run=self.run,
            drill=self.plan.drill,
            image=self.plan.image,
            targets=tuple(asdict(target) for target in self.plan.targets),
            networks={name: dict(inside) for name, inside in self.plan.networks.items()},
        )
        _file(self.ground).write_text(record.model_dump_json() + "\n")
        logins = _logins(self.ground, self.plan)
        for number, server in enumerate(self.servers):
            text = contained(self.plan, server, CONTAINER, asset("writer.py"))
            self._running[server] = spawned(self.ground, server, text, self.file(server))
            told = {"mode": "write", "run": self.run, "vantage": number, "rate": self.plan.rate}
            with suppress(CommandError):  # its last words say more, and are looked at below
                command.tell(self._running[server], _told(self.plan, server, logins, told))
        deadline = clock.monotonic() + FIRST_SECONDS
        for server, process in self._running.items():
            while not self.writes(server):
                if process.poll() is not None or clock.monotonic() > deadline:
                    raise LabError(
                        f"the writes on {server} do not start",
                        cause=command.last_lines(self.file(server).read_text(errors="replace"))
                        or None,
                        todo="nothing was broken; `probes: {writes: []}` drills without them",
                    )
                clock.sleep(0.1)

    def file(self, server: str) -> Path:
        """Where a writer's lines go."""
        return self.directory / f"writes-{server}.txt"

    def writes(self, server: str) -> list[Write]:
        """All writes of a vantage point so far."""
        path = self.file(server)
        return parse(path.read_text(errors="replace").splitlines()) if path.exists() else []

    def missing(self) -> list[str]:
        """What a writer has found gone, in words."""
        gone: dict[int, int] = {}
        for server in self.servers:
            for number, count in missing(self.writes(server)).items():
                gone[number] = gone.get(number, 0) + count
        return [
            f"{self.plan.targets[number].service} has lost {count} acknowledged writes"
            for number, count in gone.items()
        ]

    def stop(self) -> None:
        """End them; their standard input closes, and they go."""
        for process in self._running.values():
            command.let_go(process, patience=END_SECONDS)
        self._running.clear()


def left(ground: Ground) -> list[str]:
    """The services that hold what a drill wrote."""
    record = _recorded(ground)
    return [str(target["service"]) for target in record.targets] if record else []


def remove(ground: Ground) -> list[str]:
    """Remove what a drill wrote; from what, in words.

    Raises:
        LabError, MachineError: it could not be removed.
    """
    written = left(ground)
    collect(ground)
    if left(ground):
        raise ground.broken(
            f"what a drill wrote to {', '.join(written)} could not be removed",
            "no answer, or no server left that is in its network",
            todo="when it answers again: `quorate drill undo`",
        )
    return [f"removed what a drill wrote to {name}" for name in written]


def collect(
    ground: Ground, say: Callable[[str], object] = lambda text: None
) -> dict[int, frozenset[str] | None]:
    """Read back what a drill wrote, and remove it: target → ids, None where it could not be done.

    The record stays until everything is removed.

    Args:
        say: is told why something could not be read back.
    """
    record = _recorded(ground)
    if record is None:
        return {}
    plan = record.plan
    logins = _logins(ground, plan, patience=COLLECT_SECONDS)
    for target in plan.targets:
        if target.host not in logins:
            say(f"{target.service}: no server has a task of it")
    found: dict[int, frozenset[str] | None] = {n: None for n in range(len(plan.targets))}
    for server in plan.networks:
        open_ones = [
            n for n in plan.asked(server) if found[n] is None and plan.targets[n].host in logins
        ]
        if open_ones:
            told = _told(plan, server, logins, {"mode": "collect", "run": record.run}, open_ones)
            found.update(_collected(ground, plan, server, told, say))
    if all(ids is not None for ids in found.values()):
        _file(ground).unlink(missing_ok=True)
    return found


def _collected(
    ground: Ground, plan: Plan, server: str, told: str, say: Callable[[str], object]
) -> dict[int, frozenset[str] | None]:
    text = contained(plan, server, COLLECTOR, asset("writer.py"))
    try:
        said = ground.execute(server, text, input=told + "\n", timeout=COLLECT_SECONDS + 30.0)
        found: dict[str, list[str] | None] = json.loads(said)
    except (MachineError, ValueError) as error:  # the server is off, say: another may do it
        say(f"{server}: {error}")
        return {}
    for number, ids in found.items():
        if ids is None:
            say(f"{server}: {plan.targets[int(number)].host} did not answer in time")
    return {int(n): frozenset(ids) if ids is not None else None for n, ids in found.items()}


def _told(
    plan: Plan,
    server: str,
    logins: Mapping[str, Mapping[str, str]],
    more: Mapping[str, Any],
    numbers: list[int] | None = None,
) -> str:
    """What a writer reads first."""
    chosen = plan.asked(server) if numbers is None else numbers
    targets = [
        {"number": n, **asdict(plan.targets[n]), **logins.get(plan.targets[n].host, NOBODY)}
        for n in chosen
    ]
    return json.dumps({**more, "seconds": plan.seconds, "patience": PATIENCE, "targets": targets})


def _logins(ground: Ground, plan: Plan, patience: float = 0.0) -> dict[str, dict[str, str]]:
    """Host → user, database, password, as its own container has them.

    Once `patience` seconds are over, without those that have no container, and with nobody's
    for those whose container does not say.
    """
    found: dict[str, dict[str, str]] = {}
    mute: dict[str, dict[str, str]] = {}
    deadline = clock.monotonic() + patience
    while True:
        for target in plan.targets:
            if target.host not in found and (login := _login(ground, target)) is not None:
                (found if login else mute)[target.host] = login or NOBODY
        if all(target.host in found for target in plan.targets) or clock.monotonic() >= deadline:
            return mute | found
        clock.sleep(1.0)


def _login(ground: Ground, target: Target) -> dict[str, str] | None:
    """None while it has no container, empty while that does not say.

    With a wrong one it would seem that nobody ever got in.
    """
    for server in ground.servers if target.kind == "postgres" else ():
        try:
            said = ground.execute(server, f"set -- {quote(target.host)}\n{ACCESS}").splitlines()
        except MachineError:  # it does not answer: the task may be on another one
            continue
        if said and len(said) <= 3:
            return {}
        if said:
            user, database, password = said[1:4]
            user = user or "postgres"
            return {"user": user, "database": database or user, "password": password}
    return None if target.kind == "postgres" else dict(NOBODY)


def _file(ground: Ground) -> Path:
    return ground.home / RECORD


def _recorded(ground: Ground) -> Record | None:
    """What is on record.

    Raises:
        LabError: it cannot be read.
    """
    path = _file(ground)
    if not path.exists():
        return None
    try:
        return Record.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise LabError(
            f"what a drill has written is not known: {path} cannot be read",
            todo="look for the schema quorate_drill and for keys quorate:drill:* in the databases "
            "that were drilled, remove them, then remove the file",
        ) from error
