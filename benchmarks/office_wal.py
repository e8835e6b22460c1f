"""Part `wal`: rows committed until the power is cut, and the state of a chosen second.

The log is received on another server, as `quorate up` deploys it. A writer there commits rows one
by one and records the whole state at some moments; then another base backup, more rows, and the
power of the database's server is cut. What is restored, on the receiver's server, is compared.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import office_fleet
from benchmarks.measure import FailedError
from benchmarks.office_data import filled
from benchmarks.office_ground import Ground, Task, until
from benchmarks.office_verdict import Raw, Target
from quorate.backup.policy.wal import Receiver, receivers
from quorate.backup.wal.model import HOME, Health
from quorate.deploy.values import read_value

DATABASE, USER, SECRET = "gibd", "gibd", "gibd_postgres_password"
LABEL_RECEIVER = "quorate.wal"
MISSING_SECONDS = 2.0
PROTECTED_SECONDS, STARTED_SECONDS = 1800.0, 180.0
STATES = (5.0, 10.0, 15.0)
"""Seconds after which the writer records the state."""
PAUSE = 0.02
MORE_SECONDS = 10.0
GONE_SECONDS = 20.0
RECOVER_SECONDS = 1800.0
TRY = "/var/lib/quorate/try"
ASKED = {
    "state": "SELECT json_build_object('rows', (SELECT count(*) FROM wal_rows), "
    "'last', (SELECT max(id) FROM wal_rows), 'notes', "
    "(SELECT md5(string_agg(id || ':' || note, ',' ORDER BY id)) FROM wal_notes))",
    "ids": "SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM wal_rows",
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a writer said: id → when it was acknowledged; (moment, state)."""

    rows: Mapping[int, float] = field(default_factory=dict)
    states: tuple[tuple[float, Raw], ...] = ()


def written(lines: Iterable[str]) -> Written:
    """Read what a writer printed; a line that was cut off counts for nothing."""
    rows: dict[int, float] = {}
    states: list[tuple[float, Raw]] = []
    for line in lines:
        words = line.rstrip("\n").split(" ", 2)
        if not line.endswith("\n") or len(words) != 3:
            continue
        if words[0] == "row":
            rows[int(words[1])] = float(words[2])
        elif words[0] == "state":
            states.append((float(words[1]), json.loads(words[2])))
    return Written(rows=rows, states=tuple(states))


def missing(rows: Mapping[int, float], there: Iterable[int]) -> tuple[int, float]:
    """Acknowledged rows that are not there, and the seconds of commits that they are."""
    kept = set(there)
    lost = [at for id, at in rows.items() if id not in kept]
    return len(lost), max(rows.values()) - min(lost) if lost else 0.0


def measure(here: Ground) -> dict[str, Any]:
    """Write, cut the power, restore.

    Raises:
        FailedError: there is no receiver, it never protects, or nothing can be restored.
    """
    office_fleet.stream(here.fleet)
    for one in receivers(here.desired()):
        here.on(one.server or "", "mkdir", "-m", "700", "-p", one.path)
    here.up()
    receiver, task, image = _receiver(here)
    waited = until(lambda: _protected(here, receiver), PROTECTED_SECONDS)
    if waited is None:
        raise FailedError(f"{receiver.source}: not protected in {PROTECTED_SECONDS:.0f} s")
    home = here.desired().service(receiver.service)
    primary = here.task(home.swarm_name)
    if primary is None:
        raise FailedError(f"{receiver.service} does not run")
    told = {
        "host": f"tasks.{home.swarm_name}",
        "port": 5432,
        "user": USER,
        "database": DATABASE,
        "password": _password(here),
        "pause": PAUSE,
        "states": STATES,
    }
    seen, base = _until_the_cut(here, task, primary.server, told)
    try:
        restored = [_restored(here, receiver, image, None)]
        chosen = [seen.states[0], seen.states[-1]]
        restored += [_restored(here, receiver, image, moment) for moment, _ in chosen]
    finally:
        here.run("lab", "power-on", primary.server, str(here.fleet))
    again = until(lambda: _protected(here, receiver), PROTECTED_SECONDS)
    rows, seconds = missing(seen.rows, restored[0].pop("ids"))
    return {
        "protected_after": waited,
        "acknowledged": len(seen.rows),
        "writing_seconds": max(seen.rows.values()) - min(seen.rows.values()),
        "second_base_seconds": base,
        "missing_rows": rows,
        "missing_seconds": seconds,
        "moments": [
            {"moment": moment, "recorded": state, "restored": one["state"],
             "ids": len(one.pop("ids"))}
            for (moment, state), one in zip(chosen, restored[1:], strict=True)
        ],
        "recoveries": restored,
        "receiving_again_after": again,
    }  # fmt: skip


def _receiver(here: Ground) -> tuple[Receiver, Task, str]:
    """The receiver, its task and image."""
    found = [one for one in receivers(here.desired()) if one.source == "gibd-postgres"]
    until(lambda: _tasks(here), STARTED_SECONDS)
    services = here.services(LABEL_RECEIVER)
    for name, task in _tasks(here).items():
        raw = services[name]
        if found and raw["Spec"]["Labels"][LABEL_RECEIVER] == found[0].source:
            return found[0], task, str(raw["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"])
    raise FailedError(f"no receiver of gibd-postgres' log runs; there are: {sorted(services)}")


