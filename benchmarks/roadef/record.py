"""What a series found: as lines, as JSON, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.roadef import results
from benchmarks.roadef.series import Settings, Solved

TITLE = "ROADEF/EURO 2012 machine reassignment"
POINTS = 200
"""Points of a trajectory that are kept in a record."""


def thin(points: Sequence[tuple[float, int]], most: int = POINTS) -> list[tuple[float, int]]:
    """At most so many of the points, evenly chosen; the first and the last are kept."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(index * step)] for index in range(most)]


def as_json(solved: Sequence[Solved], failed: Sequence[str], about: dict[str, Any]) -> Any:
    """Everything of a series, JSON-ready; costs in the challenge's units, memory in bytes."""
    return {
        "title": TITLE,
        **about,
        "published": results.SOURCE,
        "instances": [_instance(item) for item in solved],
        "failed": list(failed),
    }


def _instance(item: Solved) -> dict[str, Any]:
    found = item.standing
    return {
        "name": item.name,
        **item.sizes,
        "original": item.original.as_json(),
        "cost": item.cost.as_json(),
        "lower_bound": item.bound,
        "best_known": found.best,
        "published": results.PUBLISHED.get(item.name, {}),
        "score_percent": None if found.score is None else round(found.score, 6),
        "target_percent": found.target,
        "target_met": found.met,
        "above_official_best_percent": _above(item, results.BEST),
        "above_s41_percent": _above(item, results.S41),
        "better_than_s41": _better(item),
        "seconds": round(item.seconds, 2),
        "stopped": item.stopped,
        "ended_by_clock": item.clock,
        "peak_memory": item.peak_memory,
        "trajectory": [list(point) for point in thin(item.trajectory)],
    }


def about(settings: Settings, warm: float, machine: dict[str, object]) -> dict[str, Any]:
    """What holds for the whole series."""
    return {
        "machine": machine,
        "settings": {
            "seconds": settings.seconds,
            "seed": settings.seed,
            "solver": settings.solver,
            "compiling_before": round(warm, 1),
        },
    }


def _better(item: Solved) -> bool | None:
    known = results.PUBLISHED.get(item.name, {})
    return item.cost.total < known[results.S41] if results.S41 in known else None


def _above(item: Solved, column: str) -> float | None:
    found = results.against(item.name, item.original.total, item.cost.total, column)
    return None if found is None else round(found, 6)


def score(item: Solved) -> str:
    """The score and whether the target is met, in words."""
    found = item.standing
    if found.score is None:
        return "nothing published"
    said = f"{found.score:+.4f} %"
    if found.target is None:
        return said
    return f"{said} ({'within' if found.met else 'above'} {found.target:g} %)"


def line(item: Solved) -> str:
    """One line about an instance."""
    best = item.standing.best
    return ", ".join(
        [
            f"{item.name}: original {item.original.total}",
            f"ours {item.cost.total} (checked)",
            f"lower bound {item.bound}",
            f"best known {'-' if best is None else best}",
            f"score {score(item)}",
            f"{item.seconds:.0f} s{', stopped' if item.stopped else ''}",
            f"{item.peak_memory / 2**20:.0f} MiB",
        ]
    )


def page(solved: Sequence[Solved], failed: Sequence[str], about: dict[str, Any], name: str) -> str:
    """The page of a series; its picture is NAME.svg, its figures are NAME.json."""
    where, settings = about["machine"], about["settings"]
    return "\n".join(
        [
            f"# {TITLE}",
            "",
            f"Measured on {where['measured']}: {where['threads']} threads,",
            f"{int(where['memory']) / 2**30:.0f} GiB, {where['system']}, kernel {where['kernel']},",
            f"Python {where['python']}, load {where['load']} at the start. "
            f"{settings['seconds']:g} s for each instance",
            f"(wall clock, reading in it), seed {settings['seed']}, `{settings['solver']}`; the",
            "same for all, nothing tuned to an instance. What Numba compiles was compiled before",
            f"({settings['compiling_before']:.0f} s) and is not counted. Every solution was read "
            "back from its file and",
            "checked by a checker that shares no code with the solver; costs are the checker's.",
            "",
            "| Instance | Original | Ours | Lower bound | Best known | Score | Official best | "
            "S41 | Seconds | MiB |",
            "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
            *(_row(item) for item in solved),
            *_failures(failed),
            "",
            "Score: (ours - best known) / original cost, as the challenge scored; below zero is",
            "better than what was known. *Best known* is the lowest published cost below; the same",
            "against the official best value of the challenge, which is higher for some instances, "
            "and",
            "against team S41 stands beside it.",
            "",
            f"![Cost over time]({name}.svg)",
            "",
            *_published([item.name for item in solved]),
            f"Every figure, with the costs' parts: [{name}.json]({name}.json). How to repeat it:",
            "[benchmarks/roadef](../../benchmarks/roadef/README.md).",
            "",
        ]
    )


def _row(item: Solved) -> str:
    best = item.standing.best
    cells = [
        item.name,
        item.original.total,
        f"{item.cost.total}{' (stopped)' if item.stopped else ''}",
        item.bound,
        "-" if best is None else best,
        score(item),
        *(
            "-" if above is None else f"{above:+.4f} %"
            for above in (_above(item, results.BEST), _above(item, results.S41))
        ),
        f"{item.seconds:.0f}",
        f"{item.peak_memory / 2**20:.0f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _failures(failed: Iterable[str]) -> list[str]:
    return ["", *(f"- Failed: {said}" for said in failed)] if failed else []


def _published(names: Sequence[str]) -> list[str]:
    known = [name for name in names if name in results.PUBLISHED]
    if not known:
        return []
    columns = (results.LOWER, results.MIP_LOWER, results.S41, results.BEST, results.MIP)
    rows = [
        f"| {name} | "
        + " | ".join(str(results.PUBLISHED[name].get(column, "")) for column in columns)
        + " |"
        for name in known
    ]
    return [
        f"Published: {results.SOURCE}.",
        "",
        f"| Instance | {' | '.join(columns)} |",
        "| --- |" + " ---: |" * len(columns),
        *rows,
        "",
    ]
