"""What an operation keeps still, found by what it has written into services, and let go.

An operation that is abandoned leaves it as it is: whoever abandons it knows whether the data of
these services are whole, nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from quorate.backup import quiesce
from quorate.backup.jobs import leftovers
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Work
from quorate.backup.policy import quiesce as policy
from quorate.deploy.election import through_election
from quorate.errors import LockedError
from quorate.recover import choose_database
from quorate.recover.moving import model as moving
from quorate.recover.server import holding
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.backup.jobs.standing import Begun
    from quorate.recover.model import Journal
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient


def kept(place: Site, journal: Journal) -> tuple[str, ...]:
    """The services (names in Swarm) that an operation keeps still or away from a server.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    return tuple(str(one["Spec"]["Name"]) for one in _of(place.client(), journal))


def let_go(place: Site, journal: Journal) -> tuple[str, ...]:
    """Let all of them run again, as before the operation; their names.

    Raises:
        LockedError: a job of the operation works on the data of one; nothing was changed.
        MachineError: one has not ended yet since it was stopped; nothing was changed.
        UnreachableError, EngineError: no manager answers, or the swarm refuses one.
    """
    found = _of(place.client(), journal)
    _refuse_worked_on(place, found)
    for job in restores(place, journal):
        raise _not_over(job)
    _wait_until_ended(place, found)
    names = tuple(str(one["Spec"]["Name"]) for one in found)
    target = str(journal.operation.facts.get("target", ""))
    for name in names:
        through_election(
            partial(quiesce.change, place.client(), name, partial(_released, target=target)),
            place.report.note,
        )
    return names


def restores(place: Site, journal: Journal) -> tuple[Begun, ...]:
    """Restores of what a server's recovery brings back that go on, whoever began them is killed.

    One that has just ended counts too; one that is past its deadline is ended.

    Raises:
        EngineError, MachineError: no manager answers.
    """
    lost = {str(one["source"]) for one in journal.facts.get("lost", ())}
    if not lost:
        return ()
    going = leftovers.sweep(Door(place.client, place.report.note), place.fleet.name).going
    return tuple(one for one in going if one.work == Work.RESTORE and one.source in lost)


def _of(client: DockerClient, journal: Journal) -> list[Mapping[str, Any]]:
    run = _run(journal)
    with docker.translated("the swarm's services cannot be listed"):
        every = client.api.services() or ()
    labels = ((one, policy.labels_of(one["Spec"])) for one in every)
    return [
        one
        for one, has in labels
        if (run and has.get(policy.RUN) == run) or has.get(holding.OPERATION) == journal.id
    ]


def _run(journal: Journal) -> str:
    """The key of the run that services are kept still for; empty: none is."""
    if journal.operation.kind == choose_database.KIND:
        return choose_database.run_of(journal)
    if "move" in journal.facts:
        return moving.of_facts(journal.facts).run
    return ""


def _released(one: Mapping[str, Any], *, target: str) -> dict[str, Any] | None:
    spec: Mapping[str, Any] = one["Spec"]
    if policy.marked(spec):
        return policy.resumed(spec, one.get("PreviousSpec"))
    return holding.released(spec, target)


def _wait_until_ended(place: Site, found: list[Mapping[str, Any]]) -> None:
    """Nothing is started beside its former self, on the same data."""
    stopped = [one["Spec"] for one in found if policy.replicas_of(one["Spec"]) == 0]
    grace = max(map(policy.stopping_seconds, stopped), default=0.0)
    names = [str(spec["Name"]) for spec in stopped]
    quiesce.wait_until_still(place.client(), names, grace + quiesce.STOP_SECONDS)


def _refuse_worked_on(place: Site, found: list[Mapping[str, Any]]) -> None:
    records = [record for one in found if (record := policy.record_of(one["Spec"])) and record.job]
    if not records:
        return
    jobs = Door(place.client, place.report.note).jobs(place.fleet.name)
    working = {job.run: job for job in jobs}
    for record in records:
        if record.job in working:
            raise _not_over(working[record.job])


def _not_over(job: Begun) -> LockedError:
    return LockedError(
        f"the {job.what} is not over; its service is not started beside it",
        cause="an operation that is killed or abandoned does not end its job",
        todo="wait for it to end (`docker service ls` shows it), then do this again",
    )
