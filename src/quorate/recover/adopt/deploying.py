"""Services that take the place of containers: made ready, deployed one by one, removed again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from quorate.deploy.apply import deploy_stack, remove_left, spread_service
from quorate.deploy.converge import Engine, Goal, converge
from quorate.deploy.failures import explain
from quorate.deploy.goal import BASE_PATIENCE_SECONDS, make_goal
from quorate.deploy.prepare import Contents, Foreseen, Scene, foresee, make_ready, read_contents
from quorate.deploy.preview import changes_of
from quorate.deploy.registries import client_config, credentials
from quorate.deploy.run import content_of
from quorate.errors import DeployError, EngineError
from quorate.fleet.imports.inventory import SWARM_SERVICE
from quorate.recover.adopt.model import Adopted
from quorate.recover.adopt.part import fleet_part, plan_part, rendered_part
from quorate.stacks.render import render
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.deploy.record import RecordContent
    from quorate.fleet.model import Fleet
    from quorate.plan.model import Plan
    from quorate.recover.site import Site
    from quorate.stacks.model import Rendered

START_SECONDS = 60.0
"""For a service with everything there, beyond what its health check may take."""
GONE_SECONDS = 180.0
POLL_SECONDS = 0.3
NOT_FOUND = 404


def rendered_of(site: Site, fleet: Fleet, plan: Plan) -> Rendered:
    """The stack files of a plan; for a lab, the ones derived from them."""
    found = render(fleet, plan)
    if site.lab is None:
        return found
    from quorate.lab.derive import derive

    return derive(found, site.lab)[0]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The adopted services, by the plan that was agreed to."""

    site: Site
    plan: Plan
    adopted: tuple[Adopted, ...]

    @cached_property
    def rendered(self) -> Rendered:
        """Their stack files, without any other service's."""
        whole = rendered_of(self.site, self.site.fleet, self.plan)
        return rendered_part(whole, self.adopted)

    @cached_property
    def contents(self) -> Contents:
        """The values of their secrets and configs."""
        return read_contents(self.site.fleet, self.rendered)

    @cached_property
    def foreseen(self) -> Foreseen:
        """All that they use by its final name: found out once, and not while nobody answers."""
        plan = plan_part(self.plan, {one.id for one in self.adopted})
        return foresee(self._scene(), plan, self.rendered, self.contents)

    def make_ready(self) -> None:
        """Pull images, make shared networks, secrets, configs and labels.

        Raises:
            EngineError: an image cannot be had, or the swarm refuses.
        """
        scene = self._scene()
        assert scene.client is not None
        make_ready(scene, scene.client, self.foreseen, self.contents, self.site.report)

    def deploy(self, one: Adopted) -> None:
        """Deploy one service at its home, wait until it is healthy, set it free in its pool.

        Raises:
            DeployError: it did not become healthy.
            UnreachableError, EngineError, CommandError: the manager.
        """
        manager = self.site.manager()
        known = credentials(self.site.fleet)
        with client_config(manager.target, known) as config:
            engine = Engine(
                deploy=partial(deploy_stack, manager.target, config=config),
                spread=partial(spread_service, manager.target),
                remove=partial(remove_left, manager.target),
                observe=self.site.snapshot,
            )
            outcomes = converge(self._goal(one), engine=engine, report=self.site.report)
        for verdict in outcomes.failed:
            failure = explain(verdict, manager.client)
            raise DeployError(
                f"{one.id} did not become healthy as a service",
                cause="\n".join([failure.why, *failure.log]),
                todo="its containers are started again; mend the service's file, then "
                "`quorate operations undo` and adopt once more",
            )

    def _goal(self, one: Adopted) -> Goal:
        """What to converge to: one service, with less patience than where images are pulled."""
        stack = next(s for s in self.foreseen.rendered.stacks if s.name == one.stack)
        # An image without a digest may have got one from its registry.
        image = str(stack.document["services"][one.name]["image"])
        bound = one.model_copy(update={"image": image})
        alone = rendered_part(self.foreseen.rendered, (bound,))
        changed = changes_of(alone, self.site.snapshot(), fleet=self.site.fleet.name).touched
        goal = make_goal(alone, plan_part(self.plan, {one.id}), changed=changed)
        patience = {
            name: seconds - BASE_PATIENCE_SECONDS + START_SECONDS
            for name, seconds in goal.patience.items()
        }
        return replace(goal, patience=patience)

    def content(self) -> RecordContent:
        """What the history keeps of them."""
        fleet = self.site.fleet
        plan = plan_part(self.plan, {one.id for one in self.adopted})
        return content_of(fleet.name, fleet.digest, plan, self.foreseen)

    def _scene(self) -> Scene:
        site = self.site
        return Scene(
            fleet=fleet_part(site.fleet, self.adopted),
            connections=site.connections,
            client=site.client(),
            snapshot=site.snapshot(),
            known=credentials(site.fleet),
        )


def remove_service(site: Site, one: Adopted) -> None:
    """Remove a service, and wait until no container of it runs on any server.

    Raises:
        EngineError: something of it still runs, or a server does not say.
    """
    client = site.client()
    try:
        client.api.remove_service(one.swarm_name)
    except docker.engine_errors() as error:
        if docker.status_of(error) != NOT_FOUND:
            raise EngineError(
                f"the service {one.swarm_name} could not be removed", cause=docker.words(error)
            ) from error
    deadline = clock.monotonic() + GONE_SECONDS
    while running := _running(site, one):
        if clock.monotonic() > deadline:
            raise EngineError(
                f"{one.swarm_name} still runs on {', '.join(running)}, {GONE_SECONDS:.0f} s after "
                "it was removed",
                todo="see `docker ps` there; then resume",
            )
        clock.sleep(POLL_SECONDS)


def _running(site: Site, one: Adopted) -> list[str]:
    """The servers on which a container of a service runs.

    Raises:
        QuorateError: a server that holds one of its containers does not answer.
    """
    label = f"{SWARM_SERVICE}={one.swarm_name}"
    answers = site.connections.each(
        lambda _, client: bool(client.api.containers(filters={"label": label}))
    )
    for container in one.containers:
        if container.server in answers.errors:
            raise answers.errors[container.server]
    return [server for server, there in sorted(answers.results.items()) if there]
