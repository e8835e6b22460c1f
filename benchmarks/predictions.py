"""Predictions, timed: ten thousand courses of the office, and one loss on fleets of growing size.

A course is one simulation of one failure, from the loss to the last task running. Planning is not
in these times: the estates come with their homes, the office is planned before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import curves, estate, machine
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.plan.model import Placement, Plan
from quorate.plan.scene import scene
from quorate.plan.solve import make_plan
from quorate.predict.losses import Losses

OFFICE = Path(__file__).resolve().parents[1] / "examples" / "office" / "fleet.yaml"
TITLE = "Predicting failures"
COURSES = 10_000
ONE = 20
"""Courses of one failure on a large fleet, the fewest that the command takes."""
SIZES = (100, 1_000, 5_000, 20_000)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure: `seconds` for `courses` of one failure or, of the office, of each in turn."""

    name: str
    servers: int
    tasks: int
    courses: int
    seconds: float


def office() -> Row:
    """Ten thousand courses, the single failures in turn."""
    fleet = read_fleet(OFFICE)
    start = scene(fleet, make_plan(fleet))
    losses = Losses(start, courses=COURSES // len(fleet.servers))
    managers = [server.name for server in fleet.managers]
    begun = time.perf_counter()
    for name in (server.name for server in fleet.servers):
        leader = name if name in managers else managers[0]
        losses.follow((name,), leader=leader)
    seconds = time.perf_counter() - begun
    tasks = sum(sum(places.values()) for places in start.homes.values())
    return Row(
        name="office", servers=len(fleet.servers), tasks=tasks, courses=COURSES, seconds=seconds
    )


def one(replicas: int) -> Row:
    """One loss of a whole estate: replayed, followed `ONE` times, told service by service."""
    made = estate.make(replicas=replicas)
    start = scene(made.fleet, at_home(made.fleet, made.homes))
    leader = made.fleet.managers[0].name
    begun = time.perf_counter()
    Losses(start, courses=ONE).lose((made.fleet.servers[-1].name,), leader=leader)
    seconds = time.perf_counter() - begun
    tasks = sum(sum(places.values()) for places in start.homes.values())
    return Row(
        name=f"{replicas:,} replicas",
        servers=len(made.fleet.servers),
        tasks=tasks,
        courses=ONE,
        seconds=seconds,
    )


def at_home(fleet: Fleet, homes: dict[str, tuple[str, ...]]) -> Plan:
    """A plan with every service at its home, and every allowed server as its pool."""
    everyone = tuple(server.name for server in fleet.servers)
    services = {
        service.id: Placement(
            id=service.id,
            stack=service.stack,
            name=service.name,
            home=homes[service.id][0],
            homes=tuple(sorted(homes[service.id])),
            pool=service.pins or everyone,
        )
        for service in fleet.services
        if homes.get(service.id)
    }
    return Plan(
        fleet=fleet.name,
        fleet_digest=fleet.digest,
        made_at="",
        status="feasible",
        objective=0.0,
        bound=0.0,
        services=services,
        servers={},
    )


def write(directory: Path, _: Path) -> None:
    """Measure, and write predictions.json, predictions.svg and predictions.md."""
    where = machine.describe()
    rows = [office(), *(one(size) for size in SIZES)]
    directory.mkdir(parents=True, exist_ok=True)
    data = {"title": TITLE, "machine": where, "rows": [asdict(row) for row in rows]}
    (directory / "predictions.json").write_text(json.dumps(data, indent=1) + "\n")
    grown = [(float(row.tasks), row.seconds) for row in rows[1:]]
    lines = {f"one loss, {ONE} courses": grown}
    picture = curves.curves(TITLE, "tasks", "seconds", lines)
    (directory / "predictions.svg").write_text(picture)
    (directory / "predictions.md").write_text(page(rows, where))


def page(rows: Sequence[Row], where: dict[str, object]) -> str:
    """The page."""
    return "\n".join(
        [
            f"# {TITLE}",
            "",
            "The office: ten thousand simulations of single failures, each server in turn.",
            "Estates (`benchmarks/estate.py`): the loss of one server, replayed and simulated, and",
            "what comes of it for every service.",
            "",
            f"{where['measured']}: {where['threads']} threads, {where['system']}, kernel",
            f"{where['kernel']}, Python {where['python']}, load {where['load']} at the start.",
            "Repeat with `make evidence`.",
            "",
            "| Fleet | Servers | Tasks | Courses | Seconds |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {row.name} | {row.servers:,} | {row.tasks:,} | {row.courses:,} | "
                f"{row.seconds:.2f} |"
                for row in rows
            ),
            "",
            f"![{TITLE}](predictions.svg)",
            "",
            "Every figure: [predictions.json](predictions.json).",
            "",
        ]
    )
