"""docs/reference/alerts.md: every metric, and every alert as the example office has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from quorate.alerts.backup_metrics import BACKUP_METRICS
from quorate.alerts.metrics import FLEET, METRICS, Metric
from quorate.alerts.model import Rule, duration
from quorate.alerts.rules import rules
from quorate.fleet.backup import Override, Wal
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from scripts.reference.tables import cell

OFFICE = Path(__file__).resolve().parents[2] / "examples" / "office" / "fleet.yaml"
STREAMED = "gibd-postgres"


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Metrics and alerts",
            "",
            "What `quorate metrics` gives and `quorate rules` watches;",
            "`quorate metrics --help` says how it is run.",
            "",
            "## Metrics",
            "",
            f"All are gauges and have the label `{FLEET}`. What is not known is absent.",
            "",
            *_table(METRICS),
            "",
            "## Metrics about backups",
            "",
            "Of the controller; a job pushes those of its run to a Pushgateway too. The first",
            "two names are the source document's. `copy` is `original` or `copied`.",
            "",
            *_table(BACKUP_METRICS),
            "",
            "## Alerts",
            "",
            "Names and times are those of the example office: a heartbeat of 2 s, a recovery",
            "target of one minute. Alerts about services are made once for each target, and",
            "`ServiceDown` once more for services that are not production: a warning there.",
            "Those about the age of backups are made once for each schedule; those about",
            f"write-ahead logs where one is streamed, here that of `{STREAMED}`.",
            *(line for rule in _each_once() for line in _section(rule)),
            "",
        ]
    )


def _table(metrics: Iterable[Metric]) -> Iterator[str]:
    yield "| Metric | Other labels | |"
    yield "| --- | --- | --- |"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {labels} | {cell(metric.help)} |"


def _each_once() -> list[Rule]:
    found: dict[str, Rule] = {}
    for group in rules(_office()).values():
        for rule in group:
            found.setdefault(rule.alert, rule)
    return list(found.values())


def _office() -> Fleet:
    """The example office, which streams no log, with that of one Postgres streamed."""
    fleet = read_fleet(OFFICE, environment={})
    said = fleet.backup.sources.get(STREAMED, Override())
    sources = {**fleet.backup.sources, STREAMED: said.model_copy(update={"wal": Wal(on=True)})}
    backup = fleet.backup.model_copy(update={"sources": sources})
    return fleet.model_copy(update={"backup": backup})


def _section(rule: Rule) -> list[str]:
    when = f"for {duration(rule.wait)}" if rule.wait else "at once"
    return [
        *("", f"### {rule.alert}", ""),
        f"{rule.severity.value.capitalize()}, {when}: {rule.summary}.",
        *("", f"    {rule.expr}", ""),
        f"{rule.cause} {rule.action}",
    ]
