"""Moves of services with their data on a lab: written to all the while, killed at every step."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from quorate.deploy.lock import STALE_SECONDS
from quorate.lab import nodes
from quorate.recover.moving.spec import LABEL
from tests.scenarios import figures, live, steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Office

SMALL_FILES = 5_000
MANY_FILES, MANY_BYTES = 100_000, 2**30
STOP_SECONDS = 10.0
"""What so many files may be down for."""
OUTAGE_SECONDS = 8.0
"""What a database may be down for."""
MOVE_SECONDS = 240.0
ROWS = (
    "select coalesce(max(i), 0), count(*), md5(string_agg(i || ' ' || said, ',' order by i)) "
    "from acks"
)
"""The last row, how many there are, and a digest over all of them in order."""
AT_THE_STOP = "at-the-stop"
"""The container, and the volume, of the rows as the old server has them."""
WRITER = """\
i=0; while [ ! -e /tmp/enough ]; do i=$((i+1));
PGCONNECT_TIMEOUT=2 timeout 1.5 psql -h db -U postgres -qAtc "insert into acks (i) values ($i)" \
  >/dev/null 2>&1 && echo "$i $(date +%s.%N)" >> /tmp/acks; done
"""
REWRITER = """\
cd /usr/share/nginx/html/many; while [ -e 1 ]; do for d in $(seq 1 20); do
for f in $d/faa*; do date > $f; done; done; sleep 1; done
"""


SLOW = """\
    command:
      - sh
      - -c
      - |
        trap "" TERM QUIT
        nginx -g "daemon off;" &
        cd /usr/share/nginx/html
        while :; do echo "$$(cat /etc/hostname) $$(date +%s.%N)" >> beats; sleep 0.2; done
    stop_grace_period: 15s
"""
"""Of a service that does not end when it is told to, and writes until it is killed."""


def on(office: Office, server: str, *argv: str) -> str:
    """Run a command on a server of the lab itself."""
    return nodes.execute(live.lab_of(office), server, *argv)


def inside(office: Office, service: str, script: str) -> str:
    """Run a shell's line in a task of a service."""
    done = office.quorate(
        *("exec", "--fleet", str(office.fleet), "--lab", service, "--", "sh", "-ec", script)
    )
    return done.stdout


def move(office: Office, *arguments: str, code: int | None = 0) -> Any:
    """What `quorate move …` prints with `--json`."""
    on_lab = ("--fleet", str(office.fleet), "--lab", "--yes")
    return office.json("move", *arguments, *on_lab, timeout=MOVE_SECONDS, code=code)


def operations(office: Office, verb: str) -> Any:
    """What `quorate operations …` prints with `--json`."""
    on_lab = ("--fleet", str(office.fleet), "--lab", "--yes")
    return office.json("operations", verb, *on_lab, timeout=MOVE_SECONDS)


@contextmanager
def pinned(
    office: Office, service: str, was: str, now: str, file_name: str = "data.yaml"
) -> Iterator[None]:
    """The compose file pins a service elsewhere meanwhile; at the end it is as it was."""
    file = office.fleet.parent / file_name
    text = file.read_text()
    pattern = rf"(  {service}:\n(?:    .*\n|\n)*?    x-quorate: {{[^}}]*)pin: {was}"
    changed, count = re.subn(pattern, rf"\1pin: {now}", text)
    assert count == 1
    file.write_text(changed)
    try:
        yield
    finally:
        file.write_text(text)


def homes(office: Office) -> dict[str, tuple[str, ...]]:
    """Where services run."""
    return dict(live.running(live.snapshot(office)))


def then_nothing_copies(office: Office) -> None:
    """No service of a move is left."""
    with live.connected(office) as connections:
        client = connections.manager().client
        assert (client.api.services(filters={"label": LABEL}) or []) == []


def pages(office: Office) -> str:
    """A digest over the pages that the web server has, by name and content."""
    script = (
        "cd /usr/share/nginx/html && find . -type f | sort | xargs cat | md5sum; ls -R | md5sum"
    )
    return inside(office, "files", script)


