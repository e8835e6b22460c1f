"""The verb `drill` as its visible, typed steps, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from quorate import workflows
from quorate.deploy.progress import Reporter
from quorate.drill import armed, history
from quorate.drill.aim import leader_of
from quorate.drill.file import Drill
from quorate.drill.ground import Ground, Intent
from quorate.drill.ground_lab import LabGround
from quorate.drill.ground_servers import ServersGround
from quorate.drill.model import Report, Resilience, Run
from quorate.drill.run import Once, placed
from quorate.drill.setting import Setting
from quorate.errors import LabError, MachineError, RefusedError, UsageError
from quorate.fleet.observed import Snapshot
from quorate.fleet.read import read_fleet
from quorate.lab import state
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.recover.unfinished import refuse_unfinished
from quorate.tools import clock, filelock
from quorate.workflows import Opened, UpOptions

LOCK_SECONDS = 1.0
FRESH_SECONDS = 3.0
"""What was seen no longer ago than this needs no second look."""


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """`times` overrides the drill's own. `token`: servers whose loss may cost the quorum; `off`:
    those that may be switched off.

    `home`: bring every service home after each run, as another run needs.
    """

    seed: int = 0
    times: int | None = None
    token: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    home: bool = True


Confirm = Callable[[Intent], bool]


def drill(
    opened: Opened,
    wanted: Drill,
    options: DrillOptions,
    *,
    report: Reporter,
    confirm: Confirm | None = None,
) -> Report:
    """Run a drill, as often as it says, and keep what was seen.

    After a run that is not valid, or after which something is left, there is no further one.
    `confirm`: asked before each run, with all that it would do; None: nobody is.

    Raises:
        LabError, MachineError: the lab or a server would not; LockedError: another drill is
        under way, or an operation is not over. UsageError: the drill names what is not there.
        RefusedError: not confirmed, or real servers need a word that was not given.
    """
    ground = ground_of(opened)
    with filelock.hold(ground.lock, what=f"a drill in {where(ground)}", timeout=LOCK_SECONDS):
        started = datetime.now(UTC)
        setting, before = _set_up(opened, wanted, options, ground)
        runs: list[Run] = []
        for number in range(1, (options.times or wanted.repeat.times) + 1):
            if number > 1:
                before = look(opened, ground)
            once = Once(setting, number, before, report)
            if confirm is not None:
                once = _confirmed(opened, once, confirm)
            runs.append(once.go())
            made = _report(setting, before, started, runs)
            history.save(made, setting.directory)
            if runs[-1].resilience is Resilience.INVALID or runs[-1].left_behind:
                break
            if options.home:
                bring_home(opened, report)
        return made


def intend(opened: Opened, wanted: Drill, options: DrillOptions, *, report: Reporter) -> Intent:
    """What the first run of a drill would do; nothing is changed.

    Raises:
        As `drill`.
    """
    setting, before = _set_up(opened, wanted, options, ground_of(opened), keep=False)
    once = Once(setting, 1, before, report)
    setting.ground.check(once.work)
    return once.intent()


def _set_up(
    opened: Opened, wanted: Drill, options: DrillOptions, ground: Ground, *, keep: bool = True
) -> tuple[Setting, Snapshot]:
    """What all runs have in common, and the swarm before the first. `keep`: reports are kept."""
    before = look(opened, ground)
    home = history.home(opened.fleet.name)
    setting = Setting(
        fleet=opened.fleet,
        ground=ground,
        plan=make_plan(opened.fleet, current=where_now(opened.fleet, before)),
        drill=wanted,
        seed=options.seed,
        directory=history.new(opened.fleet.name, wanted.drill) if keep else home,
        token=options.token,
        off=options.off,
    )
    return setting, before


def _confirmed(opened: Opened, once: Once, confirm: Confirm) -> Once:
    """The run, seen anew after somebody agreed to it: that may have taken its time.

    Raises:
        RefusedError: nobody agreed, or it would hit others now.
    """
    once.ground.check(once.work)
    asked = clock.monotonic()
    if not confirm(once.intent()):
        raise RefusedError("not confirmed; nothing was changed")
    if clock.monotonic() - asked < FRESH_SECONDS:
        return once
    anew = Once(once.setting, once.number, look(opened, once.ground), once.report)
    if anew.hit != once.hit:
        raise RefusedError(
            f"it would hit {', '.join(anew.hit)} now, not {', '.join(once.hit)} as was confirmed; "
            "nothing was changed",
            todo="run it again",
        )
    return anew


def ground_of(opened: Opened) -> Ground:
    """Where a drill of an opened fleet happens: its lab, or its servers."""
    if opened.lab is not None:
        return LabGround(opened.lab, opened.fleet)
    return ServersGround(opened.fleet)


def where(ground: Ground) -> str:
    """A ground in words."""
    return f"the lab {ground.lab}" if ground.lab else "the fleet's servers"


def look(opened: Opened, ground: Ground) -> Snapshot:
    """The swarm before a run.

    Raises:
        LabError, MachineError: something of a former drill is left.
        LockedError: an operation is not over. UnreachableError, EngineError: no manager.
    """
    refuse_unfinished(opened.fleet, opened.lab)
    left = ground.leftovers()
    if left and ground.lab:
        raise LabError(
            f"the lab is not as it must be: {', '.join(left)}",
            cause="a drill is under way, or was cut short; or somebody switched a server off",
            todo="`quorate drill undo --all`, then `quorate lab up`",
        )
    if left:
        raise MachineError(
            f"the servers are not as they must be: {', '.join(left)}",
            cause="a drill is under way, or was cut short",
            todo=f"wait for its lease's end, or `quorate drill undo {opened.fleet.path} --servers`",
        )
    with Connections(opened.fleet) as connections:
        client = connections.manager().client
        refuse_unfinished(opened.fleet, opened.lab, client)
        return observe(client)


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


def undo(ground: Ground) -> list[str]:
    """Undo whatever a drill did; what was done, in words.

    Raises:
        LabError, MachineError: it could not be undone.
    """
    done = []
    if ground.undo():
        done.append(f"undid the fault of a drill in {where(ground)}")
    return done + ground.clear()


def grounds(fleet: Path | None, *, servers: bool, everything: bool = False) -> Iterator[Ground]:
    """Where drills may be under way: of a fleet file, or everywhere this machine knows of.

    Of a fleet file it is its lab, if one runs; and its servers, if `servers` says so, a drill was
    started on them from here, or there is no lab. Labs come first: a fleet file that cannot be
    read keeps none of them from being mended.

    Raises:
        LabError: nothing is named, and there is not just one lab. CheckError: the fleet file.
    """
    noted = [each.fleet for each in armed.every()]
    if everything:
        files = dict.fromkeys([*noted, *([fleet.resolve()] if fleet and servers else [])])
        yield from map(LabGround, state.every())
        yield from map(_servers, files)
        return
    if fleet is None:
        if servers:
            raise UsageError("--servers needs the fleet file", todo="name it: FLEET --servers")
        yield LabGround(state.find(None))
        return
    path = fleet.resolve()
    labs = [LabGround(lab) for lab in state.every() if lab.fleet_path == path]
    yield from labs
    if servers or path in noted or not labs:
        yield _servers(path)


def _servers(path: Path) -> Ground:
    return ServersGround(read_fleet(path))


def _report(setting: Setting, seen: Snapshot, started: datetime, runs: list[Run]) -> Report:
    engines = sorted({node.engine_version for node in seen.nodes if node.engine_version})
    what = setting.drill.fault
    return Report(
        drill=setting.drill.drill,
        fleet=setting.fleet.name,
        fault=f"{what.words} for {what.duration:g} s",
        lab=setting.ground.lab,
        seed=setting.seed,
        started=started.isoformat(timespec="seconds"),
        versions={"quorate": version("quorate"), "engine": ", ".join(engines)},
        runs=tuple(runs),
    )
