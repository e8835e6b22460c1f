"""What the steps of a move do. Each looks first: it may have been done before, by half or whole.

There is one writer at all times: a service is scaled to 0 with a record of who did it in its own
labels, what it wrote is copied and compared, and one update gives it its new home and starts it.
That update is refused by itself where somebody started the service meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from quorate.backup import quiesce
from quorate.backup.policy import quiesce as policy
from quorate.deploy import record
from quorate.deploy.election import through_election
from quorate.deploy.images import pull, raise_failed
from quorate.deploy.registries import credentials
from quorate.deploy.settle import Expectation, Outcome, Verdict, judge
from quorate.errors import (
    DeployError,
    EngineError,
    MachineError,
    QuorateError,
    RefusedError,
    UnreachableError,
)
from quorate.recover.carrying import Action
from quorate.recover.model import Facts, Journal, Operation
from quorate.recover.moving import copying, halting, replica, spec, standing
from quorate.recover.moving.homes import Home, rehomed
from quorate.recover.moving.model import Move, Moved, of_facts
from quorate.recover.moving.movers import Movers
from quorate.tools import clock, parallel

if TYPE_CHECKING:
    from quorate.recover.site import Site

POLL_SECONDS = 0.3
STOP_SECONDS = 120.0
"""How much longer than its own grace period a service may take to end."""
TRIES = 3


def actions(place: Site, journal: Journal) -> Mapping[str, Action]:
    """What each step of a move does, and undoes."""
    move = of_facts(journal.facts)
    work = Moving(place, move)
    return {
        "image": Action(do=work.images),
        "movers": Action(do=work.start_movers, undo=work.remove_movers),
        "copy": Action(do=work.copy, undo=work.leave),
        "stop": Action(do=work.stop, undo=work.run_again),
        "sync": Action(do=work.sync),
        "home": Action(do=work.record_new, undo=work.record_old),
        "switch": Action(do=work.switch, undo=work.switch_back),
        "check": Action(do=work.check),
        "clear": Action(do=work.clear),
        "finish": Action(do=work.finish),
    }


def may_begin(place: Site, operation: Operation) -> None:
    """See, under the lock, that all is where it was when the move was chosen.

    Raises:
        RefusedError: something is not.
    """
    standing.require_as_chosen(place, of_facts(operation.facts))


def may_undo(place: Site, journal: Journal) -> None:
    """See, under the lock, that no later move took anything on.

    Raises:
        RefusedError: one did.
    """
    standing.require_not_moved_on(place, journal)


class Moving:
    """A move under way."""

    def __init__(self, place: Site, move: Move) -> None:
        self.place = place
        self.move = move
        self.movers = Movers(place=place, move=move)

    def images(self, facts: Facts) -> None:
        """Fetch what will run on the targets."""
        del facts
        wanted: dict[str, set[str]] = {}
        for one in self.move.moved:
            wanted.setdefault(one.image, set()).add(one.target)
        servers = {image: tuple(sorted(names)) for image, names in wanted.items()}
        pulled = pull(self.place.connections, servers, credentials(self.place.fleet))
        raise_failed(pulled.failed)

    def start_movers(self, facts: Facts) -> Facts:
        """Start what copies, and see that there is room and nothing else where the data go.

        Raises:
            RefusedError: a service is not where the move takes it from.
        """
        standing.require_as_chosen(self.place, self.move)
        self.movers.start()
        return copying.require_room(self.movers, facts)

    def remove_movers(self, facts: Facts) -> None:
        """Remove what copies."""
        del facts
        self.movers.remove()

    def copy(self, facts: Facts) -> Facts:
        """Copy while the services run; a Postgres as a replica, where it can.

        Raises:
            MachineError: it failed; or a replica that was begun does not end.
        """
        del facts
        if self.move.replica is not None:
            try:
                return replica.while_running(self.movers, self.place.report)
            except QuorateError as error:
                self._by_files(error)
        return {**copying.while_running(self.movers, self.place.report), "followed": None}

    def leave(self, facts: Facts) -> None:
        """Nobody is admitted at the primary any more; what was copied stays."""
        if self.move.replica is not None and not facts.get("followed"):
            replica.dismiss(self.movers)

    def stop(self, facts: Facts) -> Facts:
        """Scale the services to 0, with the record of who did, and wait for their ends.

        Raises:
            RefusedError: one is not where the move takes it from.
        """
        standing.require_as_chosen(self.place, self.move)
        began = self._now().isoformat()
        self._stop(self.move.moved)
        return {"stopped": facts.get("stopped", began)}

    def run_again(self, facts: Facts) -> None:
        """Let the services run where they were, and wait for them; that they do not is said.

        Raises:
            MachineError: one has not ended yet.
        """
        del facts
        self._let_go()
        began = self.place.snapshot().taken_at
        expected = [
            Expectation(
                swarm_name=one.swarm_name,
                since=began,
                held_at=frozenset((one.source,)),
                patience=one.patience,
            )
            for one in self.move.moved
        ]
        try:
            self._wait(expected, lambda verdict: verdict.running >= max(1, verdict.desired))
        except DeployError as error:
            self.place.report.note(f"{error.what}: {error.cause}")

    def sync(self, facts: Facts) -> Facts:
        """Copy what has changed since, and compare.

        Raises:
            MachineError: the copies differ, or a service does not end; the services run again
                where they were, once they have ended there.
        """
        if self._placed(self.move.moved):
            return {}  # an `up` after a kill went on by the record, which is only of verified data
        try:
            return self._synced(facts.get("followed"))
        except QuorateError as error:
            try:
                self._let_go()
            except QuorateError as left:
                self.place.report.note(f"{error.what}: the services stay stopped ({left.what})")
            else:
                self.place.report.note(f"{error.what}: the services run again where they were")
            raise

    def record_new(self, facts: Facts) -> None:
        """The new homes are what `quorate up` goes by."""
        del facts
        self._record({one.service: (one.target,) for one in self.move.moved})

    def record_old(self, facts: Facts) -> None:
        """The homes of before are what `quorate up` goes by."""
        del facts
        self._record(self.move.homes)

    def switch(self, facts: Facts) -> None:
        """Give each service its new home and start it, in one update.

        Raises:
            RefusedError: somebody starts them again and again at the old place.
        """
        del facts
        for _ in range(TRIES):
            left = [one for one in self.move.moved if not self._placed((one,))]
            if not left:
                return
            if not self._ready(left):
                self._again(left)
            for one in left:
                self._change(one, partial(self._switched, one))
        if any(not self._placed((one,)) for one in self.move.moved):
            raise RefusedError(
                "somebody starts the services again while they are being moved",
                todo="see who deploys or scales them; then `quorate operations resume`",
            )

    def switch_back(self, facts: Facts) -> None:
        """Stop what runs at its new home, and hold it at its old one, still stopped."""
        del facts
        gone = [one for one in self.move.moved if self._placed((one,))]
        if gone:
            self._stop(gone)
        for one in gone:
            self._change(one, lambda raw, one=one: spec.returned(raw["Spec"], one.former))

    def check(self, facts: Facts) -> Facts:
        """Wait until the services, and those that need them, are healthy.

        Raises:
            DeployError: one is not, with Swarm's words.
        """
        began = self.place.snapshot().taken_at
        expected = [
            Expectation(
                swarm_name=one.swarm_name,
                since=began,
                held_at=frozenset((one.target,)),
                patience=one.patience,
            )
            for one in self.move.moved
        ]
        # Swarm watches an update for some seconds more, when clients are served already.
        self._wait(expected, lambda verdict: verdict.running >= max(1, verdict.desired))
        told: Facts = {"healthy": self._now().isoformat()}
        if facts.get("stopped"):
            since = datetime.fromisoformat(str(facts["stopped"]))
            told["down"] = round((self._now() - since).total_seconds(), 1)
            self.place.report.note(f"down for {told['down']} s")
        self._wait(expected, _healthy)
        others = {name for one in self.move.moved for name in one.dependents}
        present = {service.name for service in self.place.snapshot().services}
        patience = max(one.patience for one in self.move.moved)
        self._wait(
            [
                Expectation(swarm_name=name, since=began, patience=patience)
                for name in sorted(others & present - set(self.move.services))
            ],
            _healthy,
        )
        return told

    def clear(self, facts: Facts) -> None:
        """Remove what copied; the data at the source stay."""
        self.remove_movers(facts)

    def finish(self, facts: Facts) -> None:
        """From here on the data at the source are of no use to this move: nothing is undone."""
        self.remove_movers(facts)

    def _stop(self, moved: Sequence[Moved]) -> None:
        client = self.place.client()
        now = quiesce.swarm_time(client)
        for one in moved:
            self._change(
                one,
                lambda raw, one=one: spec.stopped(
                    raw["Spec"],
                    run=self.move.run,
                    source=f"move {one.service}",
                    now=now,
                    down=self.move.down,
                ),
            )
        self._wait_until_still(moved)

    def _wait_until_still(self, moved: Sequence[Moved]) -> None:
        ended = halting.ended(self.place, moved)
        names = [one.swarm_name for one in moved]
        patience = STOP_SECONDS + max((one.grace for one in moved), default=0.0)
        quiesce.wait_until_still(self.place.client(), names, patience, ended)

    def _let_go(self) -> None:
        """Let what is kept still run where it was, never beside what it runs in there already.

        Raises:
            MachineError: one has not ended yet; nothing is started.
        """
        kept = quiesce.kept(self.place.client(), self.move.run)
        held = [one for one in self.move.moved if one.swarm_name in kept]
        self._wait_until_still(held)
        for one in held:
            try:
                halting.require_ended(self.place, one)
            except (UnreachableError, EngineError) as error:
                # Swarm starts nothing on a server that is gone, too.
                self.place.report.note(
                    f"{one.service} counts as ended on {one.source}, by Swarm's word: {error.what}"
                )
        quiesce.end(self.place.client(), self.move.run)

    def _again(self, left: Sequence[Moved]) -> None:
        """Somebody started services at the old place meanwhile: what was verified is no more.

        Raises:
            MachineError: their volumes are in use at the new place already, by another one.
        """
        if len(left) < len(self.move.moved):
            raise MachineError(
                "one of the services was started at its old home while others moved",
                todo="`quorate operations undo` takes all of them back",
            )
        self.place.report.note("somebody started them again meanwhile: copying once more")
        self._synced()

    def _synced(self, followed: dict[str, Any] | None = None) -> Facts:
        if not self._held(self.move.moved):
            self._stop(self.move.moved)
        self._wait_until_still(self.move.moved)
        parallel.run(partial(halting.require_ended, self.place), self.move.moved)
        told = self._compared(followed)
        for one in self.move.moved:
            self._change(one, lambda raw: spec.verified(raw["Spec"], self.move.run))
        if not self._ready(self.move.moved):
            raise MachineError(
                "somebody started a service that is being moved, while its data were compared",
                todo="see who deploys or scales it; then `quorate operations resume`",
            )
        return told

    def _compared(self, followed: dict[str, Any] | None) -> Facts:
        """What was copied is what there is: by the replica's place in the log, else by files."""
        if followed:
            try:
                return replica.at_rest(self.movers, self.place.report, followed)
            except QuorateError as error:
                self._by_files(error)
        return copying.at_rest(self.movers, self.place.report)

    def _by_files(self, error: QuorateError) -> None:
        """Say why there is no replica, and see that none runs where files are copied to."""
        why = f"{error.what} ({error.cause})" if error.cause else error.what
        self.place.report.note(f"no replica, file by file instead: {why}")
        replica.give_up(self.movers)

    def _switched(self, one: Moved, raw: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._is_placed(one, raw["Spec"]):
            return None
        return spec.switched(raw["Spec"], one.constraint, self.move.run)

    def _placed(self, moved: Sequence[Moved]) -> bool:
        """Whether all of them are held at their new homes, whoever did it."""
        client = self.place.client()
        return all(
            self._is_placed(one, quiesce.service(client, one.swarm_name)["Spec"]) for one in moved
        )

    def _is_placed(self, one: Moved, found: Mapping[str, Any]) -> bool:
        return one.constraint in spec.constraints(found)

    def _ready(self, moved: Sequence[Moved]) -> bool:
        """Whether nobody has started any of them since their data were compared."""
        client = self.place.client()
        return all(
            spec.ready(quiesce.service(client, one.swarm_name)["Spec"], self.move.run)
            for one in moved
        )

    def _held(self, moved: Sequence[Moved]) -> bool:
        client = self.place.client()
        return all(
            policy.held(quiesce.service(client, one.swarm_name)["Spec"], self.move.run)
            for one in moved
        )

    def _change(self, one: Moved, decide: Any) -> None:
        through_election(
            lambda: quiesce.change(self.place.client(), one.swarm_name, decide),
            self.place.report.note,
        )

    def _record(self, homes: Mapping[str, tuple[str, ...]]) -> None:
        fleet, client = self.place.fleet, self.place.client()
        content = record.last_applied(client, fleet=fleet.name)
        if content is None:
            return
        if all(tuple(content.homes.get(name, ())) == tuple(at) for name, at in homes.items()):
            return
        wanted = [
            Home(service=name, stack=service.stack, name=service.name, servers=tuple(at))
            for name, at in homes.items()
            for service in [fleet.service(name)]
        ]
        made = rehomed(content, wanted, [server.name for server in fleet.servers])
        said = ", ".join(f"{name} to {', '.join(at)}" for name, at in homes.items())
        entry = record.write(client, made, summary=f"move {said}")
        record.mark(client, entry, "healthy")

    def _wait(self, expected: Sequence[Expectation], enough: Callable[[Verdict], bool]) -> None:
        left = list(expected)
        while left:
            snapshot = through_election(self.place.snapshot, self.place.report.note)
            verdicts = [judge(one, snapshot) for one in left]
            self.place.report.services(verdicts)
            for verdict in verdicts:
                if verdict.outcome is Outcome.FAILED:
                    raise DeployError(
                        f"{verdict.swarm_name} is not healthy after the move",
                        cause=verdict.detail or verdict.phase,
                        todo="`quorate operations undo` takes it back; `quorate logs` says more",
                    )
            left = [one for one, verdict in zip(left, verdicts, strict=True) if not enough(verdict)]
            if left:
                clock.sleep(POLL_SECONDS)

    def _now(self) -> datetime:
        return clock.now()


def _healthy(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.HEALTHY
