"""The verb `backup doctor` as its visible steps: look at servers, swarm, repositories; mend.

Nothing is changed without being told to: checks leave stale locks where they are. (Jobs that are
over are removed by whoever starts one next, as these checks do.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quorate import assessing
from quorate.alerts.limits import CLOCK_SECONDS
from quorate.assessing import Seen
from quorate.backup import quiesce
from quorate.backup.jobs import decide, leftovers, running
from quorate.backup.jobs.copies import snapshot_of
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.spec import LABEL_FLEET, LABEL_STORE
from quorate.backup.jobs.standing import standing
from quorate.backup.jobs.watching import Outcome, Watcher
from quorate.backup.policy import doctor
from quorate.backup.policy.doctor import Check, Diagnosis, Finding, Unchecked
from quorate.backup.policy.estimate import estimate
from quorate.backup.policy.holding import held, takes
from quorate.backup.policy.sources import planned
from quorate.deploy import lock
from quorate.deploy.images import Failed, look_up
from quorate.deploy.values import read_value
from quorate.errors import CheckError, QuorateError, RepositoryError
from quorate.fleet.model import Fleet, Server
from quorate.fleet.own import LOCK
from quorate.fleet.zones import time_zone
from quorate.image.recipe import image_name
from quorate.observe.deep_facts import engine_clock
from quorate.observe.deep_model import ServerFacts
from quorate.observe.deep_servers import skews
from quorate.observe.whereabouts import where_now
from quorate.tools import clock, docker
from quorate.tools.restic_errors import Reason
from quorate.workflows import Opened

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

CHECK_SECONDS = 12 * 3600.0
"""Reading a whole repository may take a night."""
NOT_FOUND = 404


@dataclass
class _Notes:
    """What has been found so far."""

    findings: list[Finding] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def diagnose(opened: Opened, watcher: Watcher, *, read: str = "") -> Diagnosis:
    """Look at everything that keeps backups from being made or read.

    Args:
        read: how much of the repositories' data is read too: `10%`, `2/7`.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet, notes = opened.fleet, _Notes()
    with assessing.looking(opened, watcher) as seen:
        watcher.note("looking at the servers and the swarm")
        _of_servers(seen, notes)
        _of_swarm(seen, notes)
        notes.findings += doctor.of_logs(assessing.logs(seen))
        notes.findings += _of_secrets(seen, fleet)
        _of_repositories(seen, notes, read)
    return Diagnosis(
        fleet=fleet.name,
        time=clock.now(),
        good=not notes.findings,
        findings=tuple(notes.findings),
        unchecked=tuple(notes.unchecked),
        notes=tuple(notes.said),
    )


def mend(
    opened: Opened, watcher: Watcher, found: Diagnosis, chosen: Iterable[Finding]
) -> Diagnosis:
    """Do what these findings ask for; the diagnosis with what was mended taken out.

    Raises:
        UnreachableError, EngineError: no manager answers, or the swarm refuses.
    """
    wanted = list(chosen)
    if not wanted:
        return found
    fleet = opened.fleet
    with assessing.looking(opened, watcher) as seen:
        door = seen.ground.door
        kinds = {one.check for one in wanted}
        if Check.JOB in kinds:
            leftovers.sweep(door, fleet.name)
        if Check.QUIESCE in kinds:
            door.ask(
                "services cannot be started again",
                lambda client: quiesce.converge(client, lambda: _runs(seen)),
            )
        for one in wanted:
            if one.check is Check.STORE:
                door.remove(one.where)
        locked = sorted({one.where for one in wanted if one.check is Check.LOCK})
        starts = _checks(seen, locked, look_only=False).starts if locked else ()
        came = running.run(seen.ground, Decision(starts=starts)) if starts else running.Round()
        left = [*_left(seen), *_locks(came.outcomes, locked)]
    still = {(one.check, one.where) for one in left}
    mended = [one for one in wanted if (one.check, one.where) not in still]
    findings = tuple(one for one in found.findings if one not in mended)
    return found.model_copy(
        update={"findings": findings, "mended": tuple(mended), "good": not findings}
    )


def _of_servers(seen: Seen, notes: _Notes) -> None:
    """Servers that do not answer; images; clocks."""
    for server, why in seen.unasked.items():
        todo = f"`quorate status` shows {server}; nothing on it is backed up meanwhile"
        notes.findings.append(Finding(check=Check.SERVER, where=server, what=why, todo=todo))
    fleet, ground = seen.ground.scene.fleet, seen.ground
    image = image_name(fleet.backup)
    there = sorted(seen.stored)
    answer = ground.door.ask(
        "the image cannot be looked up", lambda client: look_up(client, image, ground.known)
    )
    having = seen.connections.each(lambda server, client: _has(client, image), there)
    why = answer.why if isinstance(answer, Failed) else ""
    notes.findings += doctor.of_images(image, why, having.results)
    clocks = seen.connections.each(_facts, there)
    for server, error in clocks.errors.items():
        notes.unchecked.append(Unchecked(check=Check.CLOCK, where=server, why=error.what))
    # What the look itself may be off by speaks for the server.
    apart = {
        name: one.ahead - min(one.error, abs(one.ahead)) * (1 if one.ahead > 0 else -1)
        for name, one in skews(clocks.results).items()
    }
    notes.findings += doctor.of_clocks(apart, CLOCK_SECONDS)


