"""Drills repeated, as a page: what was measured, what was predicted, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

PHASES = ("noticed", "new leader", "all running")
WIDE, ROW, LEFT, TOP = 900, 16, 250, 40


def write(directory: Path, where: Mapping[str, object], runs: Sequence[Mapping[str, Any]]) -> None:
    """Write drills.json (every figure), drills.svg and drills.md."""
    data = {"title": "Drills", "machine": where, "runs": runs}
    (directory / "drills.json").write_text(json.dumps(data, indent=1) + "\n")
    (directory / "drills.svg").write_text(picture(runs))
    (directory / "drills.md").write_text(page(where, runs))


def groups(runs: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """(Fault, settings) → its runs that were made, in order."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        if run["began"]:
            found.setdefault((run["fault"], run["settings"]), []).append(run)
    return found


def phase(run: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A phase of a run that was predicted or measured."""
    return next((each for each in run["phases"] if each["name"] == name), None)


def started(run: Mapping[str, Any]) -> float | None:
    """When the last service that may move had its containers' processes begun."""
    times = [each["started"] for each in run["services"] if each["may_move"]]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def spread(times: Sequence[float | None]) -> str:
    """Minimum / median / maximum, and how many there are none of."""
    known = [time for time in times if time is not None]
    if not known:
        return "–"
    none = f" ({len(times) - len(known)} never)" if len(known) < len(times) else ""
    return f"{min(known):.1f} / {median(known):.1f} / {max(known):.1f}{none}"


def page(where: Mapping[str, object], runs: Sequence[Mapping[str, Any]]) -> str:
    """The page."""
    rows, inside = [], []
    for (fault, settings), mine in groups(runs).items():
        measured = {
            name: [(phase(run, name) or {}).get("measured") for run in mine] for name in PHASES
        }
        shown = [spread(measured["noticed"]), spread([started(run) for run in mine])]
        misled = sum(bool(run["misled"]) for run in mine)
        rows.append(
            f"| {fault} | {settings} | {len(mine)} | {' | '.join(shown)} | "
            f"{spread(measured['all running'])} | {misled} |"
        )
    for which, judged in by_model(runs).items():
        for (fault, settings), mine in groups(judged).items():
            inside += [
                f"| {fault} | {settings} | {name} | {which} | {hits} of {number} | {width:.1f} |"
                for name in PHASES
                for hits, number, width in held(mine, name)
            ]
    return "\n".join(
        [
            "# Drills",
            "",
            "The scenarios' fleet (three managers, a worker, eight services) in one lab, deployed",
            "in turns with Swarm's default settings (heartbeat 5 s, restart delay 5 s) and with",
            "tuned ones (1.5 s, 0 s). Power lost at a random moment.",
            f"{where['measured']}, {where['threads']} threads, {where['system']}, kernel",
            f"{where['kernel']}. Repeat with `make evidence`.",
            "",
            "Seconds from the loss: minimum / median / maximum, over the services that may move.",
            "A server that was well and was taken for lost meanwhile is *misled*.",
            "",
            "| Lost | Settings | Runs | Noticed | All started | All healthy | Misled |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Against what was predicted before (spans that hold nine courses of ten), by the model",
            "as it is at present, and as it was before it was mended by the drills until then:",
            "",
            "| Lost | Settings | Phase | Model | Inside | Widest span, s |",
            "| --- | --- | --- | --- | --- | --- |",
            *inside,
            "",
            *summary(runs),
            "",
            "![Measured and predicted](drills.svg)",
            "",
            "Every figure: [drills.json](drills.json); every probe that was not answered:",
            "[drills-unanswered.csv.gz](drills-unanswered.csv.gz).",
            "",
        ]
    )


def by_model(
    runs: Sequence[Mapping[str, Any]],
) -> dict[str, list[Mapping[str, Any]]]:
    """Runs that were predicted by the model of the last one, and those before it was changed."""
    last = runs[-1].get("model") if runs else None
    found: dict[str, list[Mapping[str, Any]]] = {"former": [], "present": []}
    for run in runs:
        found["present" if run.get("model") == last else "former"].append(run)
    return found


def held(runs: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, int, float]]:
    """How many runs were inside the span of a phase, of how many; the widest span, seconds.

    Empty where none was predicted and measured.
    """
    found = [each for run in runs if (each := phase(run, name)) and each["predicted"]]
    known = [each for each in found if each["inside"] is not None]
    if not known:
        return []
    widths = [each["predicted"]["high"] - each["predicted"]["low"] for each in known]
    return [(sum(each["inside"] for each in known), len(known), max(widths))]


def summary(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What it comes to: predictions that held, places, and how much quicker tuned settings are."""
    made = [run for run in runs if run["began"]]
    ends = [each for run in made if (each := phase(run, "all running")) and each["predicted"]]
    inside = sum(bool(each["inside"]) for each in ends)
    moved = [each for run in made for each in run["services"] if each["went_to"]]
    possible = sum(bool(each["possible"]) for each in moved)
    lines = [
        f"- Everything ran again inside the predicted span in {inside} of {len(ends)} drills.",
        f"- {possible} of {len(moved)} services went where the model says they may.",
    ]
    for fault in dict.fromkeys(run["fault"] for run in made):
        times = {
            name: [started(run) for run in mine]
            for (lost, name), mine in groups(runs).items()
            if lost == fault
        }
        ours = [time for time in times.get("tuned", ()) if time is not None]
        plain = [time for time in times.get("defaults", ()) if time is not None]
        if ours and plain:
            ratio = median(plain) / median(ours)
            lines.append(
                f"- {fault.capitalize()} lost: {median(ours):.1f} s with tuned settings, "
                f"{median(plain):.1f} s with defaults (medians until all started), "
                f"{ratio:.2f} times as quick."
            )
    return lines


def picture(runs: Sequence[Mapping[str, Any]]) -> str:
    """A dot for each measure of the last service, on a bar of what was predicted."""
    lines = [
        (f"{fault}, {settings}", phase(run, "all running"))
        for (fault, settings), mine in groups(runs).items()
        for run in mine
    ]
    shown = [(label, each) for label, each in lines if each is not None and each["predicted"]]
    most = max([each["predicted"]["high"] for _, each in shown] + [10.0])
    most = max([most, *(each["measured"] or 0.0 for _, each in shown)])
    scale = (WIDE - LEFT - 60) / most
    height = TOP + ROW * len(shown) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDE}" height="{height}" fill="#fff"/>',
        '<text x="10" y="20" font-size="14">All running again: measured (dots), predicted (bars), '
        "seconds from the loss</text>",
    ]
    last = ""
    for number, (label, each) in enumerate(shown):
        y = TOP + ROW * number
        low, high = each["predicted"]["low"], each["predicted"]["high"]
        if label != last:
            out.append(f'<text x="10" y="{y + 10}">{escape(label)}</text>')
            last = label
        out.append(
            f'<rect x="{LEFT + low * scale:.1f}" y="{y + 2}" width="{(high - low) * scale:.1f}" '
            'height="9" fill="#bcd3ea"/>'
        )
        if each["measured"] is not None:
            colour = "#1f6f43" if each["inside"] else "#b3261e"
            out.append(
                f'<circle cx="{LEFT + each["measured"] * scale:.1f}" cy="{y + 6.5}" r="4" '
                f'fill="{colour}"/>'
            )
    for tick in range(0, int(most) + 1, 10):
        x = LEFT + tick * scale
        out.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{tick}</text>')
    return "\n".join([*out, "</svg>", ""])
