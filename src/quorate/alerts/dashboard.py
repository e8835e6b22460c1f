"""The Grafana dashboard of a fleet's backups: coverage, ages, sizes, RPO and RTO, room. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.backup_rules import COPIED, FULL_SHARE, ORIGINAL
from quorate.alerts.metrics import Metric
from quorate.alerts.model import Scope, quoted
from quorate.alerts.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Panel,
    Query,
    column,
    laid_out,
    words,
)
from quorate.fleet.model import Fleet

COLOURS = {
    "ok": GREEN, "excluded": GREY, "waiting": BLUE, "late": ORANGE,
    "never": RED, "failed": RED, "nowhere": RED,
}  # fmt: skip
SCHEMA_VERSION = 39
"""Of Grafana 10.4 and newer, which read it as it is and newer ones migrate."""

LONGEST_UID = 40
CHOSEN = 'source=~"$source"'
"""The sources that a person has picked at the top of the page; all of them at first."""

GONE_SECONDS = 180.0


def dashboard(fleet: Fleet) -> dict[str, Any]:
    """The dashboard, as Grafana imports or provisions it."""
    scope = Scope(fleet=fleet, every=0.0)
    return {
        "uid": f"quorate-backups-{fleet.name}"[:LONGEST_UID],
        "title": f"Backups of {fleet.name}",
        "tags": ["quorate", "backup"],
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": list(_variables(scope))},
        "panels": laid_out([*_now(scope), *_over_time(scope), *_repositories(scope)]),
    }


def text(fleet: Fleet) -> str:
    """The file."""
    return json.dumps(dashboard(fleet), indent=2, ensure_ascii=False) + "\n"


def _variables(scope: Scope) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    series = scope.of(metrics.STATE)
    yield {
        "name": "source",
        "label": "Source",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": f"label_values({series}, source)", "refId": "source"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _of(scope: Scope, metric: Metric, *matchers: str, by: str = "source") -> str:
    """One series for each source (or copy): the controller's and what jobs pushed together."""
    chosen = (CHOSEN,) if "source" in metric.labels else ()
    return f"max by ({by}) ({scope.of(metric, *chosen, *matchers)})"


def _now(scope: Scope) -> Iterator[Panel]:
    """How things stand."""
    state, beat = scope.of(metrics.STATE), scope.of(metrics.HEARTBEAT)
    bad = f"count({state} > {metrics.STATES.index('waiting')}) or vector(0)"
    yield Panel(
        title="Not as they should be",
        about="Answers that are late, never, failed or nowhere in the grid below.",
        type="stat", width=6, height=4, limits={1: RED}, queries=[Query(expr=bad, now=True)],
    )  # fmt: skip
    yield Panel(
        title="Unprotected",
        about="Volumes and databases that no backup holds.",
        type="stat", width=6, height=4, limits={1: RED},
        queries=[Query(expr=f"sum({scope.of(metrics.UNPROTECTED)}) or vector(0)", now=True)],
    )  # fmt: skip
    yield Panel(
        title="Running now", type="stat", width=6, height=4,
        queries=[Query(expr=f"sum({scope.of(metrics.RUNNING)}) or vector(0)", now=True)],
    )  # fmt: skip
    yield Panel(
        title="The controller was last seen",
        type="stat", width=6, height=4, unit="s", limits={GONE_SECONDS: RED},
        queries=[Query(expr=f"time() - max({beat})", now=True)],
    )  # fmt: skip
    yield _grid(scope)
    yield Panel(
        title="Unprotected data", type="table", width=24, height=6,
        queries=[Query(expr=f"{scope.of(metrics.UNPROTECTED)} == 1", now=True)],
    )  # fmt: skip


def _grid(scope: Scope) -> Panel:
    """A line for each source: the three questions, age, size, next run, RPO and RTO."""
    asked = [
        _of(scope, metrics.STATE, f"question={quoted(question)}") for question in metrics.QUESTIONS
    ]
    ages = [
        f"time() - {_of(scope, metrics.LAST_SUCCESS, ORIGINAL)}",
        f"time() - {_of(scope, metrics.PROVEN_COPY)}",
    ]
    rest = [
        _of(scope, metrics.SIZE, ORIGINAL),
        f"{_of(scope, metrics.NEXT_RUN)} * 1000",
        *(_of(scope, metric) for metric in (metrics.RPO, metrics.RTO)),
    ]
    exprs = [*asked, *ages, *rest]
    names = [*metrics.QUESTIONS, "age", "proven age", "size", "next run", "RPO", "RTO"]
    ids = [f"Value #{chr(ord('A') + number)}" for number in range(len(exprs))]
    units = {"age": "s", "proven age": "s", "size": "bytes", "RPO": "s", "RTO": "s"}
    return Panel(
        title="Coverage", type="table", width=24, height=14,
        about="The newest copy of each source: is it there, off-site, known to restore?",
        queries=[Query(expr=expr, now=True) for expr in exprs],
        changes=[
            {"id": "joinByField", "options": {"byField": "source", "mode": "outer"}},
            {"id": "filterFieldsByName", "options": {"include": {"names": ["source", *ids]}}},
            {"id": "organize", "options": {"renameByName": dict(zip(ids, names, strict=True))}},
        ],
        overrides=[
            *(
                column(name, mappings=[_states()], custom__cellOptions={"type": "color-background"})
                for name in metrics.QUESTIONS
            ),
            *(column(name, unit=unit) for name, unit in units.items()),
            column("next run", unit="dateTimeAsIso"),
        ],
    )  # fmt: skip


def _states() -> dict[str, Any]:
    return words(
        {str(index): (state, COLOURS[state]) for index, state in enumerate(metrics.STATES)}
    )


