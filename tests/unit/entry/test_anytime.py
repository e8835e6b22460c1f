"""What a search says of itself while it goes on."""

from __future__ import annotations

import time

import pytest

from quorate.entry.cli import anytime


def test_a_search_that_has_found_nothing_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(anytime, "NOTHING_SECONDS", 0.0)
    with anytime.searching():
        time.sleep(0.2)
    assert anytime.NOTHING in capsys.readouterr().err


def test_one_that_has_found_something_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(anytime, "NOTHING_SECONDS", 0.1)
    with anytime.searching() as tell:
        tell(5.0, 1.0)
        time.sleep(0.3)
    assert anytime.NOTHING not in capsys.readouterr().err


def test_a_quick_one_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(anytime, "NOTHING_SECONDS", 0.3)
    with anytime.searching():
        pass
    time.sleep(0.4)
    assert capsys.readouterr().err == ""