def _has(client: DockerClient, image: str) -> bool:
    try:
        client.api.inspect_image(image)
    except docker.engine_errors() as error:
        if docker.status_of(error) == NOT_FOUND:
            return False
        raise
    return True


def _facts(server: Server, client: DockerClient) -> ServerFacts:
    return ServerFacts(server=server.name, clock=engine_clock(client, {})[1])


def _of_swarm(seen: Seen, notes: _Notes) -> None:
    """What killed backups have left; whether anybody begins them."""
    notes.findings += _left(seen)
    holder = seen.ground.door.ask(
        "the controller's lock cannot be read", lambda client: lock.holder(client, LOCK)
    )
    if holder is None:
        notes.said.append(
            "no controller decides for this swarm: nothing is begun by itself (`quorate serve`)"
        )
    elif holder.stale is not None:
        notes.said.append(f"the controller on {holder.host} is gone: {holder.stale}")


def _left(seen: Seen) -> Iterator[Finding]:
    """Services kept still, jobs and stores that nobody looks after any more."""
    door, fleet = seen.ground.door, seen.ground.scene.fleet
    yield from doctor.of_quiesces(
        door.ask(
            "the services cannot be looked at",
            lambda client: quiesce.stale(client, lambda: _runs(seen)),
        )
    )
    jobs = door.jobs(fleet.name)
    tasks = door.tasks([job.id for job in jobs]) if jobs else {}
    nodes, now = door.nodes(), clock.now()
    for job in jobs:
        how = standing(job, tasks[job.id], nodes, now)
        if leftovers.forsaken(how, tasks[job.id], now):
            yield Finding(
                check=Check.JOB,
                where=job.name,
                what=f"the {job.what} on {job.server} is over ({how.stage}), and nobody follows it",
                todo="have its service removed; the next `quorate backup run` does so, too",
                mends=True,
            )
    known = {one.name for one in fleet.backup.repositories if one.place == "local"}
    for name, repository in _stores(seen):
        if repository not in known:
            yield Finding(
                check=Check.STORE,
                where=name,
                what=f"it serves {repository}, which is no repository on a server of the fleet",
                todo="have the service removed; the directory stays",
                mends=True,
            )


def _runs(seen: Seen) -> list[str]:
    return [job.run for job in seen.ground.door.jobs(seen.ground.scene.fleet.name)]


def _stores(seen: Seen) -> list[tuple[str, str]]:
    """Services of stores: their names, and the repositories they serve."""
    filters = {"label": f"{LABEL_FLEET}={seen.ground.scene.fleet.name}"}
    listed = seen.ground.door.ask(
        "the swarm's services cannot be listed",
        lambda client: client.api.services(filters=filters) or (),
    )
    labels = [(str(raw["Spec"]["Name"]), raw["Spec"].get("Labels") or {}) for raw in listed]
    return [(name, str(found[LABEL_STORE])) for name, found in labels if LABEL_STORE in found]


def _of_secrets(seen: Seen, fleet: Fleet) -> Iterator[Finding]:
    """Values that cannot be read here, and secrets of services that are gone from the swarm."""
    sources = {f"URL of {name}": source for name, source in fleet.backup.notify.to.items()}
    for one in fleet.backup.repositories:
        sources[f"password of {one.name}"] = one.password
        sources |= {f"{word} of {one.name}": source for word, source in one.credentials.items()}
    if fleet.backup.heartbeat is not None:
        sources["URL of the heartbeat"] = fleet.backup.heartbeat
    if fleet.backup.bundle is not None and fleet.backup.bundle.passphrase is not None:
        sources["passphrase of the bundle"] = fleet.backup.bundle.passphrase
    for what, source in sources.items():
        try:
            read_value(f"({what})", source, directory=fleet.path.absolute().parent)
        except CheckError as error:
            todo = error.todo or "correct where it comes from in the fleet file"
            yield Finding(check=Check.SECRET, where=what, what=error.what, todo=todo)
        except QuorateError as error:
            todo = "correct where it comes from in the fleet file"
            yield Finding(check=Check.SECRET, where=what, what=error.what, todo=todo)
    yield from _of_sources(seen)


