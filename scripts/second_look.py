"""Run tests of labs, and look a second time at the files in which one failed.

Run as `python -m scripts.second_look [pytest's arguments]`. A lab elects leaders
and loses packets by chance (docs/adr/0044): a file that fails is run once more,
whole, with nothing beside it. What fails both times has failed. What passes then
is said, so that nobody takes it for a test that always passes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET  # pytest wrote it
from collections.abc import Callable, Sequence
from pathlib import Path

MOST_FILES = 2  # more than that is not chance
TESTS_FAILED = 1  # pytest's exit codes: https://docs.pytest.org/en/stable/reference/exit-codes.html
BESIDE = ("--numprocesses", "--dist")


def look(argv: Sequence[str], run: Callable[[Sequence[str]], int]) -> tuple[int, list[str]]:
    """Run pytest, and the files in which it failed once more: the exit code, what to say."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        code = run([*argv, f"--junitxml={report}", "--override-ini=junit_family=xunit1"])
        failed = failures(report.read_text("utf-8")) if code == TESTS_FAILED else {}
    if not failed or "" in failed:  # nothing failed, or a file that could not be read
        return code, []
    if len(failed) > MOST_FILES:
        return code, [f"second look: none, as {len(failed)} files failed"]
    again = run([*alone(argv), *failed])
    verdict = "failed again" if again else "passed the second time"
    return again, [f"second look: {verdict}: {test}" for tests in failed.values() for test in tests]


def failures(report: str) -> dict[str, list[str]]:
    """The tests that failed, by file, of a JUnit report of pytest's family xunit1."""
    found: dict[str, list[str]] = {}
    for case in ET.fromstring(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            file = case.get("file", "")
            found.setdefault(file, []).append(f"{file}::{case.get('name')}")
    return found


def alone(argv: Sequence[str]) -> list[str]:
    """The same arguments without the directories, one test after the other."""
    kept: list[str] = []
    for i, argument in enumerate(argv):
        value = i > 0 and argv[i - 1] in BESIDE
        if not value and argument not in BESIDE and not Path(argument).exists():
            kept.append(argument)
    return kept


def main() -> int:
    """Run and say; pytest's exit code."""
    code, told = look(
        sys.argv[1:],
        lambda argv: (
            subprocess.run([sys.executable, "-m", "pytest", *argv], check=False).returncode
        ),
    )
    for line in told:
        print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