def given_pages(office: Office, count: int) -> None:
    """Many small files in the web server's volume."""
    inside(
        office,
        "files",
        f"cd /usr/share/nginx/html && rm -rf many && mkdir many && cd many && seq 1 {count} | "
        "split -l 1 -a 4 - f && echo kept > ../kept.txt",
    )


def given_random_pages(office: Office, count: int, size: int) -> None:
    """A tree of small files that do not compress, in directories of a thousand."""
    one = size // count
    script = (
        "cd /usr/share/nginx/html && rm -rf many && mkdir many && cd many && "
        f"for d in $(seq {count // 1000}); do mkdir $d && cd $d && head -c {1000 * one} "
        f"/dev/urandom | split -b {one} -a 3 - f && cd ..; done; ls -R | wc -l"
    )
    print(f"{inside(office, 'files', script).strip()} lines of files; ", end="")


@contextmanager
def written_to(office: Office, file: Path) -> Iterator[None]:
    """A client writes rows into the database, one after the other; what it was told is kept."""
    inside(
        office,
        "db",
        "psql -v ON_ERROR_STOP=1 -qU postgres -c 'drop table if exists acks' "
        "-c 'create table acks(i int, said text default md5(random()::text))'",
    )
    password = (office.fleet.parent / "db-password.txt").read_text().strip()
    with writing(office, "data_files", WRITER, file, f"PGPASSWORD={password}"):
        yield


@contextmanager
def writing(
    office: Office, service: str, script: str, file: Path, variable: str = "NONE="
) -> Iterator[None]:
    """A script runs in a service's container on server two, and is told when it is enough."""
    name = on(office, "two", "docker", "ps", "-qf", f"name={service}").strip()
    on(office, "two", "docker", "exec", name, "rm", "-f", "/tmp/acks", "/tmp/enough")
    on(office, "two", "docker", "exec", "-d", "-e", variable, name, "sh", "-c", script)
    try:
        time.sleep(3)
        yield
        time.sleep(3)
    finally:
        on(office, "two", "docker", "exec", name, "touch", "/tmp/enough")
        time.sleep(2)
        file.write_text(on(office, "two", "docker", "exec", name, "cat", "/tmp/acks"))


def rows_at_the_stop(office: Office, server: str) -> tuple[int, int, str]:
    """The last row, how many, and their digest, as the volume has them that a move left behind.

    A Postgres of the same image looks at a copy of it: the volume itself stays as it is.
    """
    image, data = "postgres:17", f"{AT_THE_STOP}:/var/lib/postgresql/data"
    copying = ("--rm", "-v", "data_rows:/from:ro", "-v", f"{AT_THE_STOP}:/to", "--entrypoint", "sh")
    on(office, server, "docker", "run", *copying, image, "-ec", "cp -a /from/. /to/")
    try:
        on(office, server, "docker", "run", "-d", "--name", AT_THE_STOP, "-v", data, image)
        wait = "until pg_isready -q -U postgres; do sleep 1; done"
        asked = f'{wait}; psql -v ON_ERROR_STOP=1 -AtU postgres -c "{ROWS}"'
        return told(on(office, server, "docker", "exec", AT_THE_STOP, "sh", "-ec", asked))
    finally:
        on(office, server, "docker", "rm", "-f", "-v", AT_THE_STOP)
        on(office, server, "docker", "volume", "rm", AT_THE_STOP)


def told(line: str) -> tuple[int, int, str]:
    """What Postgres says of the rows."""
    last, count, digest = line.strip().split("|")
    return int(last), int(count), digest


def acknowledged(file: Path) -> tuple[list[int], float]:
    """The rows that the client was told are kept, and the longest time between two of them (s)."""
    pairs = [line.split() for line in file.read_text().splitlines()]
    times = [float(moment) for _, moment in pairs]
    return [int(number) for number, _ in pairs], max(
        (later - sooner for sooner, later in pairwise(times)), default=0.0
    )


