"""Part `controller`: killed, and its server's power cut, during a backup, quiesce, copy, prune.

The fleet backs up two sources every other minute, so that there always is something to interrupt.
Measured is the time until a controller decides again; then whether services run, jobs are gone,
the newest copies restore, and the next run is right. `QUORATE_OFFICE_CASES` names some of the
cases, as `backup:kill,quiesce:power`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks import office_fleet
from benchmarks.measure import FailedError
from benchmarks.office_ground import Ground, Task, Verb, until
from benchmarks.office_verdict import Raw, Target, failure, unproven
from quorate.alerts.controller_metrics import ACTIVE, ROUND_OK
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.spec import LABEL, LABEL_WORK
from quorate.backup.policy import quiesce
from quorate.fleet.own import NOTES, PORT
from quorate.tools import docker

CONTROLLER = "quorate-controller"
CASES = "QUORATE_OFFICE_CASES"
WORKS = ("backup", "quiesce", "copy", "prune")
WAYS = ("kill", "power")
SOURCES = ("redis", "volume/appwrite_uploads")
"""What is backed up again and again (`office_fleet.OFTEN`)."""
BACK_SECONDS = 60.0
WORK_SECONDS = 900.0
AGAIN_SECONDS = 300.0
NEXT_SECONDS = 600.0
"""Each source is due every other minute, and they take their turns."""
SETTLED_SECONDS = 600.0
GET = f"import urllib.request as w; print(w.urlopen('http://127.0.0.1:{PORT}/metrics').read().decode())"


def cases(text: str) -> tuple[tuple[str, str], ...]:
    """Which works are interrupted in which ways; all when nothing is said.

    Raises:
        FailedError: there is no such case.
    """
    every = tuple((work, way) for work in WORKS for way in WAYS)
    if not text.strip():
        return every
    asked = [tuple(word.strip().split(":")) for word in text.split(",")]
    unknown = [":".join(one) for one in asked if one not in every]
    if unknown:
        raise FailedError(f"{CASES}: no such case: {', '.join(unknown)}")
    return tuple(one for one in every if one in asked)


def measure(here: Ground) -> dict[str, Any]:
    """Every case, one after the other.

    Raises:
        FailedError: there is no controller, or it never begins the work that is to be interrupted.
    """
    asked = cases(os.environ.get(CASES, ""))
    office_fleet.often(here.fleet)
    here.up()
    return {"cases": [_case(here, *one) for one in asked]}


def joined(former: Raw, new: Raw) -> dict[str, Any]:
    """Every case as it was last measured."""
    found = {(one["work"], one["way"]): one for one in (*former["cases"], *new["cases"])}
    return {"cases": [found[case] for case in cases("") if case in found]}


def _case(here: Ground, work: str, way: str) -> dict[str, Any]:
    print(f"evidence: office-backups: controller: {work}, {way}", flush=True)
    if work == "prune":
        _forget_notes(here)
    if until(lambda: _decides(here), AGAIN_SECONDS) is None:
        raise FailedError("no controller decides: is one deployed?")
    waited = until(lambda: _under_way(here, work), WORK_SECONDS, pause=0.3)
    task = here.task(CONTROLLER)
    if waited is None or task is None:
        raise FailedError(f"the controller began no {work} in {WORK_SECONDS:.0f} s")
    if way == "kill":
        here.on(task.server, "docker", "kill", "--signal", "KILL", task.container)
    else:
        here.run("lab", "power-off", task.server, str(here.fleet))
    lost = task.server if way == "power" else ""
    try:
        back = until(lambda: _decides(here, lost=lost, former=task.container), AGAIN_SECONDS)
        now = here.task(CONTROLLER, without=lost)
    finally:
        if lost:
            here.run("lab", "power-on", lost, str(here.fleet))
    settled = until(lambda: not _unsettled(here), SETTLED_SECONDS)
    left = _unsettled(here)
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "work": work,
        "way": way,
        "server": task.server,
        "back_seconds": back,
        "back_on": now.server if now else "",
        "settled_seconds": settled,
        "left": left,
        **_next_run(here),
    }


def _next_run(here: Ground) -> dict[str, Any]:
    """The copies that count restore; and so do those that the controller makes next by itself.

    A run by hand would be in its way, and it in ours: it begins one every minute.
    """
    proof = here.backup("prove", *SOURCES, codes=range(256))
    proofs = (proof.answer or {}).get("proofs", ())
    began = datetime.now(UTC)
    waited = until(lambda: _made_since(here, began), NEXT_SECONDS, pause=5.0)
    again = here.backup("prove", *SOURCES, codes=range(256))
    return {
        "counted_code": proof.code,
        "counted": len(proofs),
        "counted_right": sum(one.get("proven") is True for one in proofs),
        "counted_said": _said(proof),
        "next_by": CONTROLLER,
        "next_code": again.code if waited is not None else -1,
        "next_seconds": waited if waited is not None else NEXT_SECONDS,
        "next_said": _said(again),
    }


def _said(verb: Verb) -> str:
    """Of a proof that found something wrong: what, and where it was."""
    if verb.code == 0:
        return ""
    return failure(verb.answer) or unproven(verb.answer) or verb.said[-1000:]


def _made_since(here: Ground, moment: datetime) -> bool:
    """Whether each of the sources has a complete copy that was begun after that."""
    listed = here.backup("list", codes=range(256)).answer or {}
    new = {
        one["source"]
        for one in listed.get("copies", ())
        if one["complete"] and datetime.fromisoformat(one["taken"]) > moment
    }
    return set(SOURCES) <= new


def _under_way(here: Ground, work: str) -> bool:
    """Whether the controller's work of that kind goes on."""
    if work == "quiesce":
        return bool(here.services(quiesce.RUN))
    works = {raw["Spec"]["Labels"].get(LABEL_WORK) for raw in here.services(LABEL).values()}
    return Work(work).value in works