def _over_time(scope: Scope) -> Iterator[Panel]:
    """How it came."""
    copy = "source, repository"
    named = "{{source}} in {{repository}}"

    def lines(title: str, expr: str, unit: str, legend: str = "{{source}}", **more: Any) -> Panel:
        query = Query(expr=expr, legend=legend)
        return Panel(title=title, type="timeseries", unit=unit, queries=[query], **more)

    yield lines(
        "Age of the newest backup", f"time() - {_of(scope, metrics.LAST_SUCCESS, ORIGINAL)}", "s"
    )
    yield lines(
        "Age of the newest copy elsewhere",
        f"time() - {_of(scope, metrics.LAST_SUCCESS, COPIED, by=copy)}",
        "s",
        named,
    )
    yield lines(
        "Age of the newest proven copy",
        f"time() - {_of(scope, metrics.PROVEN_COPY, by=copy)}",
        "s",
        named,
    )
    yield lines(
        "Since the last proof", f"time() - {_of(scope, metrics.LAST_PROOF, by=copy)}", "s", named
    )
    yield lines(
        "Last proof: 1 held, 0 did not", _of(scope, metrics.PROOF_OK, by=copy), "none", named
    )
    yield lines("Copies", _of(scope, metrics.COPIES, by=copy), "none", named)
    yield lines("Size of the newest backup", _of(scope, metrics.SIZE, ORIGINAL), "bytes")
    yield lines("New bytes in its repository", _of(scope, metrics.ADDED, ORIGINAL), "bytes")
    yield lines("How long a run took", _of(scope, metrics.DURATION, ORIGINAL), "s")
    yield lines("Memory of a run at most", _of(scope, metrics.PEAK_MEMORY, ORIGINAL), "bytes")
    yield lines(
        "Exit code of the last run",
        _of(scope, metrics.LAST_EXIT_CODE, by=copy),
        "none",
        named,
        limits={1: RED},
    )
    yield Panel(
        title="RPO: what a loss would have cost",
        type="timeseries", unit="s",
        queries=[
            Query(expr=_of(scope, metrics.RPO), legend="{{source}}"),
            Query(expr=_of(scope, metrics.REHEARSAL_RPO), legend="{{source}} as rehearsed"),
            Query(expr=_of(scope, metrics.RPO_TARGET), legend="{{source}} may lose"),
        ],
    )  # fmt: skip
    yield Panel(
        title="RTO: how long a restore took, and may take",
        type="timeseries", unit="s",
        queries=[
            Query(expr=_of(scope, metrics.RTO), legend="{{source}}"),
            Query(expr=_of(scope, metrics.REHEARSAL_RTO), legend="{{source}} as rehearsed"),
            Query(expr=_of(scope, metrics.RTO_TARGET), legend="{{source}} may take"),
        ],
    )  # fmt: skip
    yield lines(
        "Age of the last rehearsal that went well",
        f"time() - {_of(scope, metrics.REHEARSED)}",
        "s",
    )
    yield from _logs(scope)


def _logs(scope: Scope) -> Iterator[Panel]:
    """Of write-ahead logs that are streamed; empty where there are none."""
    yield Panel(
        title="Write-ahead log: how old the newest is that was received",
        about="Below zero: its database's clock goes ahead.",
        type="timeseries", unit="s",
        queries=[Query(expr=f"time() - {_of(scope, metrics.LOG_RECEIVED)}", legend="{{source}}")],
    )  # fmt: skip
    yield Panel(
        title="Write-ahead log: 1 while it can be restored to now",
        type="timeseries", unit="none",
        queries=[Query(expr=_of(scope, metrics.LOG_PROTECTED), legend="{{source}}")],
    )  # fmt: skip
    yield Panel(
        title="Write-ahead log: what a slot may still hold back, and may in all",
        type="timeseries", unit="bytes",
        queries=[
            Query(expr=_of(scope, metrics.LOG_SLOT_ROOM), legend="{{source}}"),
            Query(expr=_of(scope, metrics.LOG_SLOT_BOUND), legend="{{source}} in all"),
        ],
    )  # fmt: skip


def _repositories(scope: Scope) -> Iterator[Panel]:
    by = "max by (repository)"
    free, room = scope.of(metrics.REPOSITORY_FREE), scope.of(metrics.REPOSITORY_ROOM)
    yield Panel(
        title="Room used in each repository",
        type="bargauge", unit="percentunit", limits={0.8: ORANGE, 1 - FULL_SHARE: RED},
        queries=[
            Query(expr=f"1 - {by} ({free}) / {by} ({room})", legend="{{repository}}", now=True)
        ],
    )  # fmt: skip
    yield Panel(
        title="Stored in each repository",
        type="timeseries", unit="bytes",
        queries=[
            Query(expr=f"{by} ({scope.of(metrics.REPOSITORY_STORED)})", legend="{{repository}}")
        ],
    )  # fmt: skip
    yield Panel(
        title="Repositories: since they were read, and checked",
        type="timeseries", unit="s",
        queries=[
            Query(
                expr=f"time() - {by} ({scope.of(metrics.REPOSITORY_READ)})",
                legend="{{repository}} read",
            ),
            Query(
                expr=f"time() - {by} ({scope.of(metrics.REPOSITORY_CHECKED)})",
                legend="{{repository}} checked",
            ),
        ],
    )  # fmt: skip
    yield Panel(
        title="Last check: 1 no damage, 0 damage",
        type="timeseries",
        queries=[
            Query(expr=f"{by} ({scope.of(metrics.REPOSITORY_OK)})", legend="{{repository}}")
        ],
    )  # fmt: skip
