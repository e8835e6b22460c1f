"""Each verb as its visible, typed steps, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.backup.services.deploying import deploy as deploy_own
from quorate.backup.services.foresee import Own
from quorate.backup.services.foresee import foresee as foresee_own
from quorate.deploy import record
from quorate.deploy.apply import remove_stack
from quorate.deploy.checks import Scale, Severity
from quorate.deploy.diff import Changes
from quorate.deploy.lock import FleetLock, Settings, hold
from quorate.deploy.preflight import preflight
from quorate.deploy.prepare import Contents, Scene, foresee, read_contents
from quorate.deploy.preview import Preview, changes_of, preview
from quorate.deploy.progress import Reporter
from quorate.deploy.registries import credentials
from quorate.deploy.run import Run, UpResult, result_of
from quorate.deploy.swarm_setup import execute
from quorate.deploy.swarm_state import SwarmState
from quorate.deploy.swarm_steps import steps as setup_steps
from quorate.deploy.unfilled import refuse_unfilled
from quorate.errors import RefusedError, StalePlanError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.fleet.read import read_fleet
from quorate.observe.connect import Connections, Manager
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.plan.model import Plan, snapshot_of
from quorate.plan.solve import make_plan
from quorate.recover.adopt.guard import refuse_beside
from quorate.recover.unfinished import refuse_unfinished
from quorate.stacks.model import Rendered
from quorate.stacks.render import render

if TYPE_CHECKING:
    from quorate.lab.derive import Difference
    from quorate.lab.state import Lab
    from quorate.tools.docker import DockerClient

# Where services live hardly changes how their files differ: any placement will do.
DERIVE_SECONDS = 1.0

Confirm = Callable[[Preview], bool]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A fleet to work on; with a lab, its servers are the lab's nodes."""

    fleet: Fleet
    lab: Lab | None = None


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """`wait_lock` and `time_limit` (of the planner; None: by the fleet's size) in seconds.

    `locked`: whoever calls holds the fleet's lock already, as operations do.
    """

    dry_run: bool = False
    plan: Plan | None = None
    wait_lock: float = 0.0
    time_limit: float | None = None
    locked: bool = False


def open_fleet(path: Path, *, lab: bool = False) -> Opened:
    """Read and check a fleet file; with `lab`, for the lab that was brought up for it.

    Raises:
        CheckError: problems in the files.
        LabError: there is no such lab.
    """
    if not lab:
        return Opened(fleet=read_fleet(path))
    from quorate.lab.state import load

    found = load(path)
    return Opened(fleet=read_fleet(path, override=found.override), lab=found)


def render_for(opened: Opened, plan: Plan) -> Rendered:
    """The stack files of a plan; for a lab, the ones derived from them."""
    rendered = render(opened.fleet, plan)
    if opened.lab is None:
        return rendered
    from quorate.lab.derive import derive

    return derive(rendered, opened.lab)[0]


def lab_differences(lab: Lab) -> tuple[Difference, ...]:
    """Every place where the lab's stack files differ from those for the real servers.

    Raises:
        CheckError: problems in the files. InfeasibleError: no placement holds.
    """
    from quorate.lab.derive import derive

    fleet = read_fleet(lab.fleet_path, override=lab.override)
    plan = make_plan(fleet, time_limit=DERIVE_SECONDS)
    return derive(render(fleet, plan), lab)[1]