@pytest.mark.drill
def test_a_pin_elsewhere_is_named_and_a_dry_run_changes_nothing(vault: Office) -> None:
    steps.up(vault)
    before = homes(vault)
    refused = move(vault, "db", "--to", "two", code=8)
    assert "pinned to one" in refused["what"] and "pin: two" in refused["todo"]
    with pinned(vault, "db", "one", "two"):
        shown = move(vault, "db", "--to", "two", "--dry-run")
    assert [step["id"] for step in shown["steps"]][:3] == ["image", "movers", "copy"]
    assert shown["facts"]["sizes"]["one:data_rows"] > 1_000_000
    assert homes(vault) == before
    then_nothing_copies(vault)


@pytest.mark.drill
def test_a_database_that_is_written_to_moves_and_loses_nothing(
    vault: Office, tmp_path: Path
) -> None:
    steps.up(vault)
    file = tmp_path / "acks"
    with pinned(vault, "db", "one", "two"):
        with written_to(vault, file):
            made = move(vault, "db", "--to", "two", "--measure")
        rows, outage = acknowledged(file)
        figures.told("move, Postgres that is written to", outage=outage)
        print(f"by the move {made['facts']['down']} s; ", end="")
        print(f"{len(rows)} rows acknowledged; {json.dumps(made['facts'].get('rounds'))}")
        assert homes(vault)["data_db"] == ("two",)
        there = inside(vault, "db", "psql -AtU postgres -c 'select i from acks'").split()
        assert set(map(str, rows)) <= set(there)
        # Every row that was there at the stop is there now, and says what it said.
        was = rows_at_the_stop(vault, "one")
        now = inside(vault, "db", f'psql -AtU postgres -c "{ROWS} where i <= {was[0]}"')
        assert told(now) == was, (now, was)
        before = [row for row in rows if row <= was[0]]
        print(f"{was[1]} rows at the stop, {len(before)} acknowledged, {was[2]} on both servers; ")
        assert 0 < len(before) < len(rows)
        then_nothing_copies(vault)
        # The next `up` has nothing to do with it.
        again = steps.up(vault)
        assert homes(vault)["data_db"] == ("two",), again
        assert "log" in made["facts"]["verified"], made["facts"]
        undone = move(vault, "--undo", "db")
        assert undone["state"] == "undone" and homes(vault)["data_db"] == ("one",)
    steps.up(vault)
    assert homes(vault)["data_db"] == ("one",)
    assert outage <= OUTAGE_SECONDS


@pytest.mark.drill
def test_many_small_files_move_and_come_back(vault: Office) -> None:
    steps.up(vault)
    given_pages(vault, SMALL_FILES)
    was = pages(vault)
    with pinned(vault, "files", "two", "one"):
        made = move(vault, "files", "--to", "one", "--over", "data_pages")
        print(f"down {made['facts']['down']} s; {made['facts']['rounds']}")
        assert homes(vault)["data_files"] == ("one",) and pages(vault) == was
        assert made["facts"]["verified"]["files"] > SMALL_FILES
        inside(vault, "files", "echo 'after the move' > /usr/share/nginx/html/later.txt")
        now = pages(vault)
        sealed = move(vault, "--finish", "files")
        assert sealed["state"] == "done"
        refused = move(vault, "--undo", "files", code=2)
        assert "no move of files" in refused["what"]
    with pinned(vault, "files", "two", "two"):
        refused = move(vault, "files", "--to", "two", code=8)
        assert "has the volume data_pages already" in refused["what"]
        move(vault, "files", "--to", "two", "--over", "data_pages")
        assert homes(vault)["data_files"] == ("two",) and pages(vault) == now
    then_nothing_copies(vault)


