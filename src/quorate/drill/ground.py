"""Where a drill happens: what it needs of a lab, or of real servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quorate.drill.file import Drill
from quorate.drill.model import Guard
from quorate.errors import QuorateError
from quorate.fleet.model import Model
from quorate.fleet.observed import Snapshot
from quorate.predict.model import Failure


@dataclass(frozen=True, kw_only=True)
class Work:
    """One fault that is about to be made: the servers it hits, and the swarm before.

    `quorum`: a majority of managers is left. `token`: servers named as those whose loss may
    cost the quorum; `off`: servers named as those that may be switched off.
    """

    drill: Drill
    hit: tuple[str, ...]
    before: Snapshot
    quorum: bool = True
    token: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


class Step(Model):
    """Something that is run. `where`: a server, or words for another place; `what`: what for."""

    where: str
    what: str
    script: str


class Intent(Model):
    """What a drill would do, all of it found out and nothing changed.

    `effects`: what happens to which server, a line each. `steps` in the order they are run.
    """

    drill: str
    fleet: str
    target: tuple[str, ...]
    effects: tuple[str, ...]
    guards: tuple[Guard, ...]
    prediction: Failure | None
    steps: tuple[Step, ...]

    @property
    def refused(self) -> tuple[Guard, ...]:
        """The guards that do not hold, or could not be read."""
        return tuple(guard for guard in self.guards if guard.holds is not True)


class Ground(Protocol):
    """Where a drill happens.

    `lab`: the lab's name, empty for real servers. `servers`: all there are. `home`: a directory of
    its own on this machine. `lock`: the file that keeps a second drill from here out. `boot`:
    seconds until what runs there answers, None: as the compose files say. `patience`: seconds that
    a server is given to come back. `image`: what probers run in, empty: an image of the fleet's
    own, which has Python there. `upstream`: images are the real ones, none are stand-ins.
    `writes`: databases may be written to where the drill does not say which.
    """

    @property
    def lab(self) -> str: ...
    @property
    def servers(self) -> Sequence[str]: ...
    @property
    def home(self) -> Path: ...
    @property
    def lock(self) -> Path: ...
    @property
    def boot(self) -> tuple[float, float] | None: ...
    @property
    def patience(self) -> float: ...
    @property
    def image(self) -> str: ...
    @property
    def upstream(self) -> bool: ...
    @property
    def writes(self) -> bool: ...

    def addresses(self, before: Snapshot) -> Mapping[str, str]:
        """Server → the address at which the others reach it."""

    def leftovers(self) -> list[str]:
        """What drills have left, in words; also of one that is under way."""

    def clear(self) -> list[str]:
        """Take away what of a drill its undo does not; what was done, in words."""

    def check(self, work: Work) -> None:
        """Find out whether it can be done here.

        Raises:
            QuorateError: it cannot, or may not; nothing was changed.
        """

    def effects(self, work: Work) -> list[str]:
        """What will happen to which server, a line each."""

    def steps(self, work: Work) -> list[Step]:
        """What is run, in this order."""

    def ready(self, servers: Sequence[str], image: str) -> None:
        """See that probers can be started.

        Raises:
            QuorateError: a server cannot have the image.
        """

    def shell(self, server: str, text: str) -> list[str]:
        """The program that runs a shell script on a server; its input is the script's own."""

    def execute(self, server: str, text: str, *, input: str = "", timeout: float = 60.0) -> str:
        """Run a shell script on a server; what it printed, whatever it ended with.

        Raises:
            MachineError: the server does not answer, or it does not end.
        """

    def broken(self, what: str, cause: str | None, *, todo: str | None = None) -> QuorateError:
        """The error for something that does not work there."""

    def arm(self, work: Work) -> str:
        """Have the undo held by somebody else; who that is, in words where it is worth some.

        Raises:
            LockedError: another drill is under way. QuorateError: nobody would hold it.
        """

    def begin(self, work: Work) -> None:
        """Make the fault; it has begun when this returns.

        Raises:
            QuorateError: it could not be made on some target; the others are hit.
        """

    def holder(self) -> str | None:
        """The drill whose lease runs; None where none does."""

    def undo(self) -> bool:
        """Undo the fault now and let the lease go; False where there was none.

        Raises:
            QuorateError: it could not be undone; whoever holds the lease tries when it ends.
        """