def up(
    opened: Opened, options: UpOptions, *, report: Reporter, confirm: Confirm, started: datetime
) -> UpResult:
    """Check → plan → diff → confirm → deploy → steer → wait until every service is healthy.

    Then Quorate's own services: the controller of backups, receivers of write-ahead logs.

    Raises:
        RefusedError: not confirmed, or a container runs for a service that would be started.
        LockedError: somebody else is at it, or an operation is not over.
        CheckError: a value that was left open still is.
        StalePlanError: the plan was made from other files, or something was moved after it.
        UnreachableError, EngineError, CommandError: a server or an engine.
    """
    fleet = opened.fleet
    # What brings a lost quorum back is known here; the servers would only say that it is lost.
    _refuse_unfinished(opened, options)
    with Connections(fleet) as connections:
        report.phase("looking at the servers")
        state = _look(opened, connections, report)
        scene = _scene(fleet, connections, state)
        _refuse_unfinished(opened, options, scene.client)
        before = _recorded(scene)
        report.phase("planning")
        plan = options.plan or make_plan(
            fleet,
            current=homes_now(scene),
            time_limit=options.time_limit,
            made_at=started.isoformat(timespec="seconds"),
        )
        _require_fresh(plan, scene)
        rendered = render_for(opened, plan)
        contents = read_contents(fleet, rendered)
        report.phase("comparing with what runs")
        own = _own(opened, scene, rendered, plan)
        seen = _preview(scene, plan, rendered, contents, state, own)
        if options.dry_run or seen.nothing_to_do:
            outcome = "dry-run" if options.dry_run else "unchanged"
            return result_of(outcome, seen, scene.snapshot, started)
        refuse_unfilled(rendered)
        refuse_beside(fleet, connections, scene.snapshot)
        if not confirm(seen):
            raise RefusedError("not confirmed; nothing was changed")
        report.phase("setting up the swarm")
        execute(fleet, connections, setup_steps(fleet, state), state, report.note)
        manager = connections.manager()
        with _held(manager, options, report) as lock:
            _refuse_unfinished(opened, options, manager.client)
            scene = replace(scene, client=manager.client, snapshot=observe(manager.client))
            require_homes(plan, before, _recorded(scene))
            if seen.stacks_as_wanted:
                result = result_of("healthy", seen, scene.snapshot, started)
            else:
                # Once more, now that nobody else changes anything: others may have meanwhile.
                foreseen = foresee(scene, plan, rendered, contents)
                run = Run(scene=scene, manager=manager, lock=lock, report=report, started=started)
                result = run.deploy(plan, foreseen, contents, seen)
            lock.check()
            found = deploy_own(scene, own, report)
            return replace(result, findings=(*own.beside.findings, *found))


def _refuse_unfinished(
    opened: Opened, options: UpOptions, client: DockerClient | None = None
) -> None:
    """Raises LockedError where an operation is not over, unless it is one that calls."""
    if not options.dry_run and not options.locked:
        refuse_unfinished(opened.fleet, opened.lab, client)


def _held(
    manager: Manager, options: UpOptions, report: Reporter
) -> AbstractContextManager[FleetLock]:
    """The fleet's lock; where the caller has it, that one is for the caller to check."""
    if options.locked:
        return nullcontext(FleetLock(token=""))
    settings = Settings(wait=options.wait_lock, say=report.note)
    return hold(manager.client, what="quorate up", settings=settings)


def _own(opened: Opened, scene: Scene, rendered: Rendered, plan: Plan) -> Own:
    """Quorate's own services as they are to be."""
    homes = {name: placement.homes for name, placement in plan.services.items()}
    # A lab's kernel may not be able to encrypt between its nodes.
    able = opened.lab is None or opened.lab.features.encrypted_overlay
    return foresee_own(scene, rendered, homes, encrypt=able)


def _look(opened: Opened, connections: Connections, report: Reporter) -> SwarmState:
    """Check every server before anything is changed, and see what swarm there is.

    Raises:
        MachineError: with every reason not to go on.
    """
    lab = opened.lab
    scale = Scale(memory=lab.memory_factor, cpu=lab.cpu_factor) if lab else Scale()
    found = preflight(opened.fleet, connections, scale=scale, say=report.note)
    found.raise_errors()
    for finding in found.findings:
        # A lab's kernel was probed, and its stacks are derived to fit it.
        if lab is None or (finding.severity is not Severity.NOTE and finding.check != "kernel"):
            report.note(str(finding))
    return found.swarm


def _scene(fleet: Fleet, connections: Connections, state: SwarmState) -> Scene:
    known = credentials(fleet)
    if not any(member.works for member in state.members.values()):
        empty = Snapshot(taken_at=datetime.now(UTC))
        return Scene(fleet=fleet, connections=connections, client=None, snapshot=empty, known=known)
    client = connections.manager().client
    return Scene(
        fleet=fleet, connections=connections, client=client, snapshot=observe(client), known=known
    )


