"""docs/reliability.md from the marks in the tests and the last results. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.reliability.rows import ROWS, Mark

INTRODUCTION = """\
# Reliability of backups

What is done to a backup on purpose, and what comes of it. Each line is a test with real
components (restic, Postgres, MariaDB, Redis, sshd, Barman, in a lab a real swarm) unless it lies in
`tests/unit`, where what is decided is tried with many values. A test looks for what its line says
comes of it. Where a whole job fails or is killed (`test_fault_jobs.py`, `test_fault_runs.py`,
`test_fault_far.py`, `test_killed_anywhere.py`) three things more are looked for each time:

1. no copy counts that is not whole, none is proven that was not, and none is lost but what the
   retention was to forget;
2. a database that the job was at, and that still runs, answers and takes writes, and no session of
   the backup's is left in it;
3. neither what the job pushes nor what a controller shows after it tells of a success.

The other tests (a dump without a job, what is decided, a lab) look at a metric only where their
line says so. A server lost in mid-quiesce is shown in a lab: the service runs again, no copy
counts, the next run is right; metrics are not looked at there.

Written by `make reliability`; a test that has not run since it was written says so."""

MARKS = {"passed": "holds", "failed": "**fails**", "skipped": "not run here"}


def text(marks: Sequence[Mark], evidence: Mapping[str, Any]) -> str:
    """The page.

    Args:
        marks: of all tests.
        evidence: docs/evidence/reliability.json: `machine`, and by test `tests`.
    """
    results: Mapping[str, Mapping[str, Any]] = evidence.get("tests", {})
    parts = [INTRODUCTION, "", *_summary(marks, results, evidence.get("machine", {})), ""]
    parts += ["| Fault | Tests | Hold | Fail | Not run |", "| --- | ---: | ---: | ---: | ---: |"]
    parts += [_counts(row, marks, results) for row in ROWS]
    for row in ROWS:
        parts += ["", f"## {row[:1].upper()}{row[1:]}", ""]
        parts += ["| Injected | What comes of it | Outcome | Test |", "| --- | --- | --- | --- |"]
        parts += [_line(mark, results) for mark in marks if mark.row == row]
    return "\n".join([*parts, ""])


def _summary(
    marks: Sequence[Mark], results: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any]
) -> list[str]:
    tests = {mark.test for mark in marks}
    held = sum(results.get(test, {}).get("outcome") == "passed" for test in tests)
    lines = [f"{len(ROWS)} faults, {len(tests)} tests; {held} of them hold as they ran last"]
    if machine:
        lines[0] += f" ({machine['system']}, kernel {machine['kernel']},"
        lines.append(f"{machine['threads']} threads; {_versions(machine)})")
    lines[-1] += "."
    return lines


def _versions(machine: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {said}" for name, said in machine.get("versions", {}).items())


def _counts(row: str, marks: Iterable[Mark], results: Mapping[str, Mapping[str, Any]]) -> str:
    tests = {mark.test for mark in marks if mark.row == row}
    ended = [results.get(test, {}).get("outcome") for test in tests]
    held, failed = ended.count("passed"), ended.count("failed")
    return f"| {row} | {len(tests)} | {held} | {failed} | {len(ended) - held - failed} |"


def _line(mark: Mark, results: Mapping[str, Mapping[str, Any]]) -> str:
    result = results.get(mark.test, {})
    outcome = MARKS.get(str(result.get("outcome")), "not run yet")
    if result:
        outcome += f" ({result['when']}, {result['seconds']:.0f} s)"
    said = "; ".join(dict.fromkeys(result.get("saw", ())))
    seen = f"{mark.seen}. Seen: {said}" if said else mark.seen
    cells = (mark.injected, seen, outcome, f"`{mark.test.removeprefix('tests/')}`")
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