def _tasks(here: Ground) -> dict[str, Task]:
    """The receivers that run, by the names of their services."""
    found = {name: here.task(name) for name in here.services(LABEL_RECEIVER)}
    return {name: task for name, task in found.items() if task is not None}


def _protected(here: Ground, receiver: Receiver) -> bool:
    """Whether what is committed now can be restored, as the receiver says itself."""
    if receiver.server is None:
        return False
    text = here.on(receiver.server, "cat", f"{receiver.path}/health.json")
    return Health.model_validate_json(text).protected


def _password(here: Ground) -> str:
    """The superuser's, from where the fleet file says."""
    source = here.desired().secrets[SECRET]
    return read_value(SECRET, source, directory=here.fleet.parent).decode().strip()


def _until_the_cut(
    here: Ground, task: Task, primary: str, told: Mapping[str, Any]
) -> tuple[Written, float]:
    """Write, another base backup in the middle, until the power is cut; seconds of that backup."""
    program = ("docker", "exec", "-i", task.container, "python3", "-c", filled("wal_writer.py"))
    with tempfile.TemporaryFile("w+") as said:
        writer = subprocess.Popen(
            here.argv_on(task.server, *program), stdin=subprocess.PIPE, stdout=said, text=True
        )
        assert writer.stdin is not None
        try:
            writer.stdin.write(json.dumps(told) + "\n")
            writer.stdin.close()
            time.sleep(STATES[-1] + len(STATES) * 1.5)
            inside = ("docker", "exec", "-i", task.container, "python3", "-c")
            base = here.on(task.server, *inside, filled("wal_base.py"), seconds=RECOVER_SECONDS)
            time.sleep(MORE_SECONDS)
            here.run("lab", "power-off", primary, str(here.fleet))
            try:
                writer.wait(GONE_SECONDS)
            except subprocess.TimeoutExpired:
                writer.kill()
        finally:
            writer.kill()
            writer.wait()
        said.seek(0)
        seen = written(said)
    if len(seen.states) < len(STATES) or not seen.rows:
        raise FailedError(f"the writer wrote {len(seen.rows)} rows, {len(seen.states)} states")
    return seen, float(base)


def _restored(here: Ground, receiver: Receiver, image: str, moment: float | None) -> dict[str, Any]:
    """The state of a moment, restored on the receiver's server."""
    asked = {"home": HOME, "place": "/try", "moment": moment, "user": USER,
             "database": DATABASE, **ASKED}  # fmt: skip
    server = receiver.server or ""
    here.on(server, "mkdir", "-p", "-m", "711", TRY)
    mounts = ("-v", f"{receiver.path}:{HOME}", "-v", f"{TRY}:/try")
    run = ("docker", "run", "--rm", "-i", "--network", "none", *mounts, image)
    program = ("python3", "-c", filled("wal_recovered.py"), json.dumps(asked))
    said = here.on(server, *run, *program, seconds=RECOVER_SECONDS)
    return dict(json.loads(said.splitlines()[-1]))


def targets(raw: Raw) -> tuple[Target, ...]:
    """Whether little enough is missing, and every chosen moment is exact."""
    exact = [one["recorded"] == one["restored"] for one in raw["moments"]]
    return (
        Target(
            part="wal",
            what="commits missing after a power cut, restored to the last moment",
            wanted=f"at most {MISSING_SECONDS:g} s",
            seen=f"{raw['missing_seconds']:.3f} s, {raw['missing_rows']} of "
            f"{raw['acknowledged']} rows",
            met=raw["missing_seconds"] <= MISSING_SECONDS,
        ),
        Target(
            part="wal",
            what="chosen seconds between two base backups",
            wanted="exactly the state recorded then",
            seen=f"{sum(exact)} of {len(exact)} exact",
            met=bool(exact) and all(exact),
        ),
    )


def section(raw: Raw) -> Iterator[str]:
    """What was written and restored."""
    yield from ("## The write-ahead log", "")
    yield (
        f"{raw['acknowledged']} rows committed one by one in {raw['writing_seconds']:.0f} s until "
        f"the power was cut; a base backup in between took {raw['second_base_seconds']:.0f} s."
    )
    yield from ("", "| Restored to | In, s | Of that the base backup, s | Segments | State |",
                "| --- | ---: | ---: | ---: | --- |")  # fmt: skip
    states = ["", *("as recorded" if one["recorded"] == one["restored"] else "**another**"
                    for one in raw["moments"])]  # fmt: skip
    names = ["the last moment", *(f"{one['recorded']['rows']} rows" for one in raw["moments"])]
    for name, state, one in zip(names, states, raw["recoveries"], strict=True):
        yield (
            f"| {name} | {one['seconds']:.1f} | {one['copying']:.1f} | {one['segments']} | "
            f"{state or str(one['state']['rows']) + ' rows'} |"
        )
    again = raw["receiving_again_after"]
    yield ""
    yield (
        "After the power was on again the receiver "
        + (f"protected after {again:.0f} s." if again is not None else "never protected.")
    )
    yield ""
