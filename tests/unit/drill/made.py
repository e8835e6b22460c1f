"""A report made by hand: one run that failed, one that was undone early, one that was not made."""

from __future__ import annotations

from quorate.drill.model import (
    Agreement,
    Beat,
    Guard,
    Phase,
    Probed,
    Recovered,
    Report,
    Resilience,
    Run,
    Written,
)
from quorate.predict.model import Failure, Span

NASTY = "<b>bold</b> [red]"
SPAN = Span(low=10, mean=13, high=16)


def phase(name: str, measured: float | None, *, inside: bool) -> Phase:
    return Phase(name=name, predicted=SPAN, measured=measured, inside=inside)


FAILED = Run(
    number=1,
    target=("alpha",),
    leader="alpha",
    began="2026-01-02T03:04:05Z",
    undone="2026-01-02T03:05:05Z",
    lasted=60.0,
    phase=2.5,
    noticed=12.0,
    new_leader=3.4,
    prediction=Failure(name="alpha", servers=("alpha",), leader="alpha", leaderless=SPAN),
    phases=(phase("noticed", 12.0, inside=True),),
    services=(
        Recovered(
            service="web",
            tasks=2,
            may_move=True,
            assigned=12.5,
            running=20.5,
            target=15.0,
            went_to=("beta", "gamma"),
            possible=False,
            phase=phase("running", 20.5, inside=False),
        ),
        Recovered(service=NASTY, tasks=1, may_move=True, assigned=12.5, running=14.0),
        Recovered(service="db", tasks=1, may_move=False),
    ),
    probes=(
        Probed(service="web", vantage="beta", sent=600, ok=400, failed=200, longest=20.0,
               total_bad=20.0, misnamed=4.5, first_bad=0.1, last_bad=20.0),
        Probed(service="web", vantage="gamma", sent=600, ok=390, failed=210, longest=21.0,
               total_bad=22.5, first_bad=0.1, last_bad=30.0),
        Probed(service="db", vantage="beta", sent=600, failed=600, longest=None, total_bad=60.0,
               first_bad=0.1, last_bad=60.0),
        Probed(service="other", vantage="beta", sent=600, ok=597, failed=3, longest=0.3,
               total_bad=0.3, first_bad=1.0, last_bad=1.2, bystander=True),
        Probed(service="quiet", vantage="beta", sent=600, ok=600, bystander=True),
    ),
    writes=(
        Written(service="db", acknowledged=480, failed=90, unknown=2, kept=1, lost=3, longest=None),
        Written(service="queue", acknowledged=500, longest=0.4),
        Written(service="vault", refused=True),
        Written(service="far"),
    ),
    beats=(Beat(at=12.0, what="down", server="alpha"),),
    guards=(Guard(name="quorum", holds=True, text="2 of 3 managers are left"),),
    resilience=Resilience.FAILED,
    agreement=Agreement.OUTSIDE,
    undone_by="the drill",
    samples="somewhere/run-1.jsonl",
)  # fmt: skip

ABORTED = Run(
    number=2,
    target=("alpha",),
    leader="beta",
    lasted=31.0,
    noticed=14.0,
    services=(Recovered(service="web", tasks=2, may_move=True, assigned=14.5),),
    resilience=Resilience.ABORTED,
    why=("web has not answered for 30 s\x1b",),
    undone_by="its lease",
    left_behind=("a rule of the firewall on alpha",),
)

INVALID = Run(
    number=3,
    target=("alpha",),
    guards=(
        Guard(name="capacity", holds=False, text=f"{NASTY} finds no place"),
        Guard(name="backup", holds=None, text="no record"),
    ),
    why=("a guard does not hold",),
)

REPORT = Report(
    drill="freeze-leader",
    fleet="office",
    fault="freeze",
    lab="here",
    seed=7,
    started="2026-01-02T03:04:00Z",
    versions={"quorate": "0.1.0", "engine": "27.5"},
    runs=(FAILED, ABORTED, INVALID),
)

GOOD = FAILED.model_copy(
    update={
        "services": (Recovered(service="web", tasks=2, may_move=True, assigned=9.0, running=9.5),),
        "probes": (),
        "writes": (),
        "noticed": 11.0,
        "resilience": Resilience.PASSED,
        "agreement": Agreement.INSIDE,
    }
)
FINE = REPORT.model_copy(update={"runs": (GOOD,), "started": "2026-01-01T00:00:00Z"})