def _preview(
    scene: Scene,
    plan: Plan,
    rendered: Rendered,
    contents: Contents,
    state: SwarmState,
    own: Own,
) -> Preview:
    foreseen = foresee(scene, plan, rendered, contents)
    steps = tuple(step.describe() for step in setup_steps(scene.fleet, state))
    return preview(
        plan,
        foreseen,
        scene.snapshot,
        fleet=scene.fleet.name,
        steps=steps,
        hidden=contents.secret_words,
        beside=own.beside,
    )


def homes_now(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Service id → its homes as last deployed; where it runs, when nothing is recorded.

    Not where it runs in any case: after a failover a service is to go home, and
    not to be told that its home is now where it fled to.
    """
    if scene.client is None:
        return {}
    last = record.last_applied(scene.client, fleet=scene.fleet.name)
    return dict(last.homes) if last else where_now(scene.fleet, scene.snapshot)


def _require_fresh(plan: Plan, scene: Scene) -> None:
    if plan.fleet_digest != scene.fleet.digest:
        raise StalePlanError(
            "the plan was made from other fleet or compose files than these",
            cause="they changed after the plan was made",
            todo="run `quorate plan` again",
        )
    # Empty: the plan was made from the files alone, on purpose.
    servers = [server.name for server in scene.fleet.servers]
    if plan.snapshot and plan.snapshot != snapshot_of(homes_now(scene), servers):
        raise StalePlanError(
            "the plan was made when services had other homes than now",
            cause="somebody deployed after the plan was made",
            todo="run `quorate plan --live` (or `--lab`) again",
        )


def _recorded(scene: Scene) -> dict[str, tuple[str, ...]]:
    """The homes of the last deployment or move; empty where none is recorded."""
    if scene.client is None:
        return {}
    last = record.last_applied(scene.client, fleet=scene.fleet.name)
    return dict(last.homes) if last else {}


def require_homes(
    plan: Plan, before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> None:
    """See that a plan takes nothing back that got another home after it was looked for.

    What was moved has its data there; at the home that the plan knows of they are old.

    Args:
        plan: what is about to be deployed.
        before: the recorded homes that the plan was made or checked by.
        after: those of now, under the lock.

    Raises:
        StalePlanError: it does.
    """
    for name, homes in after.items():
        planned = plan.services.get(name)
        if homes == before.get(name) or planned is None or planned.homes == homes:
            continue
        raise StalePlanError(
            f"{name} has another home since this was planned",
            cause=f"it was moved or deployed to {', '.join(homes)}; the plan has it on "
            f"{', '.join(planned.homes)}",
            todo="run `quorate up` again; with `--plan`, after `quorate plan --live` (or `--lab`)",
        )


def homes_live(opened: Opened) -> dict[str, tuple[str, ...]]:
    """Where services are at home now: what `up` plans from, as moves cost.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with Connections(fleet) as connections:
        client = connections.manager().client
        return homes_now(
            Scene(
                fleet=fleet,
                connections=connections,
                client=client,
                snapshot=observe(client),
                known=credentials(fleet),
            )
        )


def running_and_planned(
    opened: Opened, *, time_limit: float | None
) -> tuple[dict[str, tuple[str, ...]], Plan]:
    """Service id → the servers it runs on now; and the plan that `up` would make.

    Raises:
        InfeasibleError: no placement holds. UnreachableError, EngineError: no manager answers.
    """
    with Connections(opened.fleet) as connections:
        snapshot = observe(connections.manager().client)
    running = where_now(opened.fleet, snapshot)
    return running, make_plan(opened.fleet, current=running, time_limit=time_limit)


def difference(opened: Opened) -> Changes:
    """What `up` would change in the live services; changes nothing, one manager is enough.

    Raises:
        UnreachableError, EngineError: no manager works, or an image is not to be had.
    """
    fleet = opened.fleet
    with Connections(fleet) as connections:
        client = connections.manager().client
        snapshot = observe(client)
        scene = Scene(
            fleet=fleet,
            connections=connections,
            client=client,
            snapshot=snapshot,
            known=credentials(fleet),
        )
        plan = make_plan(fleet, current=homes_now(scene))
        rendered = render_for(opened, plan)
        contents = read_contents(fleet, rendered)
        foreseen = foresee(scene, plan, rendered, contents)
        changes = changes_of(
            foreseen.rendered, snapshot, fleet=fleet.name, hidden=contents.secret_words
        )
        return changes.joined(_own(opened, scene, rendered, plan).beside.changes)


def history(opened: Opened) -> tuple[record.RecordEntry, ...]:
    """Every recorded deployment, oldest first.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    with Connections(opened.fleet) as connections:
        return record.history(connections.manager().client, fleet=opened.fleet.name)


def rollback(
    opened: Opened, number: int | None, *, report: Reporter, confirm: Confirm, started: datetime
) -> UpResult:
    """Deploy once more what record `number` deployed (default: the last healthy before now).

    What has data on a server that it was moved to since stays there.

    Raises:
        UsageError: there is no such record. Otherwise as `up`.
    """
    from quorate.deploy.rollback import foreseen_of

    fleet = opened.fleet
    with Connections(fleet) as connections:
        manager = connections.manager()
        settings = Settings(say=report.note)
        with hold(manager.client, what="quorate rollback", settings=settings) as lock:
            refuse_unfinished(fleet, opened.lab, manager.client)
            entry, content = going_back(manager.client, fleet, number, report.note)
            plan = Plan.model_validate(content.plan)
            scene = Scene(
                fleet=fleet,
                connections=connections,
                client=manager.client,
                snapshot=observe(manager.client),
                known=credentials(fleet),
            )
            foreseen = foreseen_of(content, scene.snapshot)
            seen = preview(plan, foreseen, scene.snapshot, fleet=fleet.name, steps=())
            if not confirm(seen):
                raise RefusedError("not confirmed; nothing was changed")
            report.note(f"going back to deployment {entry.number} of {entry.time}")
            empty = Contents(secrets={}, configs={})
            run = Run(scene=scene, manager=manager, lock=lock, report=report, started=started)
            return run.deploy(plan, foreseen, empty, seen)


def going_back(
    client: DockerClient, fleet: Fleet, number: int | None, note: Callable[[str], None]
) -> tuple[record.RecordEntry, record.RecordContent]:
    """The record to go back to, and what to deploy of it: data stay where they were moved to.

    Raises:
        UsageError: there is no such record. EngineError: the swarm does not answer.
        QuorateError: it cannot be read.
    """
    from quorate.deploy.rollback import choose
    from quorate.recover.moving.homes import rehomed, staying

    entries = record.history(client, fleet=fleet.name)
    entry = choose(entries, number)
    then, last = record.read(client, entry), record.read(client, entries[-1])
    local = {
        service.id
        for service in fleet.swarm_services()
        if any(use.local_data for use in service.volumes)
    }
    homes = tuple(staying(then, last, local))
    for home in homes:
        note(
            f"{home.service} stays on {home.servers[0]} with its data; deployment {entry.number} "
            f"had it on {then.homes[home.service][0]}"
        )
    return entry, rehomed(then, homes, [server.name for server in fleet.servers])


def down(opened: Opened, *, report: Reporter) -> tuple[str, ...]:
    """Remove the fleet's stacks and Quorate's own services; volumes and the history stay.

    So do the stacks' secrets and labels; those of backup work go. Returns the names of the stacks
    removed.

    Raises:
        LockedError, UnreachableError, EngineError, CommandError.
    """
    from quorate.backup.jobs.door import Door
    from quorate.backup.services.removing import forget_all, remove_all
    from quorate.deploy.down import remove_shared_networks, stacks_of, wait_until_gone

    fleet = opened.fleet
    with Connections(fleet) as connections:
        manager = connections.manager()
        with hold(manager.client, what="quorate down", settings=Settings(say=report.note)):
            refuse_unfinished(fleet, opened.lab, manager.client)
            for name in remove_all(Door(lambda: manager.client, report.note), fleet.name):
                report.note(f"removed {name}")
            present = stacks_of(observe(manager.client), fleet.name)
            for name in present:
                report.phase(f"removing the stack {name}")
                remove_stack(manager.target, name)
            wait_until_gone(manager.client, present, report)
            forget_all(manager.client, fleet.name)
            remove_shared_networks(manager.client, fleet.name)
            return present


@contextmanager
def working_manager(opened: Opened) -> Iterator[Manager]:
    """A manager of the fleet, for verbs that only look."""
    with Connections(opened.fleet) as connections:
        yield connections.manager()
