"""The steps of an adoption, done and undone. Each looks first, and may run twice.

At no time do a container and the service that takes its place run at once: the service is deployed
after the container was seen to have stopped, and the container started after no task of the
service is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from quorate.deploy import record
from quorate.errors import QuorateError, RefusedError, StalePlanError
from quorate.observe.whereabouts import where_now
from quorate.plan.model import Plan
from quorate.recover.adopt import choose, containers, deploying, joining
from quorate.recover.adopt.model import Adopted, KeptContainer, OwnNetwork
from quorate.recover.adopt.noting import with_adopted
from quorate.recover.adopt.stale import require_data
from quorate.recover.carrying import Action
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.recover.model import Facts, Journal
    from quorate.recover.site import Site


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of this adoption do."""
    run = _Run(site, journal)
    found = {
        choose.READY: Action(do=run.make_ready, undo=run.remove_networks),
        choose.JOIN: Action(do=run.join, undo=run.leave),
        choose.RECORD: Action(do=run.note, undo=run.mark_undone),
        choose.FINISH: Action(do=run.finish),
    }
    for one in run.adopted:
        found[f"{choose.STOP}{one.id}"] = Action(
            do=partial(run.stop, one), undo=partial(run.start_again, one)
        )
        found[f"{choose.START}{one.id}"] = Action(
            do=partial(run.start, one),
            undo=partial(run.remove_service, one),
            check_back=partial(run.require_data, one),
        )
    return found


class _Run:
    """An adoption under way."""

    def __init__(self, site: Site, journal: Journal) -> None:
        facts = journal.operation.facts
        self.site = site
        self.identity = journal.id
        self.facts = facts
        self.adopted = tuple(Adopted.model_validate(one) for one in facts["adopted"])
        self.networks = tuple(OwnNetwork.model_validate(one) for one in facts["networks"])
        self._silent_since: dict[str, float] = {}

    @cached_property
    def deployment(self) -> deploying.Deployment:
        """What is deployed, by the plan that was agreed to.

        Raises:
            StalePlanError: the files are others than then.
        """
        plan = Plan.model_validate(self.facts["plan"])
        if plan.fleet_digest != self.site.fleet.digest:
            raise StalePlanError(
                "the fleet's files have changed since this adoption began",
                todo="put them back as they were and `quorate operations resume`, or "
                "`quorate operations undo`",
            )
        return deploying.Deployment(site=self.site, plan=plan, adopted=self.adopted)

    def make_ready(self, facts: Facts) -> None:
        """Networks first: what is made by the stacks themselves later is found there then."""
        del facts
        joining.make_networks(self.site, self.networks, self.identity)
        self.deployment.make_ready()

    def remove_networks(self, facts: Facts) -> None:
        """Remove those that were made for this adoption."""
        del facts
        joining.remove_networks(self.site, self.identity)

    def join(self, facts: Facts) -> None:
        """Every container into the networks of its service, under its service's name."""
        del facts
        for one in self.adopted:
            for container in one.containers:
                joining.join(self.site, container)

    def leave(self, facts: Facts) -> None:
        """Every container out of them again."""
        del facts
        for one in self.adopted:
            for container in one.containers:
                joining.leave(self.site, container)

    def stop(self, one: Adopted, facts: Facts) -> Facts:
        """Stop its containers; tells since when nobody answers."""
        del facts
        _ = self.deployment.foreseen  # found out while they still answer
        since = [self._stop(container) for container in one.containers]
        return {f"stopped:{one.id}": min(since).isoformat()}

    def start(self, one: Adopted, facts: Facts) -> Facts:
        """Deploy the service and wait; where it does not become healthy its containers go on.

        Raises:
            DeployError: it did not; its containers run again.
        """
        for container in one.containers:  # started again by an attempt that failed
            self._stop(container)
        stopped = _moment(facts.get(f"stopped:{one.id}"))
        try:
            self.deployment.deploy(one)
        except QuorateError:
            self._give_back(one)
            raise
        gap = (clock.now() - stopped).total_seconds() if stopped else None
        if gap is None:
            return {}
        self.site.report.note(f"{one.id}: nobody answered for {gap:.1f} s")
        return {f"gap:{one.id}": round(gap, 1)}

    def _give_back(self, one: Adopted) -> None:
        self.site.report.note(f"{one.id} did not become healthy: its container is started again")
        deploying.remove_service(self.site, one)
        for container in one.containers:
            self._start(container)
            joining.rejoin(self.site, container)

    def _stop(self, container: KeptContainer) -> datetime:
        """Stopped, it is in networks of its engine alone: `docker start` is enough to go back.

        An engine may fail to start a container that is in one of Swarm's.
        """
        since = containers.stop(self.site, container)
        joining.leave(self.site, container)
        return since

    def _start(self, container: KeptContainer) -> None:
        """Started as it was; in no network of Swarm, where an engine may fail to start it."""
        joining.leave(self.site, container)
        containers.start(self.site, container)

    def require_data(self, one: Adopted, facts: Facts) -> None:
        """Raises RefusedError where its data live elsewhere by now."""
        del facts
        fleet = self.site.fleet
        last = record.last_applied(self.site.client(), fleet=fleet.name)
        running = where_now(fleet, self.site.snapshot())
        require_data(fleet, one, last.homes if last else {}, running)

    def remove_service(self, one: Adopted, facts: Facts) -> None:
        """Remove the service, and see that no task of it runs any more."""
        del facts
        self._silent_since[one.id] = clock.monotonic()
        deploying.remove_service(self.site, one)

    def start_again(self, one: Adopted, facts: Facts) -> None:
        """Start its containers as they were, once nothing of the service is left."""
        del facts
        deploying.remove_service(self.site, one)
        for container in one.containers:
            self._start(container)
        since = self._silent_since.get(one.id)
        if since is not None:
            gap = clock.monotonic() - since
            self.site.report.note(f"{one.id}: nobody answered for {gap:.1f} s")

    def note(self, facts: Facts) -> None:
        """Write it into the history of deployments, once."""
        del facts
        client, fleet = self.site.client(), self.site.fleet.name
        if self._noted():
            return
        content = with_adopted(record.last_applied(client, fleet=fleet), self.deployment.content())
        entry = record.write(client, content, summary=self._summary())
        record.mark(client, entry, "healthy")

    def mark_undone(self, facts: Facts) -> None:
        """Nobody is to go back to it."""
        del facts
        for entry in self._noted():
            record.mark(self.site.client(), entry, "undone")

    def _noted(self) -> tuple[record.RecordEntry, ...]:
        entries = record.history(self.site.client(), fleet=self.site.fleet.name)
        return tuple(one for one in entries if one.summary == self._summary())

    def _summary(self) -> str:
        return f"{len(self.adopted)} adopted ({self.identity})"

    def finish(self, facts: Facts) -> None:
        """Remove the kept containers, all of them looked at before the first one goes.

        Raises:
            RefusedError: one of them runs.
        """
        del facts
        kept = [container for one in self.adopted for container in one.containers]
        running = [c.name for c in kept if containers.runs(self.site, c)]
        if running:
            raise RefusedError(
                f"these containers run, beside the services that took their place: "
                f"{', '.join(running)}",
                cause="somebody started them; two may be working on the same data",
                todo="stop them with `docker stop`, look at the data, then resume",
            )
        for container in kept:
            containers.remove(self.site, container)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
