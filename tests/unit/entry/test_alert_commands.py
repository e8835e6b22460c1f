"""quorate metrics and rules: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from quorate import exporter
from quorate.alerts import metrics
from quorate.entry.cli.alert_commands import parse_listen
from quorate.entry.cli.main import build
from quorate.errors import UsageError
from quorate.tools.exposition import Board

TINY = str(Path(__file__).parents[3] / "examples/tiny/fleet.yaml")
OFFICE = TINY.replace("tiny", "office")
SEEN = (metrics.QUORUM.sample("tiny", value=1),)
SHOWN = (
    f"# HELP quorate_quorum {metrics.QUORUM.help}\n"
    "# TYPE quorate_quorum gauge\n"
    'quorate_quorum{fleet="tiny"} 1.0\n'
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments))


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "once", lambda fleet: SEEN)


def test_metrics_are_printed() -> None:
    assert run("metrics", TINY).output == SHOWN


def test_metrics_are_written_whole_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "quorate.prom"
    path.write_text("old")
    result = run("metrics", TINY, "--output", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert path.read_text() == SHOWN
    assert list(tmp_path.iterdir()) == [path]


def test_observing_goes_on_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By SIGTERM, as a service manager does: it ends as with Ctrl-C."""
    path = tmp_path / "quorate.prom"
    asked: list[float] = []

    def keep_observing(fleet: object, *, every: float, show: exporter.Show, say: object) -> None:
        asked.append(every)
        show(SEEN)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(exporter, "keep_observing", keep_observing)
    result = run("metrics", TINY, "--output", str(path), "--every", "1m")
    assert (result.exit_code, asked, path.read_text()) == (0, [60.0], SHOWN)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_served_until_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    @contextmanager
    def served(self: Board, host: str, port: int) -> Iterator[int]:
        given.append((host, port))
        yield 9911

    def keep_observing(fleet: object, *, every: float, show: exporter.Show, say: object) -> None:
        given.append(every)
        raise KeyboardInterrupt

    monkeypatch.setattr(Board, "served", served)
    monkeypatch.setattr(exporter, "keep_observing", keep_observing)
    result = run("metrics", TINY, "--listen", ":9911")
    assert result.exit_code == 0
    assert given == [("127.0.0.1", 9911), 15.0]
    assert "http://127.0.0.1:9911/metrics" in result.output


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9911", ("127.0.0.1", 9911)),
        (":9911", ("127.0.0.1", 9911)),
        ("10.0.0.4:9911", ("10.0.0.4", 9911)),
        ("monitor:0", ("monitor", 0)),
        ("[::1]:9911", ("::1", 9911)),
    ],
)
def test_where_to_listen(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", ":65536", "::1:9911", "1:٣"])
def test_where_nothing_can_listen(text: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("metrics", TINY, "--every", "15s"), "goes with"),
        (("metrics", TINY, "--listen", "9911", "--every", "soon"), "not a duration"),
        (("metrics", TINY, "--listen", "9911", "--every", "0.1s"), "from 1s to 1d"),
        (("rules", TINY, "--every", "2d"), "from 1s to 1d"),
        (("rules", TINY, "-o", "/nowhere/rules.yml"), "cannot be written"),
        (("rules", OFFICE, "--dashboard", "--at-once"), "has no alerts"),
        (("metrics", TINY, "-o", "/nowhere/m.prom"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert words in result.exception.what
    assert result.exception.todo


def test_rules_are_printed_or_written(tmp_path: Path) -> None:
    printed = run("rules", TINY)
    assert printed.exit_code == 0
    groups = yaml.safe_load(printed.output)["groups"]
    assert [group["name"] for group in groups] == [
        f"quorate-tiny-{part}" for part in ("swarm", "services", "servers", "quorate")
    ]
    path = tmp_path / "rules.yml"
    assert run("rules", TINY, "-o", str(path)).output == f"{path}\n"
    assert path.read_text() == printed.output


def test_for_a_trial_nothing_waits_and_all_else_is_the_same() -> None:
    usual, trial = run("rules", OFFICE).output, run("rules", OFFICE, "--at-once").output
    waits = [line for line in usual.splitlines() if line.strip().startswith("for: ")]
    assert len(waits) > 20
    said = [line for line in trial.splitlines() if "--at-once" in line]
    assert len(said) == 1 and said[0].startswith("# For a trial")
    left = [line for line in usual.splitlines() if line not in waits]
    assert [line for line in trial.splitlines() if line not in said] == left


def test_a_dashboard_is_printed_instead() -> None:
    printed = run("rules", OFFICE, "--dashboard")
    assert json.loads(printed.stdout)["title"] == "Backups of office"


def test_no_dashboard_of_what_is_not_backed_up() -> None:
    result = run("rules", TINY, "--dashboard")
    assert isinstance(result.exception, UsageError)
    assert "backs nothing up" in str(result.exception)
