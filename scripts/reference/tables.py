"""Pages that are tables in the code already: exit codes and problem codes."""

from __future__ import annotations

import inspect

from quorate import errors
from quorate.backup.runner.ending import TERMINATED_CODE
from quorate.errors import QuorateError
from quorate.fleet.codes import CODES

VERDICT = 4
INTERRUPTED = 130

GROUPS = {
    "Q0": "Reading files",
    "Q1": "The fleet file",
    "Q2": "Compose files",
    "Q3": "`x-quorate`",
    "Q4": "Compose keys that Swarm ignores or refuses",
    "Q5": "What surprises people on Swarm",
    "Q6": "With a measurement (`--measured`)",
    "Q7": "Backups",
}


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", r"\|")


def exit_codes() -> str:
    """docs/reference/exit-codes.md."""
    rows = {0: [("", "done")]}
    for name, found in vars(errors).items():
        if inspect.isclass(found) and issubclass(found, QuorateError):
            says = cell((inspect.getdoc(found) or "").split("\n\n")[0])
            rows.setdefault(found.exit_code, []).append((f"`{name}`", says))
    # The base class stands for what has no class of its own.
    rows[1] = [("`QuorateError`", "anything expected that has no class of its own, and defects")]
    rows[VERDICT] = [("", "a check with a verdict says no (no error: the answer was found)")]
    rows[INTERRUPTED] = [("", "interrupted with Ctrl-C")]
    rows[TERMINATED_CODE] = [("", "`quorate backup job` was told to end (SIGTERM)")]
    lines = [f"| {code} | {name} | {says} |" for code in sorted(rows) for name, says in rows[code]]
    return "\n".join(
        [
            "# Exit codes",
            "",
            "An expected error prints what happened, the likely cause and what to do; with",
            "`--json` it is [an object](schemas/error.json). Anything else is a defect: a",
            "traceback and exit code 1.",
            "",
            "| Code | Error | Meaning |",
            "| --- | --- | --- |",
            *lines,
            "",
        ]
    )


def checks() -> str:
    """docs/reference/check.md."""
    lines = [
        "# What `quorate check` finds",
        "",
        "All problems of a fleet are reported in one run, each as",
        "`file:line:column: severity code: what; why; what to do`. An error ends with exit",
        "code 2, a warning only with `--strict`, a note never.",
    ]
    for prefix, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| Code | | What | Why it matters | What to do |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {code} | {entry.severity.value} | {cell(entry.title)} "
            f"| {cell(entry.why)} | {cell(entry.todo)} |"
            for code, entry in CODES.items()
            if code.startswith(prefix)
        ]
    left = [code for code in CODES if code[:2] not in GROUPS]
    if left:
        raise ValueError(f"problem codes without a group: {left}")
    return "\n".join([*lines, ""])