@pytest.mark.drill
def test_a_gibibyte_of_small_files_is_down_for_seconds(vault: Office) -> None:
    """Pages change while they are copied: what has changed since is all that a stop waits for."""
    steps.up(vault)
    given_random_pages(vault, MANY_FILES, MANY_BYTES)
    with pinned(vault, "files", "two", "one"):
        name = on(vault, "two", "docker", "ps", "-qf", "name=data_files").strip()
        on(vault, "two", *("docker", "exec", "-d", name, "sh", "-c", REWRITER))
        done = vault.quorate(
            *("move", "files", "--to", "one", "--over", "data_pages", "--measure", "--json"),
            *("--fleet", str(vault.fleet), "--lab", "--yes"),
            timeout=MOVE_SECONDS,
        )
        facts = json.loads(done.stdout)["facts"]
        figures.told("move, 1 GiB of 100,000 files", outage=facts["down"])
        print(f"{json.dumps(facts)}\n{done.stderr}")
        assert facts["verified"]["files"] >= MANY_FILES
        assert move(vault, "--undo", "files")["state"] == "undone"
    given_pages(vault, 1)
    assert facts["down"] <= STOP_SECONDS


def cached(office: Office, words: str) -> str:
    """What the cache answers."""
    door = 'redis-cli -a "$(cat /run/secrets/cache_password)" --no-auth-warning'
    return inside(office, "cache", f"{door} {words}").strip()


@pytest.mark.drill
def test_a_what_if_moves_several_services_as_one(vault: Office, tmp_path: Path) -> None:
    """While it does, another move is refused; it is taken back as one, too."""
    steps.up(vault)
    given_pages(vault, 200)
    cached(vault, "set moved yes")
    was, before = pages(vault), homes(vault)
    on_lab = ("--fleet", str(vault.fleet), "--lab", "--yes")
    over = ("--over", "data_pages", "--over", "data_kept")
    with pinned(vault, "cache", "two", "one"), pinned(vault, "files", "two", "one"):
        asked = ("--move", "cache=one", "--move", "files=one", "--live", "--lab", "--json")
        plan = tmp_path / "what-if.json"
        plan.write_text(vault.quorate("what-if", str(vault.fleet), *asked).stdout)
        verb = vault.start("move", "--plan", str(plan), *over, *on_lab)
        steps.when_it_says(verb, "step 2 of")
        refused = vault.json("move", "db", "--to", "two", *on_lab, code=7)
        assert "move" in refused["what"], refused
        assert steps.its_end(verb, within=MOVE_SECONDS)[0] == 0
        now = homes(vault)
        assert now["data_cache"] == now["data_files"] == ("one",)
        assert now["data_db"] == before["data_db"]
        assert pages(vault) == was and cached(vault, "get moved") == "yes"
        undone = move(vault, "--undo", "cache")
        assert undone["state"] == "undone" and homes(vault) == before
        assert pages(vault) == was and cached(vault, "get moved") == "yes"
    then_nothing_copies(vault)
    steps.then_no_lock_is_left(vault)


@pytest.mark.drill
@pytest.mark.parametrize("first", [0, 1])
def test_killed_at_every_step_and_resumed_or_undone(vault: Office, first: int) -> None:
    steps.up(vault)
    given_pages(vault, 200)
    was = pages(vault)
    with pinned(vault, "files", "two", "one"):
        argv = ("files", "--to", "one", "--over", "data_pages")
        on_lab = ("--fleet", str(vault.fleet), "--lab")
        shown = move(vault, *argv, "--dry-run")
        count = len(shown["steps"])
        for number in range(1, count + 1):
            verb = vault.start("move", *argv, *on_lab, "--yes")
            steps.when_it_says(verb, f"step {number} of {count}:")
            os.killpg(verb.pid, signal.SIGKILL)
            steps.its_end(verb, within=10)
            refused = vault.json("move", *argv, *on_lab, "--yes", code=7)
            assert "is not over" in refused["what"]
            if (number + first) % 2:
                assert operations(vault, "resume")["state"] == "done"
                assert homes(vault)["data_files"] == ("one",) and pages(vault) == was
                assert move(vault, "--undo", "files")["state"] == "undone"
            else:
                assert operations(vault, "undo")["state"] == "undone"
            assert homes(vault)["data_files"] == ("two",) and pages(vault) == was
            then_nothing_copies(vault)
    steps.then_no_lock_is_left(vault)