def _unsettled(here: Ground) -> list[str]:
    """Services that do not run, and those that are kept still; jobs may come and go."""
    kept = [f"{name}: kept still" for name in here.services(quiesce.RUN)]
    return [*here.down(), *kept]


def _decides(here: Ground, *, lost: str = "", former: str = "") -> bool:
    """Whether a controller (another one than the former) decides, and its rounds are good."""
    task = here.task(CONTROLLER, without=lost)
    if task is None or task.container == former:
        return False
    shown = _metrics(here, task)
    return all(value_of(shown, name) == 1.0 for name in (ACTIVE.name, ROUND_OK.name))


def _metrics(here: Ground, task: Task) -> str:
    return here.on(task.server, "docker", "exec", task.container, "python3", "-c", GET, seconds=20)


def value_of(text: str, name: str) -> float | None:
    """The value of a metric's first sample in what is shown to Prometheus."""
    found = re.search(rf"(?m)^{re.escape(name)}(?:{{[^}}]*}})? (\S+)", text)
    return float(found[1]) if found else None


def _forget_notes(here: Ground) -> None:
    """Have it check and prune again: its notes say that it has."""
    with here.connected() as connections:
        client = connections.manager().client
        with docker.translated("the controller's notes cannot be removed"):
            for raw in client.api.configs(filters={"name": NOTES}):
                client.api.remove_config(raw["ID"])
    task = here.task(CONTROLLER)
    if task is not None:
        here.on(task.server, "docker", "kill", "--signal", "KILL", task.container)
        time.sleep(2.0)


def targets(raw: Raw) -> tuple[Target, ...]:
    """Whether it was back in time each time, and nothing was left behind."""
    return tuple(_target(one) for one in raw["cases"])


def _target(one: Raw) -> Target:
    back, power = one["back_seconds"], one["way"] == "power"
    moved = not power or one["back_on"] not in ("", one["server"])
    right = one["counted_code"] == 0 and one["counted"] == one["counted_right"] > 0
    seen = [
        "never back" if back is None else f"back after {back:.0f} s on {one['back_on']}",
        f"{one['counted_right']} of {one['counted']} copies restore",
        _next_words(one),
        *one["left"],
    ]
    return Target(
        part="controller",
        what=f"{'server off' if power else 'SIGKILL'} during a {one['work']}",
        wanted=f"back within {BACK_SECONDS:.0f} s, nothing down, next run right",
        seen=", ".join(seen),
        met=back is not None
        and back <= BACK_SECONDS
        and moved
        and not one["left"]
        and right
        and one["next_code"] == 0,
    )


def _next_words(one: Raw) -> str:
    if one["next_code"] == 0:
        return "next copies restore"
    # Former measurements had a run by hand, in the way of the controller's own.
    what = "proof of the next copies" if one.get("next_by") else "a run by hand beside it"
    return f"{what}: exit code {one['next_code']}"


def section(raw: Raw) -> Iterator[str]:
    """Every case."""
    yield from ("## The controller killed", "")
    yield from ("| During | How | On | Back after, s | On | All running after, s | Next run, s |",
                "| --- | --- | --- | ---: | --- | ---: | ---: |")  # fmt: skip
    rows: Sequence[Raw] = raw["cases"]
    for one in rows:
        how = "its server's power cut" if one["way"] == "power" else "SIGKILL"
        yield (
            f"| {one['work']} | {how} | {one['server']} | {_seconds(one['back_seconds'])} | "
            f"{one['back_on']} | {_seconds(one['settled_seconds'])} | {one['next_seconds']:.0f} |"
        )
    yield ""


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"
