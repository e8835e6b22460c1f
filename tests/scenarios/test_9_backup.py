"""Backups of a live fleet: jobs started, followed, listed; a store between two servers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.backup import quiesce
from quorate.backup.jobs.spec import LABEL, LABEL_STORE
from quorate.backup.sources import large
from quorate.lab import nodes
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

COPIES = "/srv/copies"
ROWS = 550_000
"""More than 64 MiB of 128 bytes each: a table that is brought by all connections."""
KEYS = 5_000
SECRETS = ("correct-horse", "battery-staple", "keep-me-elsewhere")
"""What is in the fleet's password files."""


def on(office: Office, server: str, *argv: str) -> str:
    """Run a command on a server of the lab itself."""
    return nodes.execute(live.lab_of(office), server, *argv)


def inside(office: Office, service: str, script: str) -> str:
    """Run a shell's line in a task of a service."""
    done = office.quorate(
        *("exec", "--fleet", str(office.fleet), "--lab", service, "--", "sh", "-ec", script)
    )
    return done.stdout


def backup(office: Office, *arguments: str, code: int | None = 0) -> Any:
    """What `quorate backup …` prints with `--json`."""
    verb, *rest = arguments
    return office.json(
        *("backup", verb, *rest, "--fleet", str(office.fleet), "--lab"), timeout=300, code=code
    )


def labelled(office: Office, label: str) -> dict[str, dict[str, Any]]:
    """The services with a label, by name, as the engine has them."""
    with live.connected(office) as connections:
        listed = connections.manager().client.api.services(filters={"label": label})
    return {raw["Spec"]["Name"]: raw for raw in listed}


def given_data(office: Office) -> None:
    """Everything runs, with rows, keys and files in it."""
    steps.up(office)
    inside(
        office,
        "db",
        "psql -v ON_ERROR_STOP=1 -qU postgres -c 'drop table if exists rows' "
        "-c 'create table rows as select i, repeat(md5(i::text), 4) "
        f"from generate_series(1, {ROWS}) i'",
    )
    fill = f"for i in $(seq {KEYS}); do echo SET key:$i $i; done"
    door = 'redis-cli -a "$(cat /run/secrets/cache_password)" --no-auth-warning'
    inside(office, "cache", f"{{ echo FLUSHALL; {fill}; }} | {door} > /dev/null")
    inside(office, "files", "echo 'kept' > /usr/share/nginx/html/kept.txt")


def given_a_repository(office: Office) -> None:
    """The directory of the repository is there."""
    on(office, "three", "mkdir", "-m", "700", "-p", COPIES)


def then_nothing_is_left(office: Office) -> None:
    """No job is in the swarm any more."""
    assert labelled(office, LABEL) == {}


@pytest.mark.fault(
    "repository missing",
    injected="a repository's directory that is not there, in a lab",
    seen="code 6, with the command that makes it; no job is left",
)
def test_a_directory_that_is_not_there_is_said_to_be_missing(vault: Office) -> None:
    given_data(vault)
    on(vault, "three", "rm", "-rf", COPIES)
    done = vault.quorate(
        *("backup", "run", "db", "--fleet", str(vault.fleet), "--lab"), timeout=300, code=6
    )
    assert "the store of the repository near does not start on three" in done.stdout
    assert f"mkdir -m 700 -p {COPIES}" in done.stdout
    then_nothing_is_left(vault)


