"""Panels of a Grafana dashboard, and how they are laid out. Pure.

The form is Grafana's own (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/
view-dashboard-json-model/); only keys that differ from its defaults are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
"""The Prometheus that a person chooses at the top of the page."""

GREEN, GREY, BLUE, ORANGE, RED = "green", "text", "blue", "orange", "red"


@dataclass(frozen=True, kw_only=True)
class Query:
    """PromQL, and how a series is called. `now`: only the last value, for tables and figures."""

    expr: str
    legend: str = ""
    now: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel. `width` of 24 columns, `height` in Grafana's rows; `limits`: value → colour from
    there on; `mappings` and `overrides`, `changes` (transformations) as Grafana has them.
    """

    title: str
    type: str
    queries: Sequence[Query]
    about: str = ""
    unit: str = "none"
    width: int = 12
    height: int = 8
    limits: Mapping[float, str] = field(default_factory=dict)
    mappings: Sequence[Mapping[str, Any]] = ()
    overrides: Sequence[Mapping[str, Any]] = ()
    changes: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def laid_out(panels: Iterable[Panel]) -> list[dict[str, Any]]:
    """Panels from left to right, and below each other where a row is full."""
    out: list[dict[str, Any]] = []
    x = y = tallest = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
        out.append(_panel(panel, number, place))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return out


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "title": panel.title,
        "description": panel.about,
        "type": panel.type,
        "datasource": SOURCE,
        "gridPos": dict(place),
        "targets": [_target(query, index, panel.type) for index, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "mappings": list(panel.mappings),
                "thresholds": {"mode": "absolute", "steps": _steps(panel.limits)},
            },
            "overrides": list(panel.overrides),
        },
        "options": dict(panel.options),
        "transformations": list(panel.changes),
    }


def _target(query: Query, index: int, kind: str) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.now,
        "range": not query.now,
        "format": "table" if kind == "table" else "time_series",
    }


def _steps(limits: Mapping[float, str]) -> list[dict[str, Any]]:
    """The first step has no value: it is for all that is below the second."""
    first: list[dict[str, Any]] = [{"color": GREEN, "value": None}]
    return first + [{"color": colour, "value": value} for value, colour in limits.items()]


def words(meanings: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """A mapping of values to (text, colour)."""
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(meanings.items())
    }
    return {"type": "value", "options": options}


def column(name: str, **properties: Any) -> dict[str, Any]:
    """What differs for one column of a table; properties by Grafana's ids, `__` for a dot."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": key.replace("__", "."), "value": value} for key, value in properties.items()
        ],
    }
