"""Every alert by Prometheus' own judgement: when it fires, when it does not, and what it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate.alerts.rules import document, text
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from tests.real_prometheus import Programs

ROOT = Path(__file__).parents[3]
TABLE: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / "tests/cases/alerts/table.yaml").read_text()
)
EVERY = "5s"


def series(name: str, fleet: Fleet) -> str:
    """A series of the table with the label that all have."""
    bare, _, labels = name.rstrip("}").partition("{")
    own = labels if "fleet=" in labels else f'{labels},fleet="{fleet.name}"'.lstrip(",")
    return f"{bare}{{{own}}}"


def written(row: dict[str, Any], alert: str, fleet: Fleet, every: str = EVERY) -> dict[str, Any]:
    """A row of the table as a test of promtool's: the series ALERTS says what fires."""
    common = {"alertname": alert, "alertstate": "firing", "fleet": fleet.name}
    return {
        "name": row["why"],
        "interval": every,
        "input_series": [
            {"series": series(name, fleet), "values": values}
            for name, values in row["series"].items()
        ],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                "eval_time": row["at"],
                "exp_samples": [
                    {"labels": f"ALERTS{selector({**common, **labels})}", "value": 1}
                    for labels in row.get("fires", ())
                ],
            }
        ],
    }


def selector(labels: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def promtool(programs: Programs, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(programs.promtool), *arguments], capture_output=True, text=True, check=False
    )


def run_tests(
    programs: Programs,
    place: Path,
    fleet: Fleet,
    tests: list[dict[str, Any]],
    every: str = EVERY,
) -> None:
    (place / "rules.yml").write_text(text(fleet))
    suite = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": tests}
    (place / "tests.yml").write_text(yaml.safe_dump(suite))
    done = promtool(programs, "test", "rules", str(place / "tests.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_in_the_table_both_ways(fleet: Fleet) -> None:
    alerts = {rule["alert"] for group in document(fleet)["groups"] for rule in group["rules"]}
    assert set(TABLE) == alerts
    for alert, rows in TABLE.items():
        assert {"fires" in row for row in rows} == {True, False}, alert


@pytest.mark.parametrize("alert", TABLE)
def test_when_it_fires(programs: Programs, tmp_path: Path, fleet: Fleet, alert: str) -> None:
    tests = [written(row, alert, fleet) for row in TABLE[alert]]
    run_tests(programs, tmp_path, fleet, tests)


def test_a_wrong_row_is_noticed(programs: Programs, tmp_path: Path, fleet: Fleet) -> None:
    """The table can fail: the same rows, the other way round."""
    fires, quiet = TABLE["QuorumLost"][:2]
    for row in ({**fires, "fires": []}, {**quiet, "fires": fires["fires"]}):
        with pytest.raises(AssertionError, match="FAILED"):
            run_tests(programs, tmp_path, fleet, [written(row, "QuorumLost", fleet)])


@pytest.mark.parametrize("example", ["office", "tiny"])
def test_the_rules_of_the_examples_are_valid(
    programs: Programs, tmp_path: Path, example: str
) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text(read_fleet(ROOT / f"examples/{example}/fleet.yaml", environment={})))
    done = promtool(programs, "check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"SUCCESS: \d+ rules found", done.stdout)


def test_what_an_alert_says(programs: Programs, tmp_path: Path, fleet: Fleet) -> None:
    """Its templates filled in: the server, and the figure in words."""
    low = {
        'quorate_disk_free_bytes{server="a",fleet="office"}': "500000000x90",
        'quorate_disk_free_ratio{server="a",fleet="office"}': "0.01x90",
    }
    test = {
        "interval": EVERY,
        "input_series": [{"series": name, "values": values} for name, values in low.items()],
        "alert_rule_test": [
            {
                "eval_time": "6m",
                "alertname": "RaftDiskLow",
                "exp_alerts": [
                    {
                        "exp_labels": {"severity": "critical", "fleet": "office", "server": "a"},
                        "exp_annotations": {
                            "summary": "476.8MiB are left for the raft log of the manager a",
                            "description": "Images, logs or volumes fill the file system of its "
                            "engine. A manager that cannot write its log leaves the quorum.",
                            "action": "On a: `docker system df -v` says what is large, `docker "
                            "image prune` removes images without a name; `quorate status "
                            "fleet.yaml --deep --mend` does that.",
                        },
                    }
                ],
            }
        ],
    }
    run_tests(programs, tmp_path, fleet, [test])
