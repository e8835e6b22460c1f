"""Texts for people: one line for each matter, bounded, nothing that the digest does not need."""

from __future__ import annotations

from quorate.serving.news import LISTED, changed, messages


def test_what_is_new_and_what_is_over() -> None:
    new, gone = changed({"a": "was", "b": "is"}, {"b": "is", "c": "came"})
    assert (new, gone) == ({"c": "came"}, {"a": "was"})


def test_a_message_lists_the_first_and_counts_the_rest() -> None:
    new = {str(number): f"line {number}\nof two" for number in range(LISTED + 5)}
    (message,) = messages("office", new, {}, ("failure",))
    lines = message.body.splitlines()
    assert lines[0] == "- line 0 of two"
    assert lines[-1] == "- and 5 more"
    assert len(lines) == LISTED + 1
    assert message.title == "office: 25 problems with backups"


def test_only_what_is_wanted_is_said() -> None:
    assert messages("office", {"a": "x"}, {"b": "y"}, ("digest",)) == ()
    events = [m.event for m in messages("office", {"a": "x"}, {"b": "y"}, ("failure", "recovery"))]
    assert events == ["failure", "recovery"]
