"""The verb `drill` as its visible, typed steps, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from quorate import workflows
from quorate.deploy.progress import Reporter
from quorate.drill import fault, history
from quorate.drill.aim import leader_of
from quorate.drill.file import Drill
from quorate.drill.model import Report, Resilience, Run
from quorate.drill.run import Once, placed
from quorate.drill.setting import Setting
from quorate.errors import LabError, RefusedError
from quorate.fleet.observed import Snapshot
from quorate.lab import keeper
from quorate.lab.state import Lab
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.tools import filelock
from quorate.workflows import Opened, UpOptions

LOCK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """`times` overrides the drill's own. `token`: servers whose loss may cost the quorum.

    `home`: bring every service home after each run, as another run needs.
    """

    seed: int = 0
    times: int | None = None
    token: tuple[str, ...] = ()
    home: bool = True


def drill(opened: Opened, wanted: Drill, options: DrillOptions, *, report: Reporter) -> Report:
    """Run a drill on a lab, as often as it says, and keep what was seen.

    After a run that is not valid, or after which something is left, there is no further one.

    Raises:
        LabError: not a lab, or it would not; LockedError: another drill is under way.
        UsageError: the drill names what is not there.
    """
    lab = of_lab(opened)
    lock = lab.directory / "drill.lock"
    with filelock.hold(lock, what=f"a drill in the lab {lab.name}", timeout=LOCK_SECONDS):
        started = datetime.now(UTC)
        before = look(opened)
        setting = Setting(
            fleet=opened.fleet,
            lab=lab,
            plan=make_plan(opened.fleet, current=where_now(opened.fleet, before)),
            drill=wanted,
            seed=options.seed,
            directory=history.new(opened.fleet.name, wanted.drill),
            token=options.token,
        )
        runs: list[Run] = []
        for number in range(1, (options.times or wanted.repeat.times) + 1):
            if number > 1:
                before = look(opened)
            runs.append(Once(setting, number, before, report).go())
            made = _report(setting, before, started, runs)
            history.save(made, setting.directory)
            if runs[-1].resilience is Resilience.INVALID or runs[-1].left_behind:
                break
            if options.home:
                bring_home(opened, report)
        return made


def of_lab(opened: Opened) -> Lab:
    """The lab that is drilled.

    Raises:
        RefusedError: real servers; LabError: the lab is not up.
    """
    if opened.lab is None:
        raise RefusedError(
            "drills run on a lab only, so far; nothing was changed",
            todo="`quorate lab up`, `quorate up --lab`, then add --lab",
        )
    return opened.lab


def look(opened: Opened) -> Snapshot:
    """The swarm before a run.

    Raises:
        LabError: something of a former drill is left. UnreachableError, EngineError: no manager.
    """
    lab = of_lab(opened)
    left = fault.leftovers(lab)
    if left:
        raise LabError(
            f"the lab is not as it must be: {', '.join(left)}",
            cause="a drill is under way, or was cut short; or somebody switched a server off",
            todo="`quorate drill undo --all`, then `quorate lab up`",
        )
    with Connections(opened.fleet) as connections:
        return observe(connections.manager().client)


def as_it_is(opened: Opened, *, time_limit: float | None = None) -> tuple[Plan, str]:
    """The plan of a fleet with services where they run now, and the manager that leads.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with Connections(fleet) as connections:
        seen = observe(connections.manager().client)
    plan = make_plan(fleet, current=where_now(fleet, seen), time_limit=time_limit)
    return placed(plan, fleet, seen), leader_of(seen)


def bring_home(opened: Opened, report: Reporter) -> None:
    """Bring services home that fled; what waits for the swarm is done by `up`."""
    workflows.up(
        opened,
        UpOptions(),
        report=report,
        confirm=lambda preview: True,
        started=datetime.now(UTC),
    )


def undo(lab: Lab) -> list[str]:
    """Undo whatever a drill did in a lab; what was done, in words.

    Raises:
        LabError: it could not be undone.
    """
    done = []
    if keeper.undo(lab):
        done.append(f"undid the fault of a drill in the lab {lab.name}")
    left = fault.clear(lab)
    return done + left


def _report(setting: Setting, seen: Snapshot, started: datetime, runs: list[Run]) -> Report:
    engines = sorted({node.engine_version for node in seen.nodes if node.engine_version})
    what = setting.drill.fault
    return Report(
        drill=setting.drill.drill,
        fleet=setting.fleet.name,
        fault=f"{what.words} for {what.duration:g} s",
        lab=setting.lab.name,
        seed=setting.seed,
        started=started.isoformat(timespec="seconds"),
        versions={"quorate": version("quorate"), "engine": ", ".join(engines)},
        runs=tuple(runs),
    )
