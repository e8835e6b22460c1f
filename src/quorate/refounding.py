"""`quorate recover fleet`: what is seen of empty servers, what is chosen, and what its steps do.

The bundle was laid out before (`recover/fleet/laying.py`): from there on a fleet file is at hand,
as for every other verb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from quorate import backing, workflows
from quorate.backup.jobs.copies import Known
from quorate.backup.model import Snapshot
from quorate.backup.policy.sources import homes_of
from quorate.deploy.apply import deploy_stack, remove_left, spread_service
from quorate.deploy.checks import MEMORY_ERROR_SHARE, Scale
from quorate.deploy.converge import Engine, converge
from quorate.deploy.failures import explain
from quorate.deploy.goal import make_goal
from quorate.deploy.preflight import preflight
from quorate.deploy.preview import changes_of
from quorate.deploy.registries import client_config, credentials
from quorate.deploy.settle import resting
from quorate.deploy.swarm_setup import execute
from quorate.deploy.swarm_steps import steps as setup_steps
from quorate.errors import DeployError, QuorateError
from quorate.fleet.model import Fleet, Server
from quorate.observe.connect import in_parallel
from quorate.observe.targets import target_of
from quorate.observe.whereabouts import where_now
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.recover.adopt.deploying import Deployment, rendered_of
from quorate.recover.adopt.model import Adopted
from quorate.recover.adopt.part import plan_part
from quorate.recover.carrying import Action, Done, actions_of
from quorate.recover.fleet import choose as choosing
from quorate.recover.fleet.choose import homes_before, operation, server_of
from quorate.recover.fleet.sight import Sight
from quorate.recover.membership import bare, look
from quorate.recover.quorum.look import AS_ROOT
from quorate.recover.server.lost import Asked, Lost
from quorate.recover.server.steps import RESTORE
from quorate.recover.telling import Telling
from quorate.restoring import Restorer, directory, have_image, machine_of, occupied
from quorate.tools import clock, ssh

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from quorate.backup.jobs.running import Ground
    from quorate.recover.model import Facts, Journal, Operation
    from quorate.recover.site import Site

REACH_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a fleet: its copies in one repository, by its name; `bundle`: when the
    secrets and files that were laid out in `directory` were gathered."""

    origin: str
    copies: Sequence[Snapshot]
    bundle: datetime
    directory: str


def choose(site: Site, left: Left, *, unproven: bool, without: Sequence[str] = ()) -> Operation:
    """Look at the servers, plan, choose a copy of everything; the steps, or why not.

    Raises:
        RefusedError: a server does not fit or is not empty, or something has no copy that will do.
        InfeasibleError: no placement holds.
    """
    fleet, now = site.fleet, clock.now()
    copies = tuple(replace(one, repository=left.origin) for one in left.copies)
    site.report.phase("planning")
    plan = make_plan(fleet, current=homes_before(fleet, copies), made_at=now.isoformat())
    # It is deployed where nothing has a home yet.
    plan = plan.model_copy(update={"snapshot": {}})
    site.report.phase("looking at the servers")
    seen = _sight(site, plan, left)
    asked = Asked(now=now, unproven=unproven, without=frozenset(without))
    chosen = choosing.choice(seen, Known(snapshots=copies), asked)
    return operation(seen, chosen, now=now, made=left.bundle)


