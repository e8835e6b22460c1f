"""The rules of a fleet: whose times they take, whose series they ask for, what they tell to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate.alerts.metrics import FLEET, METRICS
from quorate.alerts.model import Rule, Severity, duration, one_of, quoted
from quorate.alerts.rules import document, rules, text
from quorate.fleet.model import Fleet, Policy, Role
from quorate.fleet.read import read_fleet
from tests.fakes.fleets import make_fleet, make_server

SERVICES: Mapping[str, Any] = {
    "shop": {"services": {"web": {}, "api": {}}},
    "lab": {"services": {"toy": {}}},
}
SERVERS = [make_server(name) for name in "abc"]
OFFICE = Path(__file__).parents[3] / "examples/office"
WORKER = make_server("d", role=Role.WORKER)
SERIES = re.compile(r"(quorate_\w+)\{([^}]*)\}")


def fleet(fields: Mapping[str, Any] | None = None, **changes: Any) -> Fleet:
    """Two production services and one of class `staging`, on three managers and a worker."""
    given = {"toy": {"workload_class": "staging"}, **(fields or {})}
    made = make_fleet(SERVICES, servers=[*SERVERS, WORKER], fields=given)
    return made.model_copy(update=changes)


def named(found: Fleet, alert: str) -> list[Rule]:
    return [rule for group in rules(found).values() for rule in group if rule.alert == alert]


def test_every_series_is_a_known_metric_of_this_fleet() -> None:
    known = {metric.name: metric.labels for metric in METRICS}
    for group in rules(fleet()).values():
        for rule in group:
            assert set(re.findall(r"quorate_\w+", rule.expr)) <= known.keys(), rule.alert
            for name, matchers in SERIES.findall(rule.expr):
                labels = re.findall(r"(\w+)(?:=~|!~|=|!=)", matchers)
                assert labels[0] == FLEET, rule.expr
                assert set(labels[1:]) <= set(known[name]), rule.expr


def test_annotations_name_only_labels_that_the_series_have() -> None:
    known = {metric.name: metric.labels for metric in METRICS}
    for group in rules(fleet()).values():
        for rule in group:
            has = set.intersection(*(set(known[name]) for name, _ in SERIES.findall(rule.expr)))
            said = rule.summary + rule.cause + rule.action
            assert set(re.findall(r"\$labels\.(\w+)", said)) <= has, rule.alert


def test_every_rule_says_what_why_and_which_command() -> None:
    for group in rules(fleet()).values():
        for rule in group:
            assert rule.summary and rule.cause
            assert "`" in rule.action, rule.alert


@pytest.mark.parametrize(("heartbeat", "wait"), [(5.0, 30.0), (2.0, 12.0), (0.5, 3.0)])
def test_a_lost_node_is_told_after_the_patience_of_swarm(heartbeat: float, wait: float) -> None:
    made = fleet()
    made = made.model_copy(update={"swarm": made.swarm.model_copy(update={"heartbeat": heartbeat})})
    for alert in ("NodeDown", "QuorumAtRisk", "ManagerUnreachable"):
        (rule,) = named(made, alert)
        assert rule.wait == wait


def test_a_lost_quorum_is_told_when_no_election_can_be_on_any_more() -> None:
    (rule,) = named(fleet(), "QuorumLost")
    assert rule.wait == 30.0


def test_a_service_may_be_down_as_long_as_its_recovery_target() -> None:
    made = fleet({"web": {"recovery_target": 20.0}}, policy=Policy(recovery_target=90.0))
    found = {(rule.wait, rule.severity): rule for rule in named(made, "ServiceDown")}
    assert set(found) == {
        (90.0, Severity.CRITICAL),
        (90.0, Severity.WARNING),
        (20.0, Severity.CRITICAL),
    }
    assert 'service=~"web",class=~"production|data"' in found[20.0, Severity.CRITICAL].expr
    assert 'service!~"web",class!~"production|data"' in found[90.0, Severity.WARNING].expr
    assert found[20.0, Severity.CRITICAL].labels == {"recovery_target": "20s"}


def test_a_service_of_another_class_is_no_critical_matter() -> None:
    made = fleet({"toy": {"workload_class": "staging", "recovery_target": 600.0}})
    (rule,) = [rule for rule in named(made, "ServiceDown") if rule.wait == 600.0]
    assert rule.severity is Severity.WARNING


def test_without_targets_of_their_own_services_are_not_listed() -> None:
    for alert in ("ServiceDegraded", "ServicePending"):
        (rule,) = named(fleet(), alert)
        assert "service" not in rule.expr.replace("quorate_service", "")


def test_without_production_classes_nothing_is_critical() -> None:
    (rule,) = named(fleet(policy=Policy(production_classes=())), "ServiceDown")
    assert (rule.severity, "class" in rule.expr) == (Severity.WARNING, False)


def test_a_fleet_of_managers_only_has_no_rule_for_workers() -> None:
    made = fleet(servers=tuple(SERVERS))
    assert len(named(made, "RaftDiskLow")) == 1
    assert named(made, "DiskLow") == []


def test_the_settings_of_the_fleet_are_in_the_command() -> None:
    (rule,) = named(fleet(), "SettingsDrifted")
    assert "`docker swarm update --dispatcher-heartbeat 5s --task-history-limit 5`" in rule.action
    assert "`quorate status fleet.yaml --deep --mend`" in rule.action


@pytest.mark.parametrize(("every", "stale"), [(15.0, "> 180 "), (300.0, "> 1200 ")])
def test_what_is_too_old_goes_by_how_often_is_looked(every: float, stale: str) -> None:
    (rule,) = rules(fleet(), every=every)["quorate"]
    assert stale in rule.expr


def test_the_text_is_the_document() -> None:
    said = text(fleet())
    assert said.startswith("# Alerting rules of the fleet office")
    assert yaml.safe_load(said) == document(fleet())


def test_no_two_rules_are_alike() -> None:
    """Prometheus would take them for one."""
    found = [
        (rule["alert"], *sorted(rule["labels"].items()))
        for group in document(fleet({"web": {"recovery_target": 20.0}}))["groups"]
        for rule in group["rules"]
    ]
    assert len(found) == len(set(found))


def test_a_rule_that_fires_at_once_has_no_time() -> None:
    written = {r["alert"]: r for g in document(fleet())["groups"] for r in g["rules"]}
    assert "for" not in written["CertificateExpired"]
    assert written["CertificateExpiring"]["for"] == "1h"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.4, "1s"), (90, "1m30s"), (3600, "1h"), (90061, "1d1h1m1s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_names_are_taken_as_they_are() -> None:
    assert quoted('a"b\\c\n') == '"a\\"b\\\\c\\n"'
    assert one_of("service", ("stack/a.b", "c+")) == r'service=~"stack/a\\.b|c\\+"'


def test_the_office_has_the_rules_of_its_own_fleet() -> None:
    made = text(read_fleet(OFFICE / "fleet.yaml", environment={}))
    assert (OFFICE / "config/quorate-rules.yml").read_text() == made, (
        "run `quorate rules examples/office/fleet.yaml -o examples/office/config/quorate-rules.yml`"
    )
