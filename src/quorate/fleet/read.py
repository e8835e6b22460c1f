"""Read a fleet, or raise with everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quorate.errors import CheckError
from quorate.fleet.check import check
from quorate.fleet.model import Fleet
from quorate.fleet.problems import Severity


def read_fleet(
    path: Path,
    *,
    override: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Fleet:
    """The fleet of a fleet file and its compose files.

    Args:
        path: the fleet file.
        override: a YAML file deep-merged over the fleet file's mapping before validation.
        environment: variables for compose files; the process environment by default.

    Raises:
        CheckError: with every error found, each as `file:line:column: what; why; what to do`.
    """
    report = check(path, override=override, environment=environment)
    if report.fleet is not None:
        return report.fleet
    errors = [str(p) for p in report.problems if p.severity is Severity.ERROR]
    number = f"{len(errors)} errors" if len(errors) != 1 else "1 error"
    raise CheckError(
        f"{path}: {number}",
        problems=errors,
        todo="correct them; `quorate check` also shows warnings",
    )
