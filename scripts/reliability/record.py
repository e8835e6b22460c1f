"""A pytest plugin that writes down how tests ended: `-p scripts.reliability.record --ended FILE`.

What a test says by the fixture `saw` is kept with it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

TEMPORARY = re.compile(r"/tmp/[^\s:]+")
"""Paths of one run say nothing to who reads of it."""
WORST = ("failed", "skipped", "passed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ended", type=Path, help="the file to write")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--ended"):
        config.pluginmanager.register(Record(path))


class Record:
    """Test, without its parameters, → outcome (the worst of all), seconds, what it saw."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tests: dict[str, dict[str, object]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        one = self.tests.setdefault(
            report.nodeid.partition("[")[0], {"outcome": "passed", "seconds": 0.0, "saw": []}
        )
        one["outcome"] = min(str(one["outcome"]), report.outcome, key=WORST.index)
        one["seconds"] = round(float(str(one["seconds"])) + report.duration, 1)
        said = one["saw"]
        assert isinstance(said, list)
        saw = [str(text) for name, text in report.user_properties if name == "saw"]
        said += [TEMPORARY.sub("…", text) for text in saw]

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.tests))
