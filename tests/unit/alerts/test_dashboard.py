"""The Grafana dashboard: by its structure, since no Grafana is here to draw it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from quorate.alerts.backup_metrics import BACKUP_METRICS, QUESTIONS, STATES
from quorate.alerts.dashboard import COLOURS, LONGEST_UID, dashboard, text
from quorate.alerts.metrics import FLEET
from quorate.alerts.panels import COLUMNS
from tests.fakes.backups import make_backed_up

FLEET_WITH_BACKUPS = make_backed_up()
MADE = dashboard(FLEET_WITH_BACKUPS)
KNOWN = {metric.name: (FLEET, *metric.labels) for metric in BACKUP_METRICS}
PANELS: list[dict[str, Any]] = MADE["panels"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]
SHOWN_BY_RULES_ONLY = {
    "quorate_backup_usual_size_bytes",
    "quorate_backup_poisoned_copies",
    "quorate_backup_rehearsal_ok",
    "quorate_backup_log_up",
    "quorate_backup_log_slot_lost",
}


def titled(title: str) -> dict[str, Any]:
    (panel,) = [panel for panel in PANELS if panel["title"] == title]
    return panel


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"][:60])
def test_every_metric_is_a_known_one_with_labels_it_has(target: dict[str, Any]) -> None:
    expr = target["expr"]
    found = re.findall(r"(\w+)\{([^}]*)\}", expr)
    assert {name for name, _ in found} == set(re.findall(r"\b(?:quorate|backup|node)_\w+", expr))
    for name, matchers in found:
        labels = re.findall(r"(\w+)(?:=~|!~|=|!=)", matchers)
        assert labels[0] == FLEET and set(labels) <= set(KNOWN[name]), expr
        by = re.search(rf"by \(([^)]*)\) \({name}", expr)
        if by:
            assert set(by[1].split(", ")) <= set(KNOWN[name]), expr


def test_no_metric_is_forgotten() -> None:
    drawn = {name for target in TARGETS for name in re.findall(r"(\w+)\{", target["expr"])}
    assert drawn | SHOWN_BY_RULES_ONLY == KNOWN.keys()
    assert not drawn & SHOWN_BY_RULES_ONLY


def test_what_is_asked_for_is_there() -> None:
    exprs = "\n".join(target["expr"] for target in TARGETS)
    for part in ("state", "last_success", "size_bytes", "rpo", "rto", "room_bytes"):
        assert part in exprs


def test_the_text_is_json() -> None:
    assert json.loads(text(FLEET_WITH_BACKUPS)) == MADE


def test_panels_lie_beside_and_below_each_other() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_grid_has_the_questions_in_colours() -> None:
    grid = titled("Coverage")
    for number, question in enumerate(QUESTIONS):
        assert f'question="{question}"' in grid["targets"][number]["expr"]
    renamed = grid["transformations"][2]["options"]["renameByName"]
    assert len(renamed) == len(grid["targets"])
    named = {
        one["matcher"]["options"]: one["properties"] for one in grid["fieldConfig"]["overrides"]
    }
    assert named.keys() <= set(renamed.values())
    (mapping,) = next(p["value"] for p in named["offsite"] if p["id"] == "mappings")
    assert [one["text"] for one in mapping["options"].values()] == list(STATES)
    assert set(COLOURS) == set(STATES)


def test_ids_of_queries_are_their_own() -> None:
    for panel in PANELS:
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids)


def test_the_uid_is_as_short_as_grafana_wants() -> None:
    long = FLEET_WITH_BACKUPS.model_copy(update={"name": "x" * 60})
    assert len(dashboard(long)["uid"]) == LONGEST_UID
