"""Every alert about backups by Prometheus' own judgement; see test_rules.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate.alerts.rules import rules
from tests.fakes.backups import make_backed_up
from tests.integration.alerts.test_rules import run_tests, written
from tests.real_prometheus import Programs

TABLE: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[2] / "cases/alerts/backups.yaml").read_text()
)
EVERY = "10m"
FLEET = make_backed_up()


def test_every_rule_is_in_the_table_both_ways() -> None:
    assert set(TABLE) == {rule.alert for rule in rules(FLEET)["backups"]}
    for alert, rows in TABLE.items():
        assert {"fires" in row for row in rows} == {True, False}, alert


@pytest.mark.parametrize("alert", TABLE)
def test_when_it_fires(programs: Programs, tmp_path: Path, alert: str) -> None:
    tests = [written(row, alert, FLEET, EVERY) for row in TABLE[alert]]
    run_tests(programs, tmp_path, FLEET, tests, EVERY)


def test_a_wrong_row_is_noticed(programs: Programs, tmp_path: Path) -> None:
    """The table can fail: the same rows, the other way round."""
    fires, quiet = TABLE["BackupMissing"][:2]
    for row in ({**fires, "fires": []}, {**quiet, "fires": fires["fires"]}):
        tests = [written(row, "BackupMissing", FLEET, EVERY)]
        with pytest.raises(AssertionError, match="FAILED"):
            run_tests(programs, tmp_path, FLEET, tests, EVERY)
