"""Real servers as the ground of drills: each holds its own undo, armed before the fault.

What is run there is made by `remote`, `remote_faults` and `remote_lease`; here it is run, over ssh.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join, quote

from quorate.drill import armed, history, remote, remote_lease, writers
from quorate.drill.ground import Step, Work
from quorate.drill.remote import HERE, Jobs
from quorate.drill.remote_look import CLEAR, LOOK, Look, leftovers, read_look
from quorate.drill.site import Site
from quorate.errors import (
    CommandError,
    LockedError,
    MachineError,
    QuorateError,
    UnreachableError,
)
from quorate.fleet.model import Fleet, Server
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import in_parallel
from quorate.observe.targets import target_of
from quorate.tools import clock, command, parallel, process, ssh

IMAGE = "python:3.13-alpine"
BACK_SECONDS = 600.0
"""A real server may take minutes to boot."""
PULL_SECONDS = 300.0
UNDO_SECONDS = 150.0
ASK_SECONDS = 5.0
"""Between two looks at whether the lease is still there."""
LATE_SECONDS = 30.0
"""After a lease's end, until its undo must have been done."""


class ServersGround:
    """Drills on the servers of a fleet."""

    lab = ""
    boot = None
    patience = BACK_SECONDS
    image = IMAGE
    upstream = True
    writes = False

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.home = history.home(fleet.name)
        self._servers = {server.name: server for server in fleet.servers}
        self._jobs: Jobs | None = None
        self._drill, self._ends = "", 0.0
        self._held: str | None = None
        self._asked = 0.0

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(self._servers)

    @property
    def lock(self) -> Path:
        return self.home / "drill.lock"

    def addresses(self, before: Snapshot) -> dict[str, str]:
        seen = {node.hostname: node.address for node in before.nodes}
        return {each.name: seen.get(each.name) or each.address for each in self.fleet.servers}

    def _site(self, server: str) -> Site:
        if server == HERE:
            return Site(name="this machine")
        return Site(name=server, target=target_of(self._servers[server]))

    @property
    def _here(self) -> str:
        """The directory of a lease on this machine."""
        return str(self.home / "lease")

    def _jobs_of(self, work: Work) -> Jobs:
        return remote.jobs(work, self.fleet, here=self._here)

    def leftovers(self) -> list[str]:
        looks, errors = self._look()
        found = leftovers(looks) + [f"of {name} nobody knows: {e.what}" for name, e in errors]
        if Path(self._here).exists():
            found.append(f"a lease on this machine: {self._here}")
        found += [f"what a drill wrote to {name}" for name in writers.left(self)]
        if not found:
            armed.forget(self.fleet.name)
        return found

    def _look(self) -> tuple[dict[str, Look], list[tuple[str, QuorateError]]]:
        def one(server: Server) -> Look:
            return read_look(self._site(server.name).run(LOOK).stdout)

        answers = in_parallel(one, self.fleet.servers)
        return dict(answers.results), sorted(answers.errors.items())

    def clear(self) -> list[str]:
        def one(server: Server) -> list[str]:
            said = self._site(server.name).run(CLEAR, timeout=UNDO_SECONDS).stdout
            return [f"{line} on {server.name}" for line in said.splitlines()]

        answers = in_parallel(one, self.fleet.servers)
        done = [text for server in self.fleet.servers
                for text in answers.results.get(server.name, ())]  # fmt: skip
        if answers.errors:
            name, error = next(iter(answers.errors.items()))
            raise MachineError(
                f"not everything could be undone: {', '.join(answers.errors)}",
                cause=f"{name}: {error.what}" + (f" ({error.cause})" if error.cause else ""),
                todo="; ".join([*done, "mend that, and run `quorate drill undo` again"]),
            )
        return done + writers.remove(self)

    def check(self, work: Work) -> None:
        remote.allow(work, self.fleet, quorum=work.quorum, here=process.host_name())
        jobs = self._jobs_of(work)
        looks, errors = self._look()
        for _, error in errors:
            raise error
        remote.able(work, jobs, looks)

    def effects(self, work: Work) -> list[str]:
        return remote.described(work, self._jobs_of(work))

    def steps(self, work: Work) -> list[Step]:
        jobs, drill = self._jobs_of(work), work.drill
        arms = [
            Step(
                where=job.server or "this machine",
                what=f"holds the undo, and does it after {drill.lease:g} s",
                script=self._arming(work, jobs, job.server, job.script),
            )
            for job in jobs.leases
        ]
        made = [Step(where=f.server, what="makes the fault", script=f.script) for f in jobs.faults]
        undo = remote_lease.undoing_script(place=jobs.place)
        undone = [
            Step(where=job.server or "this machine", what="undoes it", script=undo)
            for job in jobs.leases
        ]
        return [*arms, *made, *undone]

    def _arming(self, work: Work, jobs: Jobs, server: str, undo: str) -> str:
        return remote_lease.arm_script(
            work.drill.drill,
            undo,
            lease=work.drill.lease,
            place=jobs.place,
            timer=server != HERE,
        )

    def ready(self, servers: Sequence[str], image: str) -> None:
        name = quote(image)
        script = (
            f"{remote_lease.PATH}docker image inspect {name} > /dev/null 2>&1 || "
            f"docker pull -q {name} > /dev/null\n"
        )

        def one(server: str) -> None:
            try:
                self._site(server).run(script, timeout=PULL_SECONDS)
            except CommandError as error:
                raise MachineError(
                    f"{server} cannot have {image}, from which services are to be probed",
                    cause=error.cause or error.what,
                    todo="nothing was broken; `probes: {image: …}` in the drill names another "
                    "image with python3",
                ) from error

        parallel.run(one, servers)

    def shell(self, server: str, text: str) -> list[str]:
        target = target_of(self._servers[server])
        return [*target.argv("-T"), join(["sh", "-c", text])]

    def execute(self, server: str, text: str, *, input: str = "", timeout: float = 60.0) -> str:
        target = target_of(self._servers[server])
        argv = ["sh", "-c", text]
        return ssh.run(target, argv, input=input, timeout=timeout, check=False).stdout

    def broken(self, what: str, cause: str | None, *, todo: str | None = None) -> MachineError:
        mend = "nothing was broken; mend that, then retry"
        return MachineError(what, cause=cause, todo=todo or mend)

    def arm(self, work: Work) -> str:
        jobs = self._jobs_of(work)
        armed.note(
            self.fleet.name,
            armed.Armed(fleet=self.fleet.path.resolve(), drill=work.drill.drill),
        )
        self._drill, self._ends = work.drill.drill, clock.monotonic() + work.drill.lease
        how: dict[str, str] = {}
        try:
            for job in jobs.leases:
                script = self._arming(work, jobs, job.server, job.script)
                how[job.server] = self._armed(job.server, script)
        except BaseException:
            self._let_go(jobs, tuple(how))
            raise
        self._jobs, self._held, self._asked = jobs, self._drill, clock.monotonic()
        return remote.held_by(how)

    def _armed(self, server: str, script: str) -> str:
        """Arm one lease; who holds it.

        Raises:
            LockedError: another drill's is there. MachineError: it is not held.
        """
        done = self._site(server).run(script, check=False)
        if done.ok and done.stdout.split():
            return done.stdout.split()[-1]
        said = command.last_lines(done.stderr or done.stdout)
        where = server or "this machine"
        if done.code == remote_lease.HELD:
            raise LockedError(f"{said} on {where}", todo="wait, or end it: `quorate drill stop`")
        raise MachineError(
            f"the undo cannot be held on {where}, so nothing was broken", cause=said or None
        )

    def _let_go(self, jobs: Jobs, servers: Sequence[str]) -> None:
        """Nothing was broken: the undo of it changes nothing, and ends the lease."""
        for server in servers:
            self._site(server).run(remote_lease.undoing_script(place=jobs.place), check=False)

    def begin(self, work: Work) -> None:
        failed: list[QuorateError] = []

        def one(job: remote.Job) -> None:
            try:
                self._site(job.server).run(job.script)
            except QuorateError as error:
                failed.append(error)

        parallel.run(one, self._jobs_of(work).faults)
        for error in failed:
            raise error

    def holder(self) -> str | None:
        """Asked again only after some seconds; a server that does not answer holds it still."""
        now = clock.monotonic()
        if self._jobs is None or now - self._asked < ASK_SECONDS:
            return self._held
        self._asked = now
        script = remote_lease.holder_script(place=self._jobs.place)
        for job in self._jobs.leases:
            try:
                self._held = self._site(job.server).run(script).stdout.strip() or None
                break
            except QuorateError:
                if now > self._ends:
                    self._held = None
        return self._held

    def undo(self) -> bool:
        if self._jobs is None:
            return self._undo_found()
        jobs, self._jobs, self._held = self._jobs, None, None
        done, late = self._undo_on([job.server for job in jobs.leases], jobs.place)
        while late:
            # What cannot be reached undoes it by itself.
            if clock.monotonic() > self._ends + LATE_SECONDS:
                raise late[0][1]
            clock.sleep(ASK_SECONDS)
            more, late = self._undo_on([server for server, _ in late], jobs.place)
            done = done or more
        return done

    def _undo_found(self) -> bool:
        """Undo what another run of Quorate armed."""
        looks, errors = self._look()
        held = [name for name, look in looks.items() if look.drill is not None]
        done, late = self._undo_on(held, remote_lease.PLACE)
        if Path(self._here).exists():
            here, failed = self._undo_on([HERE], self._here)
            done, late = done or here, late + failed
        for _, error in [*late, *(errors if not done else ())]:
            raise error
        return done

    def _undo_on(
        self, servers: Sequence[str], place: str
    ) -> tuple[bool, list[tuple[str, UnreachableError]]]:
        """Undo on servers; whether anything was, and which could not be reached.

        Raises:
            MachineError: one could not undo it.
        """
        done, late, failed = [], [], []
        script = remote_lease.undoing_script(place=place)

        def one(server: str) -> None:
            try:
                said = self._site(server).run(script, timeout=UNDO_SECONDS).stdout
                done.extend(said.split())
            except UnreachableError as error:
                late.append((server, error))
            except CommandError as error:
                failed.append(error)

        parallel.run(one, servers)
        if failed:
            raise MachineError(
                "the fault could not be undone",
                cause=failed[0].cause or failed[0].what,
                todo="whoever holds the undo tries again when the lease ends; "
                "or `quorate drill undo FLEET --servers`",
            )
        return "undone" in done, late
