"""Settings compared: what a shorter heartbeat brings and costs, what is chosen, what is said."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.cli.output import console
from quorate.entry.cli.tune_view import render
from quorate.errors import RefusedError, StalePlanError, UsageError
from quorate.fleet.model import Fleet, Role, SwarmSettings
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.predict.tune import freeze_of, heartbeat_for, tune
from quorate.predict.tune_choice import MARGIN, choose, reasons
from quorate.predict.tune_model import Candidate, Chosen, Recovery, Settings, Tuning
from quorate.swarm.timing import Timing
from tests.unit.plan.builders import data, fleet, server, service

pytestmark = pytest.mark.slow

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"
SMALL = Path(__file__).parents[2] / "scenarios" / "fleets" / "shop" / "fleet.yaml"
CHECK = {"test": ["CMD", "true"], "interval": "10s", "start_period": "20s"}


def shop(engine: str = "25.0", heartbeat: float = 5.0, **policy: Any) -> Fleet:
    """Three managers and a worker; `web` is checked, `db` waits for its server."""
    raw: dict[str, Any] = {"healthcheck": CHECK, "deploy": {"restart_policy": policy}}
    services = [
        service("db", pins=("w",), **data("rows")),
        service("web", raw=raw, has_healthcheck=True),
        service("api"),
        *(service(f"s{number}") for number in range(4)),
    ]
    made = fleet([*(server(n, role=Role.MANAGER) for n in "abc"), server("w")], services)
    settings = SwarmSettings(heartbeat=heartbeat, minimum_engine=engine)
    return made.model_copy(update={"swarm": settings})


def tuned(made: Fleet, **asked: Any) -> Tuning:
    return tune(made, make_plan(made), **{"courses": 40, **asked})


@pytest.fixture(scope="module")
def found() -> Tuning:
    return tuned(shop())


def with_heartbeat(found: Tuning) -> dict[float, Candidate]:
    """Those that differ from how it is in their heartbeat only, the longest first."""
    rows = {
        one.settings.heartbeat: one
        for one in found.candidates
        if (one.settings.delay, one.settings.start_interval) == (None, None)
    }
    return dict(sorted(rows.items(), reverse=True))


def alarm(one: Candidate, seconds: float) -> float:
    return next(freeze.alarm for freeze in one.freezes if freeze.seconds == seconds)


def test_a_shorter_heartbeat_is_never_noticed_later(found: Tuning) -> None:
    rows = with_heartbeat(found)
    assert list(rows) == [5.0, 3.0, 2.0, 1.5, 1.0]
    noticed = [one.noticed for one in rows.values() if one.noticed is not None]
    assert len(noticed) == 5
    assert noticed == sorted(noticed, reverse=True)
    # Who is misled more often restarts more: that may take back some of it.
    recovered = [one.recovery.mean for one in rows.values() if one.recovery is not None]
    assert len(recovered) == 5
    assert all(short <= long + 2.0 for long, short in pairwise(recovered))


def test_a_shorter_heartbeat_is_misled_more_easily(found: Tuning) -> None:
    rows = list(with_heartbeat(found).values())
    for seconds in (1.0, 2.0, 5.0, 10.0):
        alarms = [alarm(one, seconds) for one in rows]
        assert alarms == sorted(alarms)
    for one in rows:
        shares = [freeze.alarm for freeze in one.freezes]
        assert shares == sorted(shares)
    # A worker talks through one of three managers. What a lost one does not answer it waits for
    # 5 s, which three periods of 1 or 2 s do not outlast.
    of_five, of_three, *others = (row.misled for row in rows)
    assert of_five <= of_three < 0.05
    assert [0.15, *others, 0.5] == sorted([0.15, *others, 0.5])
    assert [row.tolerated for row in rows] == [True, True, False, False, False]


def test_managers_talk_to_themselves() -> None:
    services = [service("web"), *(service(f"s{number}") for number in range(4))]
    made = fleet([server(n, role=Role.MANAGER) for n in "abc"], services)
    found = tuned(made.model_copy(update={"swarm": SwarmSettings(heartbeat=2.0)}))
    as_it_is = found.candidates[0]
    assert (as_it_is.misled, as_it_is.tolerated) == (0.0, True)
    assert found.chosen.settings.heartbeat == 1.5


def test_a_freeze_of_less_than_two_beats_raises_no_alarm(found: Tuning) -> None:
    for one in found.candidates:
        for freeze in one.freezes:
            if freeze.seconds <= max(one.stands, one.settings.heartbeat):
                assert freeze.alarm == 0.0
    rows = with_heartbeat(found)
    assert alarm(rows[1.0], 2.0) > 0.1
    assert alarm(rows[1.0], 5.0) == 1.0
    # Three periods of at most 5.5 s, less what is gone of the first.
    assert 0 < alarm(rows[5.0], 10.0) < 0.2


def test_what_is_chosen(found: Tuning) -> None:
    chosen = found.chosen
    assert chosen.settings == Settings(heartbeat=3.0, delay=1.0, start_interval=1.0)
    assert chosen.name == "heartbeat 3s, restart delay 1s, probes every 1s"
    assert found.candidates[0].name == "as it is"
    words = "\n".join(chosen.reasons)
    assert "may stand still for 5 s" in words
    for quicker in ("not heartbeat 2s", "not heartbeat 1s"):
        (why,) = [text for text in chosen.reasons if text.startswith(quicker)]
        assert "lost managers a server that is there is taken for lost too" in why
    # The fleet file's restart delay is for those whose compose file names none: all of them here.
    assert chosen.swarm == {"heartbeat": "3s", "restart_delay": "1s"}
    assert [edit.line for edit in chosen.edits] == [
        "swarm: {heartbeat: 3s, restart_delay: 1s}",
        "healthcheck: {start_interval: 1s}",
    ]
    assert chosen.edits[1].services == ("web",)


def test_a_restart_delay_of_their_own_is_for_people_to_change() -> None:
    found = tuned(shop(delay="9s"))
    edits = {edit.line: edit.services for edit in found.chosen.edits}
    assert edits["deploy: {restart_policy: {delay: 1s}}"] == ("web",)
    assert "swarm: {heartbeat: 3s, restart_delay: 1s}" in edits


def test_settings_that_come_to_the_same_are_one_candidate(found: Tuning) -> None:
    names = [one.name for one in found.candidates]
    assert len(set(names)) == len(names)
    # The shop has Docker's heartbeat, and Quorate's restart delay.
    assert "Docker's defaults" in names
    assert "heartbeat 5s" not in names
    other = [one.name for one in tuned(shop(heartbeat=2.0, delay="7s")).candidates]
    assert {"heartbeat 5s", "Docker's defaults", "restart delay 5s"} <= set(other)


@pytest.mark.parametrize(
    ("heartbeat", "tolerate"), [(3.0, 0.0), (3.0, 3.0), (4.0, 2.0), (10.0, 0.0), (10.0, 3.0)]
)
def test_the_chosen_is_never_slower_than_what_is_there(heartbeat: float, tolerate: float) -> None:
    found = tuned(shop(heartbeat=heartbeat, delay="0s"), tolerate=tolerate, courses=20)
    present = found.candidates[0]
    (chosen,) = [one for one in found.candidates if one.name == found.chosen.name]
    assert present.tolerated
    assert chosen.tolerated
    assert chosen.stands >= tolerate
    assert present.recovery is not None
    assert chosen.recovery is not None
    assert chosen.recovery.mean <= present.recovery.mean
    assert chosen.settings.delay in (None, 0.0)


@pytest.mark.parametrize("heartbeat", [1.0, 2.0])
def test_what_is_there_and_not_tolerated_is_left(heartbeat: float) -> None:
    found = tuned(shop(heartbeat=heartbeat), tolerate=2.0)
    assert not found.candidates[0].tolerated
    assert found.chosen.settings.heartbeat == 3.0
    assert sum(text.startswith("as it is, ") for text in found.chosen.reasons) == 1
    assert not any("not as it is" in text for text in found.chosen.reasons)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0, 6.0, 30.0])
def test_a_heartbeat_for_every_freeze(seconds: float) -> None:
    heartbeat = heartbeat_for(seconds, Timing())
    assert heartbeat >= 1
    assert 2 * (heartbeat - 0.5) >= seconds
    assert heartbeat == 1 or 2 * (heartbeat - 1.0) < seconds


def test_a_long_freeze_takes_a_long_heartbeat() -> None:
    found = tuned(shop(), tolerate=30.0, courses=20)
    assert found.chosen.settings.heartbeat == 15.5
    assert found.chosen.swarm["heartbeat"] == "15s500ms"


def test_the_same_seed_gives_the_same() -> None:
    one, other = tuned(shop(), courses=20), tuned(shop(), courses=20)
    assert one == other
    assert tuned(shop(), courses=20, seed=1).candidates != one.candidates


def test_older_engines_know_no_start_interval() -> None:
    found = tuned(shop(engine="20.10"), courses=20)
    assert all(one.settings.start_interval is None for one in found.candidates)
    assert any("start_interval" in text for text in found.assumed)


def test_a_fleet_that_nothing_brings_back_stays_as_it_is() -> None:
    one = fleet([server("a", role=Role.MANAGER)], [service("x")])
    found = tuned(one, courses=20)
    assert found.chosen.name == "as it is"
    assert found.chosen.edits == ()
    assert found.candidates[0].recovery is None
    assert "no setting makes it quicker" in found.chosen.reasons[0]
    render(found, console())
    # Not tolerated, it changes all the same, and no gain is claimed.
    quick = one.model_copy(update={"swarm": SwarmSettings(heartbeat=1.0)})
    changed = tuned(quick, courses=20)
    assert changed.chosen.settings.heartbeat >= 2.0
    said = " ".join(changed.chosen.reasons)
    assert "quicker in the mean" not in said
    assert "nan" not in said


def test_what_a_false_alarm_costs(found: Tuning) -> None:
    tasks = [cost.tasks for cost in found.costs]
    assert tasks == sorted(tasks, reverse=True)
    assert sum(tasks) == 7
    assert {cost.server for cost in found.costs} == set("abcw")


def candidate(mean: float, heartbeat: float = 5.0, **fields: Any) -> Candidate:
    delay = fields.pop("delay", None)
    return Candidate(
        name=f"{heartbeat} {delay}",
        settings=Settings(heartbeat=heartbeat, delay=delay),
        recovery=Recovery(mean=mean, high=mean, worst="a", worst_high=mean),
        **{"stands": 2 * heartbeat - 1, **fields},
    )


def test_of_those_about_as_quick_the_calmest() -> None:
    present = candidate(20.0)
    quickest, calmer = candidate(10.0, delay=0.0), candidate(10.0 + MARGIN, delay=1.0)
    assert choose([present, quickest, calmer], delay=5.0) is calmer
    too_slow = candidate(10.1 + MARGIN, delay=1.0)
    assert choose([present, quickest, too_slow], delay=5.0) is quickest
    refused = candidate(1.0, 1.0, tolerated=False)
    assert choose([present, refused], delay=5.0) is present
    # Calmer and slower than what is there: not that.
    assert choose([present, candidate(20.3, 6.0)], delay=5.0) is present
    # Where none is tolerated, those that stand most; of these, those that mislead least.
    assert choose([refused, candidate(2.0, 3.0, tolerated=False)], delay=5.0).stands == 5.0
    more, less = (
        candidate(mean, 3.0, misled=m, tolerated=False) for mean, m in ((1, 0.4), (2, 0.3))
    )
    assert choose([refused, more, less], delay=5.0) is less


def test_what_is_hardly_quicker_is_told() -> None:
    present, calmer = candidate(20.0, delay=5.0), candidate(10.0 + MARGIN, delay=1.0)
    quickest = candidate(10.2, delay=0.0).model_copy(update={"name": "no delay"})
    said = list(reasons([present, calmer, quickest], calmer, tolerate=2.0, costs=[]))
    assert any(text.startswith("not no delay, 0.3 s quicker: too little") for text in said)


@pytest.mark.parametrize("text", ["x", "", "-1s", "2 beats"])
def test_what_is_no_time_to_tolerate(text: str) -> None:
    with pytest.raises(UsageError, match="is no time to tolerate"):
        freeze_of(text)


def test_a_minute_is_the_most() -> None:
    assert freeze_of("1m") == 60.0
    assert freeze_of("500ms") == 0.5
    with pytest.raises(UsageError, match="1m1s is too long"):
        freeze_of("61s")


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    made = shop()
    tune(made, make_plan(made), courses=20, on_candidate=lambda *done: told.append(done))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {of for _, of in told} == {len(told)}


def test_the_view(found: Tuning, capsys: pytest.CaptureFixture[str]) -> None:
    render(found, console())
    shown = capsys.readouterr().out
    for one in found.candidates:
        assert one.name in shown
    assert "swarm: {heartbeat: 3s, restart_delay: 1s}" in shown
    assert "compose files, 1 service (web):" in shown
    for line in found.advice:
        assert line in shown
    still = Chosen(name="as it is", settings=Settings(heartbeat=5.0))
    render(found.model_copy(update={"chosen": still}), console())
    assert "the files say it already" in capsys.readouterr().out


def test_the_command() -> None:
    runner = CliRunner()
    arguments = ["tune", str(SMALL), "--courses", "20"]
    done = runner.invoke(build(), [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert Tuning.model_validate(answer).tolerate == 2.0
    assert answer["chosen"]["reasons"]
    assert answer["chosen"]["name"] in [one["name"] for one in answer["candidates"]]
    plain = runner.invoke(build(), arguments)
    assert f"take {answer['chosen']['name']}" in plain.stdout


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of a small fleet that may be changed."""
    shutil.copytree(SMALL.parent, tmp_path / "shop")
    return tmp_path / "shop" / "fleet.yaml"


