"""What a drill saw and what that comes to: values, JSON in and out.

Times are seconds from the moment the fault began, unless said otherwise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, computed_field, model_validator

from quorate.fleet.model import Model
from quorate.predict.model import Failure, Span


class Resilience(StrEnum):
    """How the fleet stood it.

    `passed`: what may move was back in its time and nobody else noticed. `failed`: not so.
    `aborted`: undone early. `invalid`: nothing was broken, as what must hold before did not.
    """

    PASSED = "passed"
    FAILED = "failed"
    ABORTED = "aborted"
    INVALID = "invalid"


class Agreement(StrEnum):
    """Whether what was predicted came to pass; `none` where nothing could be compared."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NONE = "none"


class Guard(Model):
    """One thing that must be true before. `holds` is None where it could not be found out."""

    name: str
    holds: bool | None
    text: str


class Beat(Model):
    """One change seen in the swarm. `service` by its id; empty for the swarm itself."""

    at: float
    what: str
    service: str = ""
    server: str = ""


class Probed(Model):
    """The answers of one service at one vantage point during one run.

    `sent`, `ok`, `failed` counts; `longest` the longest time without an answer, from the last
    good answer before it to the first one after it (None: it never answered again);
    `first_bad` and `last_bad` when; `total_bad` seconds without an answer, all gaps together.
    `misnamed`: the longest time its name gave no address, or one at which nobody was (None: to
    the end). `before`: share answered while nothing was broken. `bystander`: it should notice
    nothing.
    """

    service: str
    vantage: str
    sent: int = 0
    ok: int = 0
    failed: int = 0
    before: float = 1.0
    longest: float | None = 0.0
    misnamed: float | None = 0.0
    total_bad: float = 0.0
    first_bad: float | None = None
    last_bad: float | None = None
    bystander: bool = False


class Written(Model):
    """What was written to one service during one run, each write with an id of its own.

    Counts, from all vantage points together: `acknowledged`; `failed`, not sent or turned down;
    `unknown`, sent and never answered, of which `kept` were there afterwards. `lost`:
    acknowledged and not there afterwards, None where they could not be read back.
    `longest`: seconds without an acknowledged write at one vantage point while the fault
    lasted, as in `Probed`. `refused`: it asks for a password that is not known; nothing written.
    """

    service: str
    acknowledged: int = 0
    failed: int = 0
    unknown: int = 0
    kept: int = 0
    lost: int | None = 0
    longest: float | None = 0.0
    refused: bool = False

    @property
    def share(self) -> float:
        """Share of the writes that were acknowledged."""
        sent = self.acknowledged + self.failed + self.unknown
        return self.acknowledged / sent if sent else 0.0


class Phase(Model):
    """One thing that was both predicted and measured. `inside`: the measure is in the span."""

    name: str
    predicted: Span | None = None
    measured: float | None = None
    inside: bool | None = None


class Recovered(Model):
    """A service that was on the target. `went_to`: where its tasks run then.

    `assigned`, `started`, `running` when: given a server, its container's process there, its
    health check passed; None: not while the fault lasted. `target`: its recovery
    target in seconds. `possible`: it went only to servers that the model calls possible.
    """

    service: str
    tasks: int
    may_move: bool
    assigned: float | None = None
    started: float | None = None
    running: float | None = None
    target: float = 60.0
    went_to: tuple[str, ...] = ()
    possible: bool = True
    phase: Phase | None = None


class Run(Model):
    """One time the fault was made.

    `target` the servers it hit; `leader` who led before. `began` and `undone` as UTC texts.
    `phase`: seconds waited before, within a heartbeat. `noticed`: until Swarm had all of the
    target down; `new_leader`: until another manager leads. `undone_by`: who undid it.
    `misled`: servers that were well, and that Swarm took for lost meanwhile. `held`: who held
    the undo, where it is not a lab's keeper.
    `left_behind`: what was still there after that. `why`: of an aborted or invalid run.
    """

    number: int
    target: tuple[str, ...]
    leader: str = ""
    began: str = ""
    undone: str = ""
    lasted: float = 0.0
    phase: float = 0.0
    noticed: float | None = None
    new_leader: float | None = None
    prediction: Failure | None = None
    prediction_digest: str = ""
    phases: tuple[Phase, ...] = ()
    services: tuple[Recovered, ...] = ()
    probes: tuple[Probed, ...] = ()
    writes: tuple[Written, ...] = ()
    beats: tuple[Beat, ...] = ()
    guards: tuple[Guard, ...] = ()
    resilience: Resilience = Resilience.INVALID
    agreement: Agreement = Agreement.NONE
    why: tuple[str, ...] = ()
    undone_by: str = ""
    held: str = ""
    misled: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    samples: str = ""


class Report(Model):
    """All runs of a drill. `versions`: of quorate and of the engines, by name."""

    drill: str
    fleet: str
    fault: str
    lab: str = ""
    seed: int = 0
    started: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, data: Any) -> Any:
        """Verdicts are written, and worked out anew when read: a stored one could belie its runs.

        Mypy knows no decorated properties (its issue 1362); Pydantic's manual ignores it so, too.
        """
        if isinstance(data, dict):
            return {k: v for k, v in data.items() if k not in ("resilience", "agreement")}
        return data

    @computed_field  # type: ignore[prop-decorator]
    @property
    def resilience(self) -> Resilience:
        """The worst of its runs."""
        order = (Resilience.FAILED, Resilience.ABORTED, Resilience.INVALID, Resilience.PASSED)
        seen = {run.resilience for run in self.runs}
        return next((each for each in order if each in seen), Resilience.INVALID)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agreement(self) -> Agreement:
        """Outside where any run was."""
        seen = {run.agreement for run in self.runs}
        order = (Agreement.OUTSIDE, Agreement.INSIDE)
        return next((each for each in order if each in seen), Agreement.NONE)
