"""Run the tests of faults, and write docs/reliability.md: `python -m scripts.reliability`.

Without a lab, unless `--lab` is given; `--row ROW` runs the tests of one row, `--failed` those
that did not hold last, `--page` none. What is not run keeps its last result.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from scripts.reliability import page
from scripts.reliability.rows import ROOT, ROWS, Mark, marks, missing

PAGE = ROOT / "docs" / "reliability.md"
EVIDENCE = ROOT / "docs" / "evidence" / "reliability.json"
KINDS = ("tests/unit/", "tests/integration/", "tests/scenarios/")
VERSIONS = {
    "restic": ("restic", "version"),
    "rclone": ("rclone", "version"),
    "redis": ("redis-server", "--version"),
    "MariaDB": ("mariadb", "--version"),
    "Barman": ("barman", "--version"),
    "OpenSSH": ("ssh", "-V"),
}


def evidence() -> dict[str, Any]:
    """What was found last."""
    return dict(json.loads(EVIDENCE.read_text())) if EVIDENCE.exists() else {}


def versions() -> dict[str, str]:
    """The programs that are tested with, as far as they are here."""
    found = {}
    for name, argv in VERSIONS.items():
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        except OSError:
            continue
        said = f" {done.stdout} {done.stderr}"
        number = re.search(r"Distrib (\d[\w.]+)", said) or re.search(r"[ v=_](\d+\.[\w.]+)", said)
        found[name] = number[1] if number else "?"
    return found


def ran(tests: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run tests of one kind; how each ended."""
    with tempfile.TemporaryDirectory() as place:
        ended = Path(place) / "ended.json"
        plugin = ("-p", "scripts.reliability.record", "--ended", str(ended))
        subprocess.run([sys.executable, "-m", "pytest", "-q", *plugin, *tests], cwd=ROOT)
        found = json.loads(ended.read_text()) if ended.exists() else {}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return {test: {**one, "when": today} for test, one in found.items()}


def chosen(found: Sequence[Mark], options: argparse.Namespace) -> list[str]:
    """The tests to run."""
    if options.page:
        return []
    results = evidence().get("tests", {})
    wanted = [
        mark.test
        for mark in found
        if (options.lab or not mark.lab) and options.row in (None, mark.row)
        if not options.failed or results.get(mark.test, {}).get("outcome") != "passed"
    ]
    return list(dict.fromkeys(wanted))


def main() -> int:
    """Run, write; 1 when one does not hold, or a row has no test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", action="store_true", help="those that need a lab, too")
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--failed", action="store_true", help="only what did not hold last")
    parser.add_argument("--page", action="store_true", help="write the page only")
    options = parser.parse_args()
    found = marks()
    tests = chosen(found, options)
    data = evidence()
    known = {mark.test for mark in found}
    results = {test: one for test, one in data.get("tests", {}).items() if test in known}
    for kind in KINDS:
        mine = [test for test in tests if test.startswith(kind)]
        if mine:
            print(f"reliability: {len(mine)} tests in {kind}")
            results |= ran(mine)
    if tests:
        data["machine"] = {**machine.describe(), "versions": versions()}
    data["tests"] = dict(sorted(results.items()))
    EVIDENCE.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page.text(found, data))
    bad = [test for test in tests if results.get(test, {}).get("outcome") == "failed"]
    for test in bad:
        print(f"reliability: does not hold: {test}", file=sys.stderr)
    for row in missing(found):
        print(f"reliability: no test shows: {row}", file=sys.stderr)
    return 1 if bad or missing(found) else 0


if __name__ == "__main__":
    sys.exit(main())
