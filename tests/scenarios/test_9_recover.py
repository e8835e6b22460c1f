"""A damaged database back in one command; killed at any step; undone; a service mended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from quorate.backup import quiesce
from quorate.backup.policy import quiesce as policy
from quorate.observe.deep_names import TASK_LABEL
from quorate.observe.deep_tasks import SERVICE_LABEL
from tests.scenarios import figures, live, steps
from tests.scenarios.test_9_backup import (
    KEYS,
    ROWS,
    backup,
    given_a_repository,
    given_data,
    inside,
    kept,
    on,
    rows,
    second_place,
    then_nothing_is_left,
)

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

PLAIN, NEEDS = "{state: volume, pin: two}", "{state: volume, pin: two, needs: [db, cache]}"
STEPS = 4
MOMENTS = (*(f"step {number} of {STEPS}" for number in range(1, STEPS + 1)), "restore of db on one")
"""When it is killed: at each step, and while the job of one runs."""
STRAY = "left-behind"


@contextmanager
def with_users(office: Office) -> Iterator[None]:
    """The website needs both databases."""
    path = office.fleet.parent / "data.yaml"
    text = path.read_text()
    assert PLAIN in text
    path.write_text(text.replace(PLAIN, NEEDS))
    try:
        yield
    finally:
        path.write_text(text)


@pytest.fixture
def proven(vault: Office) -> Iterator[Office]:
    """Everything runs, of each source there is a proven copy."""
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    with with_users(vault):
        yield vault
    then_nothing_is_left(vault)


def recover(office: Office, what: str, *options: str, code: int = 0) -> Any:
    """What `quorate recover …` prints with `--json`."""
    at = ("--fleet", str(office.fleet), "--lab")
    return office.json("recover", what, *options, *at, timeout=300, code=code)


def operations(office: Office, verb: str) -> Any:
    at = ("--fleet", str(office.fleet), "--lab", "--yes")
    return office.json("operations", verb, *at, timeout=300)


def damage(office: Office) -> None:
    """A migration that went wrong: most rows are gone, and another table is there."""
    inside(
        office,
        "db",
        "psql -v ON_ERROR_STOP=1 -qU postgres -c 'delete from rows where i > 5' "
        "-c 'drop table if exists wrong' -c 'create table wrong as select 1 as a'",
    )
    assert rows(office, "postgres") == "5"


def databases(office: Office) -> list[str]:
    said = inside(office, "db", "psql -AtU postgres -c 'select datname from pg_database'")
    return said.split()


def new_databases(office: Office, others: list[str], begins: str) -> list[str]:
    """Another test may have left some, or kept some, in this lab."""
    return [one for one in databases(office) if one not in others and one.startswith(begins)]


def then_all_run(office: Office) -> None:
    """Each service has its task, nothing is marked as kept still, and no lock is left."""
    seen, _ = live.wait_until(
        office, lambda seen: all(live.running(seen)[f"data_{n}"] for n in NAMES), within=60
    )
    steps.then_nothing_is_duplicated(seen)
    for service in seen.services:
        assert not [name for name in service.labels if name.startswith("quorate.quiesce")]
    steps.then_no_lock_is_left(office)


NAMES = ("db", "cache", "files")


def test_a_damaged_postgres_is_back_with_every_row_and_its_users(proven: Office) -> None:
    damage(proven)
    shown = recover(proven, "database", "db", "--dry-run")
    assert [one["id"] for one in shown["steps"]] == ["stop", "restore", "start", "verify"]
    assert shown["facts"]["stops"] == ["data_files"] and "what was written" in shown["loses"]
    recover(proven, "database", "db", code=8)  # nobody is there to type its name
    assert rows(proven, "postgres") == "5"
    others = databases(proven)
    done = recover(proven, "database", "db", "--yes-really", "db")
    assert rows(proven, "postgres") == str(ROWS)
    assert 0 < done["restore_seconds"] < done["rto_seconds"] < 120 and done["rpo_seconds"] > 0
    told("recover database, Postgres", done)
    (former,) = new_databases(proven, others, "postgres_before_")
    assert rows(proven, former) == "5"
    then_all_run(proven)
    # And back again: what was damaged is there, what was restored is kept.
    undone = operations_undo(proven, done["operation"]["id"])
    assert undone["state"] == "undone" and rows(proven, "postgres") == "5"
    (recovered,) = new_databases(proven, others, "postgres_recovered_")
    assert rows(proven, recovered) == str(ROWS)
    then_all_run(proven)


def told(what: str, done: Any) -> None:
    figures.told(what, RTO=done["rto_seconds"], RPO=done["rpo_seconds"])


def operations_undo(office: Office, identity: str) -> Any:
    at = ("--fleet", str(office.fleet), "--lab", "--yes")
    return office.json("operations", "undo", identity, *at, timeout=300)


@pytest.mark.drill
def test_redis_files_and_a_rehearsal(proven: Office) -> None:
    def ask(words: str) -> str:
        door = 'redis-cli -a "$(cat /run/secrets/cache_password)" --no-auth-warning'
        return inside(proven, "cache", f"{door} {words}").strip()

    ask("flushall")
    tried = recover(proven, "database", "cache", "--rehearse")
    assert tried["rto_seconds"] > tried["restore_seconds"] > 0 and tried["rpo_seconds"] > 0
    assert ask("dbsize") == "0"
    done = recover(proven, "database", "cache", "--yes-really", "cache")
    assert ask("dbsize") == str(KEYS)
    told("recover database, Redis", done)
    assert operations_undo(proven, done["operation"]["id"])["state"] == "undone"
    assert ask("dbsize") == "0"
    inside(proven, "files", "echo 'spoiled' > /usr/share/nginx/html/kept.txt")
    really = ("--yes-really", "volume/data_pages")
    done = recover(proven, "database", "volume/data_pages", *really)
    assert kept(proven, "two", "data_pages") == "kept"
    told("recover database, a volume", done)
    assert operations_undo(proven, done["operation"]["id"])["state"] == "undone"
    assert kept(proven, "two", "data_pages") == "spoiled"
    recover(proven, "database", "volume/data_pages", *really)
    assert kept(proven, "two", "data_pages") == "kept"
    then_all_run(proven)


@pytest.mark.drill
def test_what_is_refused_and_what_is_said(proven: Office) -> None:
    (run,) = backup(proven, "run", "cache")["runs"]
    copy = run["copies"][0]["id"]
    said = recover(proven, "database", "cache", "--snapshot", copy[:12], code=8)
    assert "is proven" in said["what"] and "--unproven" in said["todo"]
    plan = recover(proven, "database", "cache", "--snapshot", copy[:12], "--unproven", "--dry-run")
    assert any("nobody has restored" in text for text in plan["warnings"])
    newest = recover(proven, "database", "cache", "--dry-run")
    assert any("a newer copy" in text for text in newest["warnings"])
    early = recover(proven, "database", "db", "--at", "2020-01-01", code=2)
    assert "was taken until" in early["what"]
    recover(proven, "database", "nonesuch", code=2)
    other = recover(proven, "database", "db", "--yes-really", "cache", code=2)
    assert "nothing was changed" in other["what"]


@pytest.mark.drill
def test_a_repository_that_cannot_be_read_is_passed_over_and_said(proven: Office) -> None:
    damage(proven)
    with second_place(proven):
        on(proven, "one", "rm", "-rf", "/srv/far")  # as if nobody could reach it
        done = recover(proven, "database", "db", "--yes-really", "db")
    assert "far cannot be read" in " ".join(done["operation"]["operation"]["warnings"])
    assert rows(proven, "postgres") == str(ROWS)


def killed(office: Office, words: str) -> None:
    """A recovery is begun, and killed the moment it says these words."""
    damage(office)
    at = ("--fleet", str(office.fleet), "--lab")
    verb = office.start("recover", "database", "db", "--yes-really", "db", *at)
    steps.when_it_says(verb, words)
    os.killpg(verb.pid, signal.SIGKILL)
    steps.its_end(verb, within=10)


@pytest.mark.drill
def test_killed_at_any_step_it_is_gone_on_with(proven: Office) -> None:
    for words in MOMENTS:
        killed(proven, words)
        done = operations(proven, "resume")
        assert done["state"] == "done" and rows(proven, "postgres") == str(ROWS), words
        then_all_run(proven)
        print(f"killed at {words!r}: resumed, well {done['facts']['rto_seconds']} s after it began")


@pytest.mark.drill
def test_killed_at_any_step_it_is_undone(proven: Office) -> None:
    for words in MOMENTS:
        killed(proven, words)
        done = operations(proven, "undo")
        assert done["state"] == "undone" and rows(proven, "postgres") == "5", words
        then_all_run(proven)
        print(f"killed at {words!r}: undone")


@pytest.mark.drill
def test_killed_and_abandoned_it_is_begun_anew(proven: Office) -> None:
    killed(proven, MOMENTS[1])  # its users are stopped, nothing is restored
    at = ("--fleet", str(proven.fleet), "--lab")
    said = recover(proven, "database", "db", "--yes-really", "db", code=7)
    assert "is not over" in said["what"] and "abandon" in said["todo"]
    proven.quorate("operations", "abandon", *at, code=8)  # nobody is there to type its id
    open_ones = [one for one in proven.json("operations", "list", *at)["operations"]
                 if one["state"] == "begun"]  # fmt: skip
    (identity,) = [one["id"] for one in open_ones]
    left = proven.json("operations", "abandon", identity, "--yes-really", identity, *at)
    assert left["state"] == "abandoned" and rows(proven, "postgres") == "5"
    # As it stands: what it had stopped stays so, until its time is over or somebody lets it go.
    refused = recover(proven, "database", "db", "--yes-really", "db", code=7)
    assert "keeps data_files still" in refused["what"] and "--let-go" in refused["todo"]
    proven.json("operations", "abandon", identity, "--yes-really", identity, "--let-go", *at)
    (files,) = [one for one in live.snapshot(proven).services if one.name == "data_files"]
    assert policy.RUN not in files.labels and files.replicas == 1
    operations(proven, "undo")  # of the refused one, that has begun
    done = recover(proven, "database", "db", "--yes-really", "db")
    assert done["operation"]["state"] == "done" and rows(proven, "postgres") == str(ROWS)
    then_all_run(proven)


@pytest.mark.drill
def test_a_service_is_mended(proven: Office) -> None:
    well = recover(proven, "service", "files")
    assert well["operation"] is None and well["found"] == []
    image = on(proven, "one", "sh", "-c", "docker ps --format '{{.Image}}' | head -n 1").strip()
    labels = ("--label", f"{TASK_LABEL}=nonesuch", "--label", f"{SERVICE_LABEL}=data_files")
    on(
        *(proven, "one", "docker", "run", "-d", "--name", STRAY, *labels),
        *("--entrypoint", "sleep", image, "600"),
    )
    wish = quiesce.Wish(services=("data_files",), run="dead", source="volume/x", seconds=-1)
    try:
        with live.connected(proven) as connections:
            quiesce.begin(connections.manager().client, wish)
        plan = recover(proven, "service", "files", "--dry-run")
        assert [one["id"] for one in plan["operation"]["steps"]] == ["let-go-0", "mend-0", "verify"]
        done = recover(proven, "service", "files", "--yes")
        assert done["operation"]["state"] == "done" and done["rto_seconds"] > 0
        figures.told("recover service", RTO=done["rto_seconds"])
        assert STRAY not in on(proven, "one", "docker", "ps", "-a", "--format", "{{.Names}}")
        assert recover(proven, "service", "files")["operation"] is None
    finally:
        on(proven, "one", "sh", "-c", f"docker rm -f {STRAY} > /dev/null 2>&1; true")
    then_all_run(proven)
