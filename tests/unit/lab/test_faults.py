"""The packet filter of a cut."""

from __future__ import annotations

from quorate.lab import faults
from quorate.lab.state import Lab


def cut(lab: Lab, *pairs: tuple[str, str]) -> Lab:
    return lab.model_copy(update={"cuts": pairs})


def test_both_sides_drop_what_arrives_from_the_other(lab: Lab) -> None:
    parted = cut(lab, ("alpha", "gamma"), ("beta", "gamma"))
    assert "ip saddr { 198.18.7.13 } drop" in faults.cut_rules(parted, "alpha")
    assert "ip saddr { 198.18.7.13 } drop" in faults.cut_rules(parted, "beta")
    assert "ip saddr { 198.18.7.11, 198.18.7.12 } drop" in faults.cut_rules(parted, "gamma")


def test_a_server_without_cuts_loses_the_table_and_nothing_else(lab: Lab) -> None:
    rules = faults.cut_rules(cut(lab, ("alpha", "gamma")), "beta")
    assert rules.splitlines() == ["table inet quorate_lab", "delete table inet quorate_lab"]


def test_rules_replace_earlier_ones_in_one_transaction(lab: Lab) -> None:
    lines = faults.cut_rules(cut(lab, ("alpha", "beta")), "alpha").splitlines()
    assert lines[:3] == [
        "table inet quorate_lab",
        "delete table inet quorate_lab",
        "table inet quorate_lab {",
    ]
