"""A report as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from quorate.drill.junit import junit
from tests.unit.drill.made import FINE, NASTY, REPORT


@pytest.fixture(scope="module")
def suite() -> Element:
    found = ElementTree.fromstring(junit(REPORT)).find("testsuite")
    assert found is not None
    return found


def of(suite: Element, name: str) -> Element:
    (found,) = (case for case in suite.iter("testcase") if case.get("name") == name)
    return found


def kinds(suite: Element, name: str) -> list[tuple[str, str | None]]:
    return [(each.tag, each.get("type")) for each in of(suite, name)]


def test_each_run_is_two_cases(suite: Element) -> None:
    assert kinds(suite, "run 1: resilience") == [
        ("failure", "failed"),
        ("system-out", None),
    ]
    assert kinds(suite, "run 1: prediction") == [("failure", "outside")]
    assert kinds(suite, "run 2: resilience") == [("failure", "aborted"), ("system-err", None)]
    assert kinds(suite, "run 2: prediction") == [("skipped", None)]
    assert kinds(suite, "run 3: resilience") == [("error", "invalid")]
    assert kinds(suite, "run 3: prediction") == [("skipped", None)]


def test_the_counts_are_those_of_the_cases(suite: Element) -> None:
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for attribute, tag in tags.items():
        assert suite.get(attribute) == str(len(list(suite.iter(tag)))), attribute
    times = [float(case.get("time", "")) for case in suite.iter("testcase")]
    assert times == [60.0, 0.0, 31.0, 0.0, 0.0, 0.0]
    assert float(suite.get("time", "")) == sum(times)
    assert suite.get("timestamp") == REPORT.started


def test_what_fell_short_is_said(suite: Element) -> None:
    fell = of(suite, "run 1: resilience")[0].text or ""
    assert "web: running after 20.5 s, target 15 s" in fell
    assert "db" not in fell  # it waits, as it should
    assert "other: noticed, and should not" in fell
    deviated = of(suite, "run 1: prediction")[0].text or ""
    assert "web: 20.5 s, predicted 10.0–16.0 s" in deviated
    assert "web: went to beta, gamma" in deviated
    assert "noticed" not in deviated  # that one came as predicted
    invalid = of(suite, "run 3: resilience")[0]
    assert f"guard capacity: {NASTY} finds no place" in (invalid.text or "")
    assert invalid.get("message") == "a guard does not hold"


def test_what_was_written_is_said(suite: Element) -> None:
    said = of(suite, "run 1: resilience")[1].text or ""
    assert said.splitlines() == [
        "writes to db: 480 acknowledged, 90 failed, 2 unknown (1 of them there), 3 lost",
        "writes to queue: 500 acknowledged, 0 failed, 0 lost",
        "writes to vault: nothing written: it asks for a password that is not known",
        "writes to far: nothing written: no server that stays is in its network",
    ]


def test_what_xml_cannot_hold_is_replaced(suite: Element) -> None:
    assert of(suite, "run 2: resilience")[0].get("message") == "web has not answered for 30 s�"


def test_what_went_well_says_nothing() -> None:
    root = ElementTree.fromstring(junit(FINE))
    assert [list(case) for case in root.iter("testcase")] == [[], []]
