"""Write docs/claims.md: what the office's document says of failures, beside what comes out.

`python -m scripts.claims`, a part of `make docs`. Predictions are computed here, from the example
office; measures are read from docs/evidence/drills.json, where there is one. What the document
says is told in words of our own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.drills_page import groups, phase, spread
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.predict.model import Failure, Prediction, Span
from quorate.predict.predict import predict

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "claims.md"
OFFICE = ROOT / "examples" / "office" / "fleet.yaml"
DRILLS = ROOT / "docs" / "evidence" / "drills.json"
DEFAULT_HEARTBEAT = 5.0
WORKER, LEADER, OTHERS, APART = "hpr", "gmktec", ("hppavilion", "wsasus"), "wsasus"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim: what is said, what the model predicts, what was measured, and what holds."""

    said: str
    predicted: str
    measured: str
    verdict: str
    code: str = ""


def office(heartbeat: float | None = None) -> Prediction:
    """The office's failures that the document tells of; `heartbeat` instead of its own."""
    fleet = read_fleet(OFFICE)
    if heartbeat is not None:
        swarm = fleet.swarm.model_copy(update={"heartbeat": heartbeat})
        fleet = fleet.model_copy(update={"swarm": swarm})
    lost = [(WORKER,), (LEADER,), OTHERS]
    return predict(fleet, make_plan(fleet), lost=lost, parted=[(APART,)], leader=LEADER)


def span(found: Span | None) -> str:
    """A span in words."""
    return f"{found.low:.0f} to {found.high:.0f} s" if found is not None else "never"


def measured(runs: Sequence[dict[str, Any]], fault: str, name: str) -> str:
    """What drills measured of a phase: minimum / median / maximum, by settings."""
    parts = []
    for (each, settings), mine in groups(runs).items():
        times = [(phase(run, name) or {}).get("measured") for run in mine]
        if each == fault and any(time is not None for time in times):
            parts.append(f"{spread(times)} s ({settings}, n = {len(mine)})")
    return "; ".join(parts) or "not measured yet"


def claims() -> list[Claim]:
    """Every claim, in the document's order."""
    runs = json.loads(DRILLS.read_text())["runs"] if DRILLS.exists() else []
    plain, ours = office(DEFAULT_HEARTBEAT).failures, office().failures
    return [*_lost(plain, ours, runs), *_quorum(plain), *_settings(ours)]


def _lost(
    plain: Sequence[Failure], ours: Sequence[Failure], runs: Sequence[dict[str, Any]]
) -> list[Claim]:
    return [
        Claim(
            said="A lost worker is noticed within 10 to 30 s.",
            predicted=f"{span(plain[0].noticed)} with Swarm's defaults; {span(ours[0].noticed)} "
            "with the office's heartbeat",
            measured=measured(runs, "worker", "noticed"),
            verdict="Holds, and is too careful: three heartbeats, no more.",
        ),
        Claim(
            said="Its services are fully back after about 60 s.",
            predicted=f"{span(plain[0].restored)} by default, {span(ours[0].restored)} with the "
            "office's settings: Swarm's part, and the start of the containers",
            measured=measured(runs, "worker", "all running"),
            verdict="Holds for what may move. What keeps its data on that server waits for it; the "
            "document moves such a database elsewhere, where it would start empty.",
            code="Q501",
        ),
        Claim(
            said="When the leader is lost, another leads within 5 s.",
            predicted=span(plain[1].leaderless),
            measured=measured(runs, "leader", "new leader"),
            verdict="**Wrong**: a manager waits 10 to 19 s before it stands for election.",
        ),
        Claim(
            said="After the loss of a leader, services are back as fast as after that of a worker.",
            predicted=f"noticed after {span(plain[1].noticed)} by default, all back after "
            f"{span(plain[1].restored)}; with the office's heartbeat {span(ours[1].noticed)} and "
            f"{span(ours[1].restored)}",
            measured=measured(runs, "leader", "all running"),
            verdict="**Wrong**: first comes the election, then twice the grace for every node.",
        ),
    ]


def _quorum(found: Sequence[Failure]) -> list[Claim]:
    doubled = len(found[3].doubled)
    return [
        Claim(
            said="With one of three managers lost, two of two are left, and all is well.",
            predicted="two of **three**: the next loss costs the majority",
            measured="a second manager lost: no quorum (drill, `tests/scenarios`)",
            verdict="**Wrong**: a lost manager counts until it is removed. Mend it, or demote it.",
        ),
        Claim(
            said="With two of three managers lost, the cluster is read-only and services run on.",
            predicted=f"nothing is replaced; {found[2].remedy}",
            measured="services went on; every call, reading too, failed after some 20 s (drill)",
            verdict="Half right: not even reading works.",
        ),
        Claim(
            said="In a partition the majority goes on; the minority's services run, unreplaced.",
            predicted=f"so it is; and {doubled} services that the majority replaces run twice",
            measured="seen (drill); after it a pinned Postgres ran twice on one volume for 0.9 s",
            verdict="Holds, and leaves out that what is replaced runs **twice**.",
        ),
    ]


def _settings(found: Sequence[Failure]) -> list[Claim]:
    return [
        Claim(
            said="Three replicas, at most one on a node, on managers only: a lost one is replaced.",
            predicted="one replica of the office's `ws-gateway` waits for its server"
            if _pends(found[1], "ws-gateway")
            else "there is a place",
            measured="–",
            verdict="**Wrong** with three managers: the third has nowhere to go.",
            code="Q510",
        ),
        Claim(
            said="`max_attempts: 10` keeps retrying.",
            predicted="after ten attempts Swarm gives up",
            measured="–",
            verdict="**Wrong**: it stops for good; leave it out, or give it a `window`.",
            code="Q503",
        ),
        Claim(
            said="A container that cannot be restarted is moved to another node.",
            predicted="each restart is scheduled anew; a node on which a service failed five times "
            "in five minutes comes last",
            measured="–",
            verdict="Depends: it may come back to the same node again and again.",
        ),
        Claim(
            said="When the server is back, services rebalance.",
            predicted="nothing moves",
            measured="nothing moved (every drill)",
            verdict="**Wrong**: `quorate up` brings them home.",
        ),
    ]


def _pends(failure: Failure, service: str) -> bool:
    """Whether a lost replica of a service has no other place."""
    return any(f.service == service and f.lost and not f.goes_to for f in failure.fates)


def text() -> str:
    """The page."""
    rows = []
    for claim in claims():
        code = f" `quorate check`: {claim.code}." if claim.code else ""
        rows.append(
            f"| {claim.said} | {claim.predicted} | {claim.measured} | {claim.verdict}{code} |"
        )
    return "\n".join(
        [
            "# Claims",
            "",
            "What the office's own document says of failures, beside what the model predicts for",
            "the example office, and what drills measured on a small fleet in a lab (`make",
            "evidence`). Written by `make docs`; spans hold nine courses of ten.",
            "",
            "| Said | Predicted | Measured | So |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Write the page, if it changed."""
    made = text()
    if not PAGE.exists() or PAGE.read_text() != made:
        PAGE.write_text(made)
        print("docs: claims.md")


if __name__ == "__main__":
    main()