def _of_sources(seen: Seen) -> Iterator[Finding]:
    """Sources for which no job could be started now."""
    scene = replace(seen.ground.scene, files=b"")  # as if they were here: not what is asked
    decision = decide.backups(scene, (), due=clock.now())
    for refused in decision.refused:
        error = refused.error
        what = f"{error.what}: {error.cause}" if error.cause else error.what
        todo = error.todo or "`quorate backup plan` shows the policy"
        yield Finding(check=Check.SOURCE, where=refused.what, what=what, todo=todo)
    listed = seen.ground.door.ask(
        "the swarm's secrets cannot be listed", lambda client: client.api.secrets() or ()
    )
    there = {str(raw["Spec"]["Name"]) for raw in listed}
    for start in decision.starts:
        for secret in start.secrets:
            if secret.deployed and secret.deployed not in there:
                yield Finding(
                    check=Check.SECRET,
                    where=start.job.source,
                    what=f"the swarm has no secret {secret.deployed}, which its service uses",
                    todo="`quorate up` puts the fleet's secrets into the swarm again",
                )


def _of_repositories(seen: Seen, notes: _Notes, read: str) -> None:
    """Locks, damage, clocks and room, by a check of each; none where its password is missing."""
    fleet = seen.ground.scene.fleet
    without = assessing.without_password(fleet)  # a finding by itself
    names = [one.name for one in fleet.backup.repositories if one.name not in without]
    if not names:
        return
    decision = _checks(seen, names, read=read)
    came = running.run(seen.ground, decision)
    for refused in came.refused:
        todo = refused.error.todo or "`quorate status` shows the servers"
        what = "; ".join(refused.error.lines()[:2])
        notes.findings.append(
            Finding(check=Check.REPOSITORY, where=refused.what, what=what, todo=todo)
        )
    for outcome in came.outcomes:
        _of_check(outcome, notes)
    notes.findings += _rooms(seen, came.outcomes)
    notes.findings += _of_rehearsals(seen, came.outcomes)


def _of_check(outcome: Outcome, notes: _Notes) -> None:
    name, error = outcome.job.repository, outcome.error
    if outcome.answer is not None:
        notes.findings += doctor.of_locks(name, outcome.answer.findings)
    if error is None:
        return
    what = f"{error.what}: {error.cause}" if error.cause else error.what
    if isinstance(error, RepositoryError) and error.reason == Reason.LOCKED:
        notes.unchecked.append(Unchecked(check=Check.REPOSITORY, where=name, why=what))
        return
    todo = error.todo or "see the log of the check"
    notes.findings.append(Finding(check=Check.REPOSITORY, where=name, what=what, todo=todo))


def _of_rehearsals(seen: Seen, outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    """Recoveries that are to be rehearsed, by the controller's notes and the copies there are."""
    answers = [one.answer for one in outcomes if one.answer is not None]
    copies = [snapshot_of(copy) for one in answers for copy in one.copies]
    rows = assessing.rows_of(seen, copies, clock.now())
    return doctor.of_rehearsals(
        [(row.planned.source.id, row.rehearsed) for row in rows if row.rehearsed is not None]
    )


def _rooms(seen: Seen, outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    """Each repository's room, against what the policy will need."""
    fleet = seen.ground.scene.fleet
    answers = {one.job.repository: one.answer for one in outcomes if one.answer is not None}
    found = {
        one.name: held(one, answers[one.name].holds)
        for one in fleet.backup.repositories
        if one.name in answers
    }
    limits = {name: room for name, one in found.items() if (room := takes(one)) is not None}
    needed = estimate(
        fleet,
        planned(fleet, where_now(fleet, seen.ground.scene.snapshot)),
        zone=time_zone(fleet.backup.timezone),
        snapshots=[snapshot_of(copy) for one in answers.values() for copy in one.copies],
        free=limits,
    )
    rooms = {one.name: one for one in needed.repositories}
    for name, one in found.items():
        yield from doctor.of_room(name, one, rooms.get(name))


def _checks(
    seen: Seen, names: Sequence[str], *, read: str = "", look_only: bool = True
) -> Decision:
    """A check of each of these repositories."""
    now = clock.now()
    made = decide.catalogues(seen.ground.scene, names, due=now)

    def check(start: Start) -> Start:
        job = start.job.model_copy(
            update={
                "work": Work.CHECK,
                "run": run_key(f"check:{start.job.repository.name}", now),
                "read": read,
                "look_only": look_only,
                "deadline": CHECK_SECONDS,
            }
        )
        return replace(start, job=job)

    return replace(made, starts=tuple(map(check, made.starts)))


def _locks(outcomes: Iterable[Outcome], wanted: Iterable[str]) -> Iterator[Finding]:
    """The repositories whose locks could not be looked after: they are as they were."""
    done = {one.job.repository for one in outcomes if one.answer is not None}
    for name in wanted:
        if name not in done:
            yield Finding(check=Check.LOCK, where=name, what="", todo="")
