"""The examples pass `check`, and the plan finds the document's distribution by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.check import check
from quorate.fleet.code import Severity
from quorate.fleet.model import Engine, Fleet
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan

EXAMPLES = Path(__file__).parents[3] / "examples"

# The warnings that stay, and why, are in SOURCES.md.
OFFICE_WARNINGS = {"Q401", "Q506", "Q509", "Q510", "Q717"}
DOCUMENT_HOMES = {
    "core": "gmktec",
    "appwrite": "gmktec",
    "data": "hppavilion",
    "monitoring": "wsasus",
    "staging": "hpr",
}


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(EXAMPLES / "office" / "fleet.yaml", environment={})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("office", OFFICE_WARNINGS), ("tiny", set[str]())],
    ids=["office", "tiny"],
)
def test_check_finds_nothing_unexpected(name: str, expected: set[str]) -> None:
    report = check(EXAMPLES / name / "fleet.yaml", environment={})
    assert report.fleet is not None
    found = {problem.code for problem in report.problems if problem.severity is not Severity.NOTE}
    assert found == expected


def test_the_office_has_what_the_document_has(office: Fleet) -> None:
    assert [server.name for server in office.managers] == ["gmktec", "hppavilion", "wsasus"]
    assert len(office.services) == 73
    assert len(office.swarm_services()) == 55
    gitlab = office.service("gitlab")
    assert (gitlab.reservation_memory, gitlab.reservation_cpus) == (4 * 2**30, 2.0)
    assert (gitlab.limit_memory, gitlab.limit_cpus) == (8 * 2**30, 4.0)
    assert (gitlab.load.memory, gitlab.load.memory_peak) == (7 * 2**30, 11 * 2**30)
    mailcow = [service for service in office.services if service.stack == "mailcow"]
    assert len(mailcow) == 18
    assert all(service.engine is Engine.COMPOSE for service in mailcow)


def test_the_plan_is_the_documents_distribution(office: Fleet) -> None:
    plan = make_plan(office)
    assert plan.status == "optimal"
    elsewhere = {
        service.id: plan.services[service.id].home
        for service in office.swarm_services()
        if service.stack in DOCUMENT_HOMES
        and service.mode.value == "replicated"
        and service.id not in ("ws-gateway", "backup-metrics")
        and DOCUMENT_HOMES[service.stack] not in plan.services[service.id].homes
    }
    assert elsewhere == {}
    assert plan.services["ws-gateway"].homes == ("gmktec", "hppavilion", "wsasus")
    assert plan.services["gitlab"].homes == ("hppavilion",)
    assert plan.services["backup-metrics"].homes == ("hppavilion",)


def test_what_keeps_data_locally_is_pinned(office: Fleet) -> None:
    for service in office.swarm_services():
        if service.state.keeps_data:
            assert service.pins, service.id