CHANGE = "-  heartbeat: 2s\n+  heartbeat: 3s # quorate tune: all back within "


def test_a_dry_run_shows_and_writes_nothing(small: Path) -> None:
    before = small.read_text()
    arguments = ["tune", str(small), "--courses", "20", "--write", "--dry-run"]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 0, done.output
    assert CHANGE in done.stdout
    assert small.read_text() == before


def test_what_was_chosen_is_written_once(small: Path) -> None:
    arguments = ["tune", str(small), "--courses", "20", "--write", "--yes"]
    told = CliRunner().invoke(build(), [*arguments, "--json"])
    assert told.exit_code == 0, told.output
    found = Tuning.model_validate(json.loads(told.stdout))
    assert found.written
    assert CHANGE in found.diff
    assert found.chosen.swarm == {"heartbeat": "3s"}
    assert read_fleet(small).swarm.heartbeat == 3.0
    written = small.read_text()
    assert "# A small fleet for the scenarios" in written
    again = CliRunner().invoke(build(), arguments)
    assert again.exit_code == 0, again.output
    assert "nothing to write into the fleet file" in again.stdout
    assert small.read_text() == written


def test_nobody_is_there_to_ask(small: Path) -> None:
    before = small.read_text()
    done = CliRunner().invoke(build(), ["tune", str(small), "--courses", "20", "--write"])
    assert isinstance(done.exception, RefusedError)
    assert "add --yes" in done.exception.lines()[-1]
    assert small.read_text() == before


def test_a_file_that_is_laid_out_oddly_is_left(small: Path) -> None:
    odd = small.read_text().replace("survive: 1", "survive: 1\n  recovery_target: &beat 2s")
    odd = odd.replace("heartbeat: 2s", "heartbeat: *beat")
    small.write_text(odd)
    done = CliRunner().invoke(build(), ["tune", str(small), "--courses", "20", "--write", "--yes"])
    assert isinstance(done.exception, UsageError)
    assert "write it yourself: swarm: {heartbeat: 3s}" in done.exception.lines()[-1]
    assert small.read_text() == odd


def test_bad_input(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(), ["tune", str(OFFICE), "--tolerate", "x"])
    assert isinstance(done.exception, UsageError)
    assert "write --tolerate 2s" in done.exception.lines()[-1]
    other = tmp_path / "other.json"
    other.write_text(make_plan(shop()).model_dump_json())
    stale = CliRunner().invoke(build(), ["tune", str(OFFICE), "--plan", str(other)])
    assert isinstance(stale.exception, StalePlanError)
    assert "tune without --plan" in stale.exception.lines()[-1]
