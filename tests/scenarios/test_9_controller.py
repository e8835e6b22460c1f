"""The controller that `up` deploys: it backs up and proves by itself, and outlives its server.

Beside it the receiver of a write-ahead log.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from quorate.deploy import lock
from quorate.errors import QuorateError
from quorate.fleet.own import CONTROLLER, LOCK
from tests.scenarios import live, steps
from tests.scenarios.test_9_backup import (
    SECRETS,
    given_a_repository,
    given_data,
    inside,
    labelled,
    on,
)

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill
OFF = "controller: false"
RECEIVER = "quorate-wal-db"
LOG = "/var/lib/quorate/wal/db"
SOURCES = {"db", "cache", "volume/data_pages"}
ON = """\
prove: {every: "* * * * *"}
  rehearse: {every: "*/2 * * * *", servers: [two]}
  kinds:
    postgres: {wal: true}
  sources:
    cache: {every: "* * * * *"}"""
TAKEN_OVER_SECONDS = 60.0
BY_ITSELF_SECONDS = 420.0
POLL_SECONDS = 3.0


@pytest.fixture(scope="module")
def served(vault: Office) -> Iterator[Office]:
    """The fleet with its controller and a receiver; without them at the end."""
    text = vault.fleet.read_text()
    assert OFF in text
    given_data(vault)
    given_a_repository(vault)
    vault.fleet.write_text(text.replace(OFF, ON))
    try:
        said = steps.up(vault)
        assert "quorate-controller" in said and RECEIVER in said, said
        yield vault
    finally:
        vault.fleet.write_text(text)
        steps.up(vault)


def within(seconds: float, look: Callable[[], Any]) -> Any:
    """What `look` gives once that is something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)


def copies(office: Office) -> list[dict[str, Any]]:
    """The complete copies there are; asked from here, beside the controller."""
    listed = office.json(
        *("backup", "list", "--fleet", str(office.fleet), "--lab"),
        timeout=300,
        code=None,  # at first there is no repository
    )
    return [one for one in listed["copies"] if one["complete"]]


def deciding(office: Office, *, without: str = "") -> lock.Holder | None:
    """Who holds the controllers' lock."""
    with live.connected(office, without=without) as connections:
        return lock.holder(connections.manager().client, LOCK)


def health(office: Office) -> dict[str, Any]:
    """How the receiver says it is."""
    text = on(office, "three", "sh", "-c", f"cat {LOG}/health.json 2>/dev/null || echo '{{}}'")
    return dict(json.loads(text))


def is_received(office: Office, segment: str) -> bool:
    """Whether a whole segment of the log lies on the other server."""
    found = on(office, "three", "sh", "-c", f"find {LOG}/main -name '{segment}*' || true")
    return any(not line.endswith(".partial") for line in found.split())


def test_a_second_up_changes_nothing_and_nothing_secret_is_shown(served: Office) -> None:
    assert "nothing to do" in steps.up(served)
    services = labelled(served, "quorate.job.fleet")
    assert {CONTROLLER, RECEIVER} <= set(services)
    text = json.dumps(services)
    assert not [word for word in SECRETS if word in text]
    status = served.json("status", str(served.fleet), "--lab")
    assert {one["name"] for one in status["own"]} == {CONTROLLER, RECEIVER}


def test_it_backs_up_and_proves_by_itself(served: Office) -> None:
    def proven() -> bool:
        good = {one["source"] for one in copies(served) if one["proven"]}
        return good >= SOURCES

    within(BY_ITSELF_SECONDS, proven)
    runs = Counter((one["source"], one["run"]) for one in copies(served))
    assert set(runs.values()) == {1}


def test_it_rehearses_recoveries_by_itself(served: Office) -> None:
    """What it notes of them is what status says, of each database and volume."""

    def rehearsed() -> dict[str, Any]:
        report = served.json(
            *("backup", "status", str(served.fleet), "--lab"), timeout=300, code=None
        )
        found = {one["id"]: one["rehearsed"] for one in report["sources"] if one.get("rehearsed")}
        good = {name: one for name, one in found.items() if one["state"] == "ok" and one["last"]}
        return good if good.keys() >= SOURCES else {}

    for name, one in within(BY_ITSELF_SECONDS, rehearsed).items():
        last = one["last"]
        assert last["server"] == "two" and 0 < last["rto"] < 120 and last["rpo"] > 0
        print(f"{name}: rehearsed, RTO {last['rto']:.1f} s, RPO {last['rpo']:.0f} s")


def test_the_log_is_received_as_it_is_written(served: Office) -> None:
    within(240, lambda: health(served).get("state") == "streaming")
    within(240, lambda: health(served).get("bases"))
    ask = "psql -qAtU postgres -v ON_ERROR_STOP=1 -c"
    name = "select pg_walfile_name(pg_current_wal_lsn())"
    segment = inside(served, "db", f"{ask} '{name}'").split()[-1]
    assert not is_received(served, segment)
    inside(
        served,
        "db",
        f"{ask} 'create table if not exists logged (i int)' "
        f"-c 'insert into logged select generate_series(1, 1000)' -c 'select pg_switch_wal()'",
    )
    began = time.monotonic()
    within(60, lambda: is_received(served, segment))
    assert time.monotonic() - began < 60
    hba = inside(served, "db", "cat /var/lib/postgresql/data/pg_hba.conf")
    assert "host replication,postgres quorate_wal samenet scram-sha-256" in hba


@pytest.mark.drill
def test_another_manager_has_it_soon_after_its_server_is_lost(served: Office) -> None:
    seen = live.snapshot(served)
    (lost,) = live.running(seen)[CONTROLLER]
    before = within(60, lambda: deciding(served))
    with steps.without_power(served, lost) as began:
        within(
            TAKEN_OVER_SECONDS - (time.monotonic() - began),
            lambda: _taken_over(served, before, lost),
        )
    steps.up(served)
    count = len([one for one in copies(served) if one["source"] == "cache"])
    more = within(
        BY_ITSELF_SECONDS,
        lambda: len([one for one in copies(served) if one["source"] == "cache"]) > count,
    )
    assert more
    runs = Counter((one["source"], one["run"]) for one in copies(served))
    assert set(runs.values()) == {1}


def _taken_over(office: Office, before: lock.Holder, lost: str) -> bool:
    try:
        now = deciding(office, without=lost)
    except QuorateError:  # managers elect
        return False
    return now is not None and now.token != before.token and now.host != before.host


@pytest.mark.drill
def test_down_takes_it_away_with_its_secrets(served: Office) -> None:
    served.quorate("down", str(served.fleet), "--lab", "--yes", timeout=300)
    assert labelled(served, "quorate.job.fleet") == {}
    seen = live.snapshot(served)
    left = [name for name in seen.secrets if name.startswith("quorate-backup-")]
    assert [name for name in left if not name.startswith("quorate-backup-wal.")] == []
    assert LOCK not in seen.configs
    steps.up(served)
    within(240, lambda: health(served).get("state") == "streaming")
