"""Figures as compose files of their own, and their names in the fleet file."""

from __future__ import annotations

import pytest
import yaml

from quorate.measured.override import (
    MARKER,
    NotSafeError,
    entries,
    header,
    read_existing,
    with_file,
)
from quorate.measured.suggest import Suggestion
from tests.unit.measured.making import GIB, MIB, found, seen
from tests.unit.plan.builders import fleet, server, service

NEW = "shop.measured.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("stacks:\n  shop: {files: [a.yaml], class: data} # mine\n",
         "stacks:\n  shop: {files: [a.yaml, NEW], class: data} # mine\n"),
        ("stacks: {shop: {files: [ a.yaml , b.yaml, ]}}\n",
         "stacks: {shop: {files: [ a.yaml , b.yaml, NEW ]}}\n"),
        ("stacks:\n  shop:\n    files: a.yaml\n",
         "stacks:\n  shop:\n    files: [a.yaml, NEW]\n"),
        ('stacks:\n  shop: {files: "a b.yaml"}\n',
         'stacks:\n  shop: {files: ["a b.yaml", NEW]}\n'),
        ("stacks:\n  shop:\n    files:\n      - a.yaml # 1\n      # then\n      - b.yaml # 2\n"
         "    class: data\n",
         "stacks:\n  shop:\n    files:\n      - a.yaml # 1\n      # then\n      - b.yaml # 2\n"
         "      - NEW\n    class: data\n"),
        ("stacks:\n  shop:\n    files:\n    - a.yaml",
         "stacks:\n  shop:\n    files:\n    - a.yaml\n    - NEW"),
        ("stacks:\r\n  shop:\r\n    files:\r\n      - a.yaml\r\n    class: x\r\n",
         "stacks:\r\n  shop:\r\n    files:\r\n      - a.yaml\r\n      - NEW\r\n    class: x\r\n"),
        ("stacks:\n  shop:\n    files: [\n      a.yaml, # one\n      b.yaml\n    ]\n",
         "stacks:\n  shop:\n    files: [\n      a.yaml, # one\n      b.yaml, NEW\n    ]\n"),
        ("# ä\nstacks:\n  shop: {files: [ä.yaml]}\n",
         "# ä\nstacks:\n  shop: {files: [ä.yaml, NEW]}\n"),
    ],
)  # fmt: skip
def test_one_more_file_and_nothing_else(before: str, after: str) -> None:
    assert with_file(before, "shop", NEW) == after.replace("NEW", NEW)


def test_a_name_that_needs_quotes() -> None:
    after = with_file("stacks: {shop: {files: [a.yaml]}}", "shop", "my dir/x: y.yaml")
    assert yaml.safe_load(after)["stacks"]["shop"]["files"] == ["a.yaml", "my dir/x: y.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "stacks: {other: {files: [a.yaml]}}",
        "stacks: {shop: {class: x}}",
        "stacks: [shop]",
        "stacks: {shop: {files: []}}",
        "stacks: {shop: {files: {a: b}}}",
        "x: &f [a.yaml]\nstacks: {shop: {files: *f}}",
        "x: &s {files: [a.yaml]}\nstacks: {shop: {<<: *s, class: x}}",
        "stacks: {shop: {files: [a.yaml # why\n]}}",
        "stacks: {shop: {files: [a.yaml], files: [b.yaml]}}",
        "stacks: {shop: {files: [a.yaml]",
        "",
        "stacks:\n  shop:\n    files: |\n      a.yaml\n",
    ],
)
def test_what_cannot_be_added_to_safely(text: str) -> None:
    with pytest.raises(NotSafeError):
        with_file(text, "shop", NEW)


FULL = Suggestion(
    service="web",
    reservation_memory=GIB,
    reservation_cpus=0.25,
    limit_memory=2 * GIB,
    memory=512 * MIB,
    memory_peak=MIB + 1,
    cpu=0.125,
    cpu_peak=1.5,
)


def test_a_whole_entry() -> None:
    assert entries({"web": FULL}) == {
        "services": {
            "web": {
                "deploy": {
                    "resources": {
                        "limits": {"memory": "2G"},
                        "reservations": {"memory": "1G", "cpus": "0.25"},
                    }
                },
                "x-quorate": {
                    "load": {
                        "memory": "512M",
                        "memory_peak": "1048577",
                        "cpu": 0.125,
                        "cpu_peak": 1.5,
                    }
                },
            }
        }
    }


def test_what_was_suggested_before_stays_unless_it_is_again() -> None:
    before = entries({"web": FULL, "db": FULL})
    after = entries({"web": Suggestion(service="web", reservation_memory=4 * GIB)}, before)
    web = after["services"]["web"]
    assert web["deploy"]["resources"]["reservations"] == {"memory": "4G", "cpus": "0.25"}
    assert web["x-quorate"] == before["services"]["web"]["x-quorate"]
    assert after["services"]["db"] == before["services"]["db"]
    assert before["services"]["web"]["deploy"]["resources"]["reservations"]["memory"] == "1G"


def test_the_header_marks_the_file_as_ours() -> None:
    office = fleet([server("a")], [service("web")])
    text = header(found(office, {"web": seen()}))
    assert text.startswith(MARKER)
    assert "2026-02-23 12:00 to 2026-03-02 12:00 UTC (prometheus)" in text
    assert read_existing(text + "services: {web: {}}\n") == {"services": {"web": {}}}


@pytest.mark.parametrize(
    "text",
    [
        "services: {}\n",
        f"{MARKER}\nservices: [",
        f"{MARKER}\n",
        f"{MARKER}\nservices: {{web: 1}}\n",
        f"{MARKER}\n[1]\n",
    ],
)
def test_a_file_that_is_not_ours(text: str) -> None:
    with pytest.raises(NotSafeError):
        read_existing(text)
