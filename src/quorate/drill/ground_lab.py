"""A lab as the ground of drills: the keeper holds the undo, probers run in its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quorate.drill import fault, remote_faults, remote_lease, writers
from quorate.drill.file import Kind
from quorate.drill.ground import Step, Work
from quorate.drill.remote import victim
from quorate.errors import LabError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.lab import keeper, nodes
from quorate.lab.state import Lab

BOOT = (0.0, 1.0)
"""Seconds until what runs in a lab answers: Debian's programs with little data, and stand-ins. By
the drills of docs/evidence/drills.md: whose check comes after a second, and who started alone on a
node, was seen healthy 1.3 to 2.5 s after its start was begun, so that one check was enough."""
BACK_SECONDS = 180.0

AS_ON_SERVERS = (Kind.DRAIN, Kind.FREEZE_SERVICE)
"""Faults that are made in a node as they are on a real server."""


class LabGround:
    """Drills in a lab."""

    boot = BOOT
    patience = BACK_SECONDS
    image = ""
    writes = True

    def __init__(self, lab: Lab, fleet: Fleet | None = None) -> None:
        self._lab, self._fleet = lab, fleet

    @property
    def lab(self) -> str:
        return self._lab.name

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(node.server for node in self._lab.nodes)

    @property
    def home(self) -> Path:
        return self._lab.directory

    @property
    def lock(self) -> Path:
        return self.home / "drill.lock"

    @property
    def upstream(self) -> bool:
        return self._lab.upstream

    def addresses(self, before: Snapshot) -> dict[str, str]:
        return {node.server: node.address for node in self._lab.nodes}

    def leftovers(self) -> list[str]:
        written = [f"what a drill wrote to {name}" for name in writers.left(self)]
        return written + fault.leftovers(self._lab)

    def clear(self) -> list[str]:
        return fault.clear(self._lab) + writers.remove(self)

    def check(self, work: Work) -> None:
        fault.possible(self._lab, work.drill.fault, work.hit)

    def effects(self, work: Work) -> list[str]:
        what = work.drill.fault
        return [f"{server}: {what.words} for {what.duration:g} s" for server in work.hit]

    def steps(self, work: Work) -> list[Step]:
        undo = Step(where="the keeper", what="undoes it", script=self._undo(work))
        made = [Step(where=server, what="makes the fault", script=script)
                for server, script in self._as_on_servers(work).items()]  # fmt: skip
        return [undo, *made]

    def ready(self, servers: Sequence[str], image: str) -> None:
        """Nodes have the images of the lab."""

    def shell(self, server: str, text: str) -> list[str]:
        return [
            *("docker", "-H", f"unix://{self._lab.engine_socket}", "exec", "-i"),
            *(self._lab.node(server).container, "bash", "-c", text),
        ]

    def execute(self, server: str, text: str, *, input: str = "", timeout: float = 60.0) -> str:
        return nodes.execute(
            self._lab, server, "bash", "-c", text, input=input, timeout=timeout, check=False
        )

    def broken(self, what: str, cause: str | None, *, todo: str | None = None) -> LabError:
        mend = "nothing was broken; `quorate lab up` mends the lab"
        return LabError(what, cause=cause, todo=todo or mend)

    def arm(self, work: Work) -> str:
        keeper.arm(self._lab, drill=work.drill.drill, undo=self._undo(work), lease=work.drill.lease)
        return ""

    def begin(self, work: Work) -> None:
        drill = work.drill
        scripts = self._as_on_servers(work)
        for server, script in scripts.items():
            nodes.execute(self._lab, server, "sh", "-s", input=script)
        if not scripts:
            fault.begin(self._lab, drill.fault, work.hit)

    def holder(self) -> str | None:
        return keeper.holder(self._lab)

    def undo(self) -> bool:
        return keeper.undo(self._lab)

    def _undo(self, work: Work) -> str:
        kind = work.drill.fault.kind
        if kind not in AS_ON_SERVERS:
            return fault.undoing(self._lab, kind, work.hit)
        steps = self._steps(work, begin=False)
        return "\n".join(
            f"docker exec -i {self._lab.node(server).container} sh -s <<'QUORATE-LAB'\n"
            f"{remote_lease.undo_script(text)}QUORATE-LAB"
            for server, text in steps.items()
        )

    def _as_on_servers(self, work: Work) -> dict[str, str]:
        if work.drill.fault.kind not in AS_ON_SERVERS:
            return {}
        head = f"{remote_lease.PATH}set -eu\nmkdir -p -m 0700 {remote_lease.PLACE}\n"
        return {server: head + text for server, text in self._steps(work, begin=True).items()}

    def _steps(self, work: Work, *, begin: bool) -> dict[str, str]:
        """Node → the steps there: of a drain, on a manager that is not drained."""
        kind, fleet = work.drill.fault.kind, self._fleet
        ways = remote_faults.WAYS.get(kind)
        if fleet is None or ways is None:
            raise LabError(f"nothing is known of how to make a {kind.value} in the lab {self.lab}")
        make = ways.begin if begin else ways.undo
        texts = {server: make(victim(server, work, fleet)) for server in work.hit}
        if kind is Kind.FREEZE_SERVICE:
            return texts
        manager = next(s.name for s in fleet.managers if s.name not in work.hit)
        return {manager: "".join(texts.values())}
