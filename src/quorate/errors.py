"""Every error a user can meet, and the exit code it ends with.

::

    QuorateError                    1   anything expected that has no class of its own
    ├── StoppedError                1   a search was stopped before it had found anything
    ├── UsageError                  2   wrong arguments
    ├── CheckError                  2   problems in the fleet or compose files, all at once
    ├── InfeasibleError             3   no placement satisfies the rules
    ├── DeployError                 5   a service did not become healthy
    │   └── StalePlanError          5   the fleet changed since the plan was made
    ├── MachineError           6   a server, engine, program or disk is not as needed
    │   ├── UnreachableError        6   a server does not answer, or refuses the key
    │   ├── EngineError             6   an engine is too old, stopped, or out of disk
    │   │   └── NoQuorumError       6   a manager answers, and its swarm has no leader
    │   ├── CommandError            6   a program failed, timed out or is not installed
    │   └── RepositoryError         6   a backup repository is missing, locked, full, damaged …
    ├── LockedError                 7   somebody else is changing this fleet
    ├── RefusedError                8   the user (or a missing --yes) said no; nothing changed
    └── LabError                    9   the lab cannot be built or is not running

An error says what happened, the likely cause and what to do next, in that
order. An expected error prints as such, without a traceback; anything else is
a defect and exits with 1, a traceback and where to report it. Ctrl-C exits
with 130, also when it ended a search early and the best plan found is shown.
Exit code 4 belongs to checks with a verdict (`predict --fail-on`, drills, `status --deep`, a
proof of a backup) and has no error class here yet. A backup job that is told to end by SIGTERM
exits with 143.
"""

from __future__ import annotations

from collections.abc import Sequence


class QuorateError(Exception):
    """What happened, the likely cause, and what to do.

    Args:
        what: one sentence, no trailing full stop needed.
        cause: the likely cause, if known.
        todo: the next action for the user.
    """

    exit_code: int = 1

    def __init__(self, what: str, *, cause: str | None = None, todo: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.todo = todo
        if cause:
            self.add_note(f"likely cause: {cause}")  # for tracebacks, as of a failed test

    def lines(self) -> list[str]:
        """The error as printable lines, most important first."""
        out = [self.what]
        if self.cause:
            out.append(f"likely cause: {self.cause}")
        if self.todo:
            out.append(f"what to do: {self.todo}")
        return out

    def as_json(self) -> dict[str, object]:
        """The error as a JSON-ready mapping."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "cause": self.cause,
            "todo": self.todo,
            "exit_code": self.exit_code,
        }


class StoppedError(QuorateError):
    """A search was asked to stop before it had found anything (Ctrl-C: the command exits 130)."""


class UsageError(QuorateError):
    """Wrong arguments on the command line."""

    exit_code = 2


class CheckError(QuorateError):
    """Problems in the fleet or compose files.

    Args:
        what: summary sentence.
        problems: every problem found, printable, one per entry.
    """

    exit_code = 2

    def __init__(self, what: str, *, problems: Sequence[str] = (), todo: str | None = None) -> None:
        super().__init__(what, todo=todo)
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        return [*self.problems, *super().lines()]

    def as_json(self) -> dict[str, object]:
        return {**super().as_json(), "problems": list(self.problems)}


class InfeasibleError(QuorateError):
    """No placement satisfies the rules; `conflict` is the smallest set found."""

    exit_code = 3

    def __init__(self, what: str, *, conflict: Sequence[str] = (), todo: str | None = None) -> None:
        super().__init__(what, todo=todo)
        self.conflict = tuple(conflict)

    def lines(self) -> list[str]:
        out = [self.what, *(f"  - {rule}" for rule in self.conflict)]
        if self.todo:
            out.append(f"what to do: {self.todo}")
        return out

    def as_json(self) -> dict[str, object]:
        return {**super().as_json(), "conflict": list(self.conflict)}


class DeployError(QuorateError):
    """A service did not become healthy; the rest was left running."""

    exit_code = 5


class StalePlanError(DeployError):
    """The fleet is no longer what the plan was made from."""


class MachineError(QuorateError):
    """A server, engine, program or disk is not as needed."""

    exit_code = 6


class UnreachableError(MachineError):
    """A server does not answer, or refuses the key."""


class EngineError(MachineError):
    """An engine is too old, stopped, or out of disk."""


class NoQuorumError(EngineError):
    """A manager answers, and its swarm has no leader."""


class CommandError(MachineError):
    """A program failed, timed out or is not installed."""


class RepositoryError(MachineError):
    """A backup repository cannot be used, or did not keep what it was given.

    Args:
        reason: which of `tools.restic_errors.Reason` it is, for who can do something about it.
    """

    def __init__(
        self, what: str, *, reason: str, cause: str | None = None, todo: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, todo=todo)
        self.reason = reason


class LockedError(QuorateError):
    """Somebody else is changing this fleet."""

    exit_code = 7


class RefusedError(QuorateError):
    """The user (or a missing --yes) said no; nothing was changed."""

    exit_code = 8


class LabError(QuorateError):
    """The lab cannot be built or is not running."""

    exit_code = 9
