"""The lab's command line, as far as it needs no lab."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from quorate.entry.cli import main
from quorate.errors import LabError, UsageError
from quorate.lab import clear, engine, state
from quorate.lab.state import Lab


def test_every_command_is_listed() -> None:
    said = CliRunner().invoke(main.build(), ["lab", "--help"]).output
    for name in ("up", "status", "down", "power-off", "freeze", "cut", "heal"):
        assert name in said


def test_without_a_lab_the_error_is_plain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["quorate", "lab", "status", "--json"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == LabError.exit_code
    assert json.loads(capsys.readouterr().out)["error"] == "LabError"


@pytest.mark.parametrize(
    ("text", "said"), [("1G", "too small"), ("much", "--disk"), ("0", "too small")]
)
def test_a_disk_has_a_size(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["quorate", "lab", "up", "--disk", text])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == UsageError.exit_code
    assert said in capsys.readouterr().err


def test_what_labs_share_is_kept_while_one_is_left(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "find", lambda **_: None)
    state.save(lab)
    with pytest.raises(LabError, match="still used by: office"):
        clear.clear_engine()