def test_databases_and_files_are_copied_to_another_server_and_listed(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    plan = backup(vault, "run", "--dry-run")
    assert {job["source"]: job["server"] for job in plan["jobs"]} == {
        "db": "one",
        "cache": "two",
        "volume/data_pages": "two",
    }
    assert plan["refused"] == [] and labelled(vault, LABEL) == {}
    report = backup(vault, "run")
    runs = {run["source"]: run for run in report["runs"]}
    assert {name: run["outcome"] for name, run in runs.items()} == {
        "db": "done",
        "cache": "done",
        "volume/data_pages": "done",
    }
    assert report["refused"] == []
    assert runs["db"]["size"] > large.LARGE_BYTES and runs["db"]["repository"] == "near"
    (copy,) = runs["cache"]["copies"]
    assert copy["complete"] and copy["server"] == "two"
    then_nothing_is_left(vault)
    assert on(vault, "three", "ls", COPIES).split() >= ["config", "data"]
    listed = backup(vault, "list")
    assert listed["unread"] == []
    assert sorted(copy["source"] for copy in listed["copies"]) == sorted(runs)
    assert {copy["id"] for copy in listed["copies"]} == {
        copy["id"] for run in runs.values() for copy in run["copies"]
    }


@pytest.mark.drill
def test_a_second_copy_of_the_same_data_takes_little_room(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    first = backup(vault, "run", "db")["runs"][0]
    second = backup(vault, "run", "db")["runs"][0]
    assert first["run"] != second["run"]
    assert second["added"] < second["size"] / 5
    listed = backup(vault, "list", "--source", "db")["copies"]
    assert {first["copies"][0]["id"], second["copies"][0]["id"]} <= {one["id"] for one in listed}


def test_the_service_of_a_store_shows_no_password_and_lets_nothing_be_removed(
    vault: Office,
) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "cache")
    (store,) = labelled(vault, LABEL_STORE).values()
    text = json.dumps(store)
    assert not [word for word in SECRETS if word in text]
    command = store["Spec"]["TaskTemplate"]["ContainerSpec"]["Command"]
    assert command == ["quorate", "backup", "store"]
    shown = on(vault, "three", "sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '")
    assert "rclone serve restic --append-only" in shown
    assert not [word for word in SECRETS if word in shown]


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to `quorate backup run`, in a lab",
    seen="the job goes on, and the next run takes in its answer",
)
def test_a_job_whose_starter_was_killed_is_followed_by_the_next(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    first = vault.start("backup", "run", "db", "--fleet", str(vault.fleet), "--lab")
    steps.when_it_says(first, "backup of db on one: started")
    os.killpg(first.pid, signal.SIGKILL)
    steps.its_end(first, within=10)
    (job,) = labelled(vault, LABEL).values()
    report = backup(vault, "run", "db")
    ended = [*report["runs"], *report["earlier"]]
    assert job["Spec"]["Labels"][LABEL] in {run["run"] for run in ended}
    assert all(run["outcome"] == "done" for run in ended)
    then_nothing_is_left(vault)


FAR = """\
    far:
      local: {server: one, path: /srv/far}
      password: {file: repository-password.txt}
      offsite: true
"""
EXCLUDED = "  # The scenarios are about"


@contextmanager
def second_place(office: Office) -> Iterator[None]:
    """A second repository gets copies of everything."""
    text = office.fleet.read_text()
    assert EXCLUDED in text
    on(office, "one", "mkdir", "-m", "700", "-p", "/srv/far")
    office.fleet.write_text(text.replace(EXCLUDED, FAR + EXCLUDED))
    try:
        yield
    finally:
        office.fleet.write_text(text)


def rows(office: Office, database: str) -> str:
    """How many rows a database has."""
    return inside(
        office, "db", f"psql -AtU postgres -d {database} -c 'select count(*) from rows'"
    ).strip()


def kept(office: Office, server: str, volume: str) -> str:
    """What the file of a volume says, by the engine that has it."""
    mount = f"{volume}:/v:ro"
    return on(
        office, server, "docker", "run", "--rm", "-v", mount, "nginx:1.27", "cat", "/v/kept.txt"
    ).strip()


def test_one_command_backs_up_copies_and_proves_and_all_of_it_comes_back(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    with second_place(vault):
        report = backup(vault, "run", "--copy", "--prove")
        assert {run["outcome"] for run in report["runs"]} == {"done"} and not report["refused"]
        (copied,) = report["copied"]
        assert (copied["origin"], copied["repository"]) == ("near", "far")
        assert {copy["source"] for copy in copied["copies"]} >= {"db", "cache"}
        proofs = {(one["source"], one["repository"]): one for one in report["proofs"]}
        assert len(proofs) == 6 and all(one["proven"] is True for one in proofs.values())
        assert proofs["db", "far"]["server"] != "one" and proofs["db", "near"]["seconds"] > 0
        assert backup(vault, "copy")["runs"] == []
    # Each beside what it was made of, then over it.
    backup(vault, "restore", "db", "--only", "postgres", "--to", "db/checked")
    assert rows(vault, "checked") == str(ROWS)
    backup(vault, "restore", "db", "--only", "postgres", "--to", "db/checked", code=8)
    made = backup(vault, "restore", "files", "--to", "volume/checked_pages")
    assert made["server"] == "two" and kept(vault, "two", "checked_pages") == "kept"
    backup(vault, "restore", "cache", "--to", "three:/srv/found/cache")
    assert on(vault, "three", "ls", "/srv/found/cache").split() == ["dump.rdb"]
    inside(vault, "db", "psql -qU postgres -c 'delete from rows where i > 5'")
    inside(vault, "files", "echo 'spoiled' > /usr/share/nginx/html/kept.txt")
    backup(vault, "restore", "db", "--in-place", code=8)
    assert rows(vault, "postgres") == "5"
    over = ("--in-place", "--yes-really")
    said = backup(vault, "restore", "db", "--only", "postgres", *over, "db")
    assert "postgres_before_" in said["findings"][0] and rows(vault, "postgres") == str(ROWS)
    backup(vault, "restore", "volume/data_pages", *over, "volume/data_pages")
    assert kept(vault, "two", "data_pages") == "kept"
    shown = backup(vault, "prune", "--dry-run")
    (near,) = shown["repositories"]
    assert near["outcome"] == "planned" and near["forgotten"] == []
    assert {one["source"] for one in near["stays"]} == {"db", "cache", "volume/data_pages"}
    then_nothing_is_left(vault)
    on(vault, "two", "docker", "volume", "rm", "checked_pages")


FLIP = """\
file={file}
at=$(( $(stat -c %s "$file") / 2 ))
old=$(od -An -tu1 -j $at -N 1 "$file")
printf "\\\\$(printf %o $(( old ^ 1 )))" | dd of="$file" bs=1 seek=$at conv=notrunc status=none
"""


@contextmanager
def flipped(office: Office) -> Iterator[None]:
    """A bit in the middle of the repository's largest file is another one."""
    found = on(office, "three", "sh", "-c", f"ls -S $(find {COPIES}/data -type f) | head -n 1")
    script = FLIP.format(file=found.strip())
    on(office, "three", "sh", "-ec", script)
    try:
        yield
    finally:
        on(office, "three", "sh", "-ec", script)


@pytest.mark.drill
def test_a_copy_with_a_flipped_bit_is_red_and_counts_no_more(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "db")
    with flipped(vault):
        found = backup(vault, "prove", "db", code=4)
        (bad,) = found["proofs"]
        assert bad["proven"] is False and bad["differences"] and bad["error"] is None
        listed = {copy["id"]: copy for copy in backup(vault, "list")["copies"]}
        assert listed[bad["copy_id"]]["proven"] is False
    # Nobody takes it any more, nor does it keep a place from one that is proven.
    plan = backup(vault, "restore", "db", "--to", "three:/srv/found/db", "--dry-run", code=None)
    assert plan.get("copy_id") != bad["copy_id"]
    again = backup(vault, "prove", "db", "--copy", bad["copy_id"][:12])
    assert again["proofs"][0]["proven"] is True


@contextmanager
def slow(office: Office, source: str, seconds: int) -> Iterator[None]:
    """Backups of a source take so long at least: a hook waits."""
    text = office.fleet.read_text()
    hook = f'    {source}: {{hooks: {{before: ["sleep {seconds}"]}}}}'
    office.fleet.write_text(f"{text}  sources:\n{hook}\n")
    try:
        yield
    finally:
        office.fleet.write_text(text)


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="the power of a job's server, in a lab",
    seen="code 6; no copy counts; no job is left",
)
@pytest.mark.drill
def test_a_job_that_is_lost_with_its_server_is_an_error_and_no_copy(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    before = {copy["id"] for copy in backup(vault, "list")["copies"]}
    with slow(vault, "cache", 120):
        verb = vault.start("backup", "run", "cache", "--fleet", str(vault.fleet), "--lab")
        steps.when_it_says(verb, "hooks before cache")
        with steps.without_power(vault, "two"):
            code, said = steps.its_end(verb, within=120)
    assert code == 6, said
    assert "two was lost during the backup of cache" in said, said
    then_nothing_is_left(vault)
    after = {copy["id"] for copy in backup(vault, "list")["copies"] if copy["complete"]}
    assert after == before
    steps.up(vault)


@pytest.mark.drill
def test_a_job_goes_on_while_managers_elect(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    with slow(vault, "cache", 30):
        verb = vault.start("backup", "run", "cache", "--fleet", str(vault.fleet), "--lab")
        steps.when_it_says(verb, "hooks before cache")
        with live.connected(vault) as connections:
            nodes_now = connections.manager().client.api.nodes()
        leader = next(
            node["Description"]["Hostname"]
            for node in nodes_now
            if (node.get("ManagerStatus") or {}).get("Leader")
        )
        if leader == "two":  # where the job is: it would be lost with it
            pytest.skip("the leader is on the job's own server this time")
        with steps.without_power(vault, leader):
            code, said = steps.its_end(verb, within=300)
    # The repository's server may have been the leader: then the job says that it was not there.
    assert code == (6 if leader == "three" else 0), said
    then_nothing_is_left(vault)
    steps.up(vault)


def test_status_asks_repositories_and_every_server(vault: Office, tmp_path: Path) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run")
    page = tmp_path / "backups.html"
    on_lab = (str(vault.fleet), "--lab", "--html", str(page))
    made = vault.json("backup", "status", *on_lab, timeout=300, code=4)
    states = {one["id"]: one["backed_up"] for one in made["sources"]}
    kept = {name: state for name, state in states.items() if state != "excluded"}
    assert kept == {"db": "ok", "cache": "ok", "volume/data_pages": "ok"}
    assert made["unread"] == [] and made["unasked"] == [] and made["unprotected"] == []
    assert {one["id"]: one["servers"] for one in made["sources"]}["db"] == ["one"]
    (near,) = (one for one in made["repositories"] if one["name"] == "near")
    assert near["copies"] >= 3 and near["stored"] > 1_000_000 and near["free"] > 0
    assert "Source by source" in page.read_text()
    with live.connected(vault) as connections:
        connections.client("two").api.create_volume("stray")
    try:
        red = vault.json("backup", "status", *on_lab, timeout=300, code=4)
        assert [one["what"] for one in red["unprotected"]] == ["stray on two"]
    finally:
        with live.connected(vault) as connections:
            connections.client("two").api.remove_volume("stray")
    then_nothing_is_left(vault)


@pytest.mark.drill
def test_the_doctor_finds_a_service_that_a_dead_backup_keeps_still(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "cache")
    on_lab = (str(vault.fleet), "--lab")
    first = vault.json("backup", "doctor", *on_lab, timeout=300, code=None)
    seen = {(one["check"], one["where"]) for one in first["findings"]}
    assert "kept still" not in {check for check, _ in seen}, first
    wish = quiesce.Wish(services=("data_files",), run="dead", source="volume/x", seconds=-1)
    with live.connected(vault) as connections:
        quiesce.begin(connections.manager().client, wish)
    found = vault.json("backup", "doctor", *on_lab, timeout=300, code=4)
    (mine,) = (one for one in found["findings"] if one["check"] == "kept still")
    assert mine["where"] == "data_files" and mine["mends"]
    mended = vault.json(
        "backup", "doctor", *on_lab, "--mend", "--yes", timeout=300, code=4 if seen else 0
    )
    assert [one["where"] for one in mended["mended"]] == ["data_files"]
    assert {(one["check"], one["where"]) for one in mended["findings"]} == seen
    with live.connected(vault) as connections:
        spec = connections.manager().client.api.inspect_service("data_files")["Spec"]
    assert spec["Mode"]["Replicated"]["Replicas"] == 1
    assert not [name for name in spec["Labels"] if name.startswith("quorate.quiesce")]
    then_nothing_is_left(vault)