def _sight(site: Site, plan: Plan, left: Left) -> Sight:
    fleet = site.fleet
    found = in_parallel(lambda server: look.machine(target_of(server), {}), fleet.servers)
    with_engine = {name for name, host in found.results.items() if host.engine}
    engines = site.connections.each(machine_of, with_engine)
    paths = choosing.directories(fleet, homes_of(plan))
    there = [server for server in fleet.servers if paths and server.name in found.results]
    full = in_parallel(lambda server: occupied(server, paths), there)
    errors = {**full.errors, **engines.errors, **found.errors}
    silent = {name: "; ".join(error.lines()) for name, error in errors.items()}
    return Sight(
        fleet=fleet,
        plan=plan,
        origin=left.origin,
        directory=left.directory,
        hosts=found.results,
        engines=engines.results,
        silent=silent,
        occupied=full.results,
        in_lab=site.lab is not None,
        least_memory=MEMORY_ERROR_SHARE,
    )


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of an operation do; none is undone."""
    return actions_of(journal.operation.steps, _Work(site, journal))


class _Work:
    """The steps of one operation. Each looks first, and does what is missing."""

    def __init__(self, site: Site, journal: Journal) -> None:
        facts = journal.operation.facts
        self.site = site
        self.fleet: Fleet = site.fleet
        self.plan = Plan.model_validate(facts["plan"])
        self.lost = {one["source"]: Lost.model_validate(one) for one in facts["lost"]}
        self.begun = datetime.fromisoformat(facts["begun"])
        self.origin = str(facts["origin"])
        self.go_on = f"then `quorate recover fleet --into {facts['directory']}` goes on"
        self.opened = workflows.Opened(fleet=self.fleet, lab=site.lab)
        self.restorer = Restorer(fleet=self.fleet, begun=self.begun, note=site.report.note)

    def reach(self, facts: Facts) -> None:
        """Every server answers ssh."""
        del facts
        self._on_all(self.fleet.servers, "true", REACH_SECONDS)

    def engines(self, facts: Facts) -> None:
        """Docker is installed where it is missing, and runs."""
        del facts

        _raise_first(in_parallel(bare.install_engine, self.fleet.servers).errors)

    def firewall(self, facts: Facts) -> None:
        """The servers' walls let each other's swarm traffic through."""
        for name in facts["firewalled"]:
            bare.open_wall(self.fleet, name, [one.name for one in self.fleet.servers])

    def swarm(self, facts: Facts) -> None:
        """One swarm, its managers, its labels; what of it is there already stays."""
        del facts
        connections, report, lab = self.site.connections, self.site.report, self.site.lab
        connections.renew()
        scale = Scale(memory=lab.memory_factor, cpu=lab.cpu_factor) if lab else Scale()
        found = preflight(self.fleet, connections, scale=scale, say=report.note)
        found.raise_errors()
        execute(
            self.fleet, connections, setup_steps(self.fleet, found.swarm), found.swarm, report.note
        )

    def image(self, facts: Facts) -> None:
        """Jobs run from Quorate's own image, so every server has it."""
        del facts
        servers = [server.name for server in self.fleet.servers]
        todo = f"`quorate backup image` says how servers come by it; {self.go_on}"
        have_image(self.site, servers, todo)

    def make(self, repository: str, facts: Facts) -> None:
        """A repository's directory, and an empty repository in it."""
        del facts
        found = self.fleet.backup.repository(repository)
        directory(self.fleet.server(str(found.server)), found.path)
        with self._ground() as ground:
            like = self.fleet.backup.repository(self.origin)
            self.restorer.make(ground, found, like)

    def restore(self, source: str, facts: Facts) -> Facts:
        """One copy goes to where it lives now; the job compares it with its manifest."""
        del facts
        one = self.lost[source]
        began = clock.monotonic()
        with self._ground() as ground:
            self.restorer.restore(ground, one, server_of(one))
        return {f"restored {source}": round(clock.monotonic() - began, 1)}

    def restore_together(self, steps: Sequence[str], facts: Facts, done: Done) -> None:
        """Copies go to where they live now, side by side; each is told of as it comes."""
        del facts
        began = clock.monotonic()
        lanes: dict[str, list[Lost]] = {}
        for step in steps:
            one = self.lost[step.removeprefix(RESTORE)]
            lanes.setdefault(server_of(one), []).append(one)

        def told(one: Lost) -> None:
            seconds = round(clock.monotonic() - began, 1)
            done(f"{RESTORE}{one.source}", {f"restored {one.source}": seconds})

        with self._ground() as ground:
            self.restorer.restore_all(ground, lanes, told)

    def databases(self, facts: Facts) -> None:
        """The databases start at their homes, empty, and nothing else does.

        Raises:
            DeployError: one did not become healthy.
        """
        del facts
        names = {one.service for one in self.lost.values() if one.restored and one.database}
        site = replace(self.site, fleet=self.fleet)
        part = Deployment(site=site, plan=self.plan, adopted=self._bare(names))
        part.make_ready()
        rendered = part.foreseen.rendered
        changed = changes_of(rendered, site.snapshot(), fleet=self.fleet.name).touched
        manager = site.manager()
        with client_config(manager.target, credentials(self.fleet)) as config:
            engine = Engine(
                deploy=partial(deploy_stack, manager.target, config=config),
                spread=partial(spread_service, manager.target),
                remove=partial(remove_left, manager.target),
                observe=site.snapshot,
            )
            goal = make_goal(rendered, plan_part(self.plan, names), changed=changed)
            outcomes = converge(goal, engine=engine, report=site.report)
        for verdict in outcomes.failed:
            failure = explain(verdict, manager.client)
            raise DeployError(
                f"{failure.swarm_name} did not become healthy",
                cause="\n".join([failure.why, *failure.log]),
                todo=f"see `quorate logs`, mend it; {self.go_on}",
            )

    def _bare(self, names: set[str]) -> tuple[Adopted, ...]:
        """Services by the images that their stack files name, to be deployed by themselves."""
        whole = rendered_of(self.site, self.fleet, self.plan)
        images_of = {
            (stack.name, short): str(body["image"])
            for stack in whole.stacks
            for short, body in (stack.document.get("services") or {}).items()
        }
        homes = homes_of(self.plan)
        return tuple(
            Adopted(
                id=service.id,
                stack=service.stack,
                name=service.name,
                swarm_name=service.swarm_name,
                image=images_of[service.stack, service.name],
                home=homes[service.id][0],
                containers=(),
            )
            for service in self.fleet.swarm_services()
            if service.id in names
        )

    def services(self, facts: Facts) -> Facts:
        """Everything as `up` has it: secrets, configs, networks, stacks, the controller.

        Raises:
            DeployError: a service did not become healthy.
        """
        del facts
        result = workflows.up(
            self.opened,
            workflows.UpOptions(locked=True, plan=self.plan),
            report=self.site.report,
            confirm=lambda seen: True,
            started=clock.now(),
        )
        for finding in result.findings:
            self.site.report.note(finding)
        if result.failures:
            raise DeployError(
                f"{', '.join(one.swarm_name for one in result.failures)} did not become healthy",
                cause=result.failures[0].why,
                todo=f"see `quorate logs`, mend it; {self.go_on}",
            )
        return {"services": clock.now().isoformat()}

    def verify(self, facts: Facts) -> Facts:
        """Every service has a task that runs, but for those that rest; whoever uses restored data
        runs where it is."""
        del facts
        snapshot = self.site.snapshot()
        running = where_now(self.fleet, snapshot)
        still = resting(self.fleet, snapshot)
        wanted = sorted(service.id for service in self.fleet.swarm_services() if service.replicas)
        wrong = [
            f"{name} does not run" for name in wanted if name not in still and not running.get(name)
        ]
        for one in self.lost.values():
            for name in one.services if one.restored else ():
                if server_of(one) not in running.get(name, (server_of(one),)):
                    wrong.append(f"{name} does not run on {server_of(one)}, where its data is")
        if wrong:
            raise DeployError(
                f"{len(wrong)} of the services are not as they should be",
                cause="\n".join(wrong),
                todo=f"see `quorate status --deep`, mend it; {self.go_on}",
            )
        return {"verified": clock.now().isoformat()}

    def fill(self, repository: str, facts: Facts) -> None:
        """The copies that are left go into a repository that was made anew."""
        del facts
        where = str(self.fleet.backup.repository(repository).server)
        with self._ground() as ground:
            self.restorer.fill(ground, repository, where)

    def _ground(self) -> AbstractContextManager[Ground]:
        return backing.ground_of(self.opened, Telling(self.site.report), volumes=True)

    def _on_all(self, servers: Sequence[Server], script: str, seconds: float) -> None:
        _raise_first(in_parallel(lambda one: _as_root(one, script, seconds), servers).errors)


def _as_root(server: Server, script: str, seconds: float) -> None:
    ssh.run(target_of(server), ["sh", "-c", AS_ROOT], input=script, timeout=seconds)


def _raise_first(errors: Mapping[str, QuorateError]) -> None:
    for name in sorted(errors):
        raise errors[name]
