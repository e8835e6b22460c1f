"""One deployment, from recorded to settled: used by `up` and by `rollback`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from quorate.deploy import record
from quorate.deploy.apply import deploy_stack, remove_left, spread_service
from quorate.deploy.configs import prune_configs
from quorate.deploy.converge import Engine, converge
from quorate.deploy.diff import Changes
from quorate.deploy.election import through_election
from quorate.deploy.failures import Failure, explain
from quorate.deploy.goal import make_goal
from quorate.deploy.lock import FleetLock
from quorate.deploy.prepare import Contents, Foreseen, Scene, drop_labels, make_ready
from quorate.deploy.preview import Preview, changes_of
from quorate.deploy.progress import Reporter
from quorate.deploy.registries import client_config
from quorate.deploy.secrets import prune_secrets
from quorate.errors import QuorateError
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Manager
from quorate.observe.snapshot import observe
from quorate.plan.model import Plan


@dataclass(frozen=True, kw_only=True)
class UpResult:
    """What came of an `up`. `away` maps swarm names to where they run instead of home.

    `outcome`: healthy, failed, unchanged or dry-run. `findings`: what stands in the way of
    Quorate's own services, and holds up nothing else.
    """

    outcome: str
    preview: Preview
    record: int | None = None
    failures: tuple[Failure, ...] = ()
    away: dict[str, tuple[str, ...]] = field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        services = {
            identity: {
                "homes": list(placement.homes),
                "runs_on": list(self.where.get(f"{placement.stack}_{placement.name}", ())),
            }
            for identity, placement in self.preview.plan.services.items()
        }
        return {
            "outcome": self.outcome,
            "record": self.record,
            "seconds": round(self.seconds, 1),
            "services": services,
            "away": {name: list(places) for name, places in self.away.items()},
            "failures": [vars(failure) | {"log": list(failure.log)} for failure in self.failures],
            "findings": list(self.findings),
            "preview": self.preview.as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Run:
    """A deployment that holds the fleet's lock: what it works on and reports to."""

    scene: Scene
    manager: Manager
    lock: FleetLock
    report: Reporter
    started: datetime

    def deploy(self, plan: Plan, foreseen: Foreseen, contents: Contents, seen: Preview) -> UpResult:
        """Make ready, record, converge, tidy up, and say what came of it.

        Raises:
            LockedError: the lock was lost on the way.
            UnreachableError, EngineError, CommandError: a server or an engine.
        """
        client, fleet = self.manager.client, self.scene.fleet
        self.lock.check()
        make_ready(self.scene, client, foreseen, contents, self.report)
        changes = changes_of(foreseen.rendered, self._observe(), fleet=fleet.name)
        goal = make_goal(foreseen.rendered, plan, changed=changes.touched, removed=changes.removed)
        self.lock.check()
        content = content_of(fleet.name, fleet.digest, plan, foreseen)
        entry = record.write(client, content, summary=summary(changes))
        try:
            with self._engine() as engine:
                outcomes = converge(goal, engine=engine, report=self.report)
        except (KeyboardInterrupt, QuorateError):
            with suppress(QuorateError):
                record.mark(client, entry, "interrupted")
            raise
        after = self._observe()
        failures = tuple(
            through_election(partial(explain, verdict, client), self.report.note)
            for verdict in outcomes.failed
        )
        outcome = "failed" if failures else "healthy"
        through_election(partial(record.mark, client, entry, outcome), self.report.note)
        if not failures:
            through_election(partial(self._tidy, after, foreseen), self.report.note)
        return result_of(
            outcome,
            seen,
            after,
            self.started,
            record_number=entry.number,
            failures=failures,
        )

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """What converging needs, on this manager; it changes nothing once the lock is lost."""
        target = self.manager.target
        with client_config(target, self.scene.known) as config:
            deploy = partial(deploy_stack, target, config=config)

            def deploy_checked(
                name: str, document: Mapping[str, Any], *, prune: bool = False
            ) -> None:
                self.lock.check()
                again = partial(deploy, name, document, prune=prune)
                through_election(again, self.report.note)

            def spread_checked(name: str, *, per_node: int) -> None:
                self.lock.check()
                again = partial(spread_service, target, name, per_node=per_node)
                through_election(again, self.report.note)

            def remove_checked(names: Sequence[str], *, stack: str | None) -> None:
                self.lock.check()
                again = partial(remove_left, target, names, stack=stack)
                through_election(again, self.report.note)

            yield Engine(
                deploy=deploy_checked,
                spread=spread_checked,
                remove=remove_checked,
                observe=self._observe,
            )

    def _observe(self) -> Snapshot:
        return through_election(partial(observe, self.manager.client), self.report.note)

    def _tidy(self, after: Snapshot, foreseen: Foreseen) -> None:
        """Drop what neither a service nor the history needs any more; safe to repeat."""
        client, name = self.manager.client, self.scene.fleet.name
        drop_labels(client, after, foreseen.rendered)
        kept = [record.read(client, entry) for entry in record.history(client, fleet=name)]
        secrets = {deployed for content in kept for deployed in content.secrets.values()}
        configs = {deployed for content in kept for deployed in content.configs.values()}
        prune_secrets(client, after, fleet=name, recorded=secrets)
        prune_configs(client, after, fleet=name, recorded=configs)


def content_of(fleet: str, digest: str, plan: Plan, foreseen: Foreseen) -> record.RecordContent:
    """What the history keeps of a deployment. Pure."""
    rendered = foreseen.rendered
    return record.RecordContent(
        fleet=fleet,
        fleet_digest=digest,
        stacks={stack.name: stack.document for stack in rendered.stacks},
        homes={name: placement.homes for name, placement in plan.services.items()},
        labels=rendered.labels,
        networks=rendered.networks,
        secrets=foreseen.secrets,
        configs=foreseen.configs,
        home_constraints=rendered.home_constraints,
        pool_constraints=rendered.pool_constraints,
        plan=plan.model_dump(mode="json"),
    )


def summary(changes: Changes) -> str:
    """A deployment in a few words, for the history. Pure."""
    parts = [
        f"{len(changes.added)} added" if changes.added else "",
        f"{len(changes.changed)} changed" if changes.changed else "",
        f"{len(changes.removed)} removed" if changes.removed else "",
    ]
    return ", ".join(part for part in parts if part) or "homes only"


def result_of(
    outcome: str,
    seen: Preview,
    snapshot: Snapshot,
    started: datetime,
    *,
    record_number: int | None = None,
    failures: tuple[Failure, ...] = (),
) -> UpResult:
    """The result, with where everything runs by the snapshot.

    A global service is at home when it runs wherever it should among the ready nodes.
    """
    names = {node.id: node.hostname for node in snapshot.nodes}
    where = {
        service.name: tuple(
            sorted(names.get(task.node_id or "", "?") for task in snapshot.running(service))
        )
        for service in snapshot.services
    }
    away = {
        name: where.get(name, ())
        for placement in seen.plan.services.values()
        if (name := f"{placement.stack}_{placement.name}") in where
        and where[name] != tuple(sorted(placement.homes))
    }
    return UpResult(
        outcome=outcome,
        preview=seen,
        record=record_number,
        failures=failures,
        away=away,
        where=where,
        findings=seen.beside.findings,
        seconds=(datetime.now(UTC) - started).total_seconds(),
    )