@pytest.mark.drill
@pytest.mark.parametrize(("step", "goes_on"), [("copy", "undo"), ("check", "resume")])
def test_who_slept_through_its_lock_changes_nothing_any_more(
    vault: Office, step: str, goes_on: str
) -> None:
    """As a laptop that is closed in a move, while a colleague goes on with it, or back."""
    steps.up(vault)
    given_pages(vault, SMALL_FILES)
    with pinned(vault, "files", "two", "one"):
        argv = ("files", "--to", "one", "--over", "data_pages")
        shown = move(vault, *argv, "--dry-run")
        number = [one["id"] for one in shown["steps"]].index(step) + 1
        verb = vault.start("move", *argv, "--fleet", str(vault.fleet), "--lab", "--yes")
        try:
            steps.when_it_says(verb, f"step {number} of {len(shown['steps'])}:")
            os.killpg(verb.pid, signal.SIGSTOP)
            on_lab = ("--fleet", str(vault.fleet), "--lab", "--yes")
            refused = vault.json("operations", goes_on, *on_lab, code=7)
            assert "somebody else" in refused["what"], refused
            time.sleep(STALE_SECONDS + 2)
            ended = {"undo": "undone", "resume": "done"}[goes_on]
            assert operations(vault, goes_on)["state"] == ended
            was = homes(vault)
            assert was["data_files"] == ({"undo": "two", "resume": "one"}[goes_on],)
            inside(vault, "files", "echo 'since then' > /usr/share/nginx/html/later.txt")
            now = pages(vault)
            os.killpg(verb.pid, signal.SIGCONT)
            code, said = steps.its_end(verb, within=60)
            assert code == 7, said
        finally:
            steps.ended(verb)
        assert "lost while working" in said or "has gone on with" in said
        assert homes(vault) == was and pages(vault) == now
        then_nothing_copies(vault)
        steps.then_no_lock_is_left(vault)
        kept = vault.json("operations", "list", *on_lab[:-1])["operations"]
        assert [one["state"] for one in kept][-1] == ended, kept
        if ended == "done":
            assert move(vault, "--undo", "files")["state"] == "undone"
    assert homes(vault)["data_files"] == ("two",)


@pytest.mark.drill
def test_one_that_ends_slowly_is_not_started_beside_itself_by_an_undo(vault: Office) -> None:
    """Ctrl-C while the move waits for its end: it writes on, on the same files, for seconds."""
    file = vault.fleet.parent / "data.yaml"
    text = file.read_text()
    file.write_text(text.replace("    image: nginx:1.27\n", f"    image: nginx:1.27\n{SLOW}"))
    try:
        steps.up(vault)
        inside(vault, "files", "rm -f /usr/share/nginx/html/beats")
        with pinned(vault, "files", "two", "one"):
            on_lab = ("--fleet", str(vault.fleet), "--lab", "--yes")
            verb = vault.start("move", "files", "--to", "one", "--over", "data_pages", *on_lab)
            steps.when_it_says(verb, "step 4 of")
            time.sleep(1)
            os.killpg(verb.pid, signal.SIGINT)
            code, said = steps.its_end(verb, within=30)
            assert code == steps.INTERRUPTED, said
            assert operations(vault, "undo")["state"] == "undone"
        assert homes(vault)["data_files"] == ("two",)
        time.sleep(2)
        written = inside(vault, "files", "cat /usr/share/nginx/html/beats")
    finally:
        file.write_text(text)
        steps.up(vault)
    beats = [line.split() for line in written.splitlines()]
    names = list(dict.fromkeys(name for name, _ in beats))
    assert len(names) == 2, names
    spans = [[float(at) for name, at in beats if name == each] for each in names]
    print(f"nobody wrote for {min(spans[1]) - max(spans[0]):.1f} s; ", end="")
    assert max(spans[0]) < min(spans[1])
    then_nothing_copies(vault)
    steps.then_no_lock_is_left(vault)
