"""What the benchmark of backups works on: data that changes, and processes with their memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.measure import FailedError
from quorate.backup import scratch
from quorate.tools import command, pg

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "bench"
SCALE_BYTES = 15.3 * 2**20
"""What pgbench's data of scale 1 takes on disk with its index: 100,000 accounts."""

REPLICATING = {"wal_level": "replica", "max_wal_senders": "10", "max_replication_slots": "10"}
"""Settings of a server whose log can be received; they are Postgres' own defaults."""

POLL_SECONDS = 0.05
SECONDS = 7200.0
"""The longest that making or changing the data may take."""
SEED = 5
LARGEST_FILE = 2**20
ALPHABET = b"abcdefghijklmnopqrstuvwxyz      \n"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A process that ended well: wall-clock seconds, bytes of memory, what it printed."""

    seconds: float
    peak: int
    said: str


def run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Ran:
    """Run a program, and add up what it and all it starts have in memory at most.

    Raises:
        FailedError: it did not end with 0.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        text=True,
    )
    with watched(process.pid) as peak:
        out, error = process.communicate()
    if process.returncode != 0:
        raise FailedError(f"{argv[0]} …: {error[-2000:]}")
    return Ran(seconds=time.perf_counter() - began, peak=peak[0], said=out)


def job(name: str, told: Mapping[str, str]) -> tuple[Ran, dict[str, float]]:
    """Run one of `benchmarks.backup_jobs`."""
    ran = run(
        [sys.executable, "-m", "benchmarks.backup_jobs", name, json.dumps(told)],
        {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    return ran, json.loads(ran.said)


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """The most that a process and all below it have in memory in the block, in a list of one."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(POLL_SECONDS):
            peak[0] = max(peak[0], tree_memory(pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and all below it, shared pages counted for each."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(entry.name)] = int(fields[1])
        resident[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    mine = {pid}
    while more := {one for one, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(resident.get(one, 0) for one in mine)


@contextmanager
def filled_server(place: Path, size: int) -> Iterator[pg.Server]:
    """A Postgres with pgbench's data of about `size` bytes."""
    newest = pg.installed()[-1]
    with scratch.postgres(newest.major, place, REPLICATING) as server:
        pg.query(server, "postgres", f"CREATE DATABASE {DATABASE}", newest)
        scale = max(1, round(size / SCALE_BYTES))
        argv = [newest.argv("pgbench"), "-i", "-q", "-s", str(scale), "-h", server.host]
        command.run([*argv, "-U", server.user, DATABASE], timeout=SECONDS)
        # pgbench's own filler is blanks: 16 MiB of it are 0.3 MiB for gzip, as no data is.
        filled = "UPDATE pgbench_accounts SET filler = md5(aid::text) || md5((aid * 7)::text);"
        for sql in (filled, "VACUUM (FULL, ANALYZE) pgbench_accounts;"):
            pg.query(server, DATABASE, sql, newest, timeout=SECONDS)
        yield server


def rows(server: pg.Server) -> int:
    """How many accounts there are."""
    sql = "SELECT count(*) FROM pgbench_accounts"
    (number,) = pg.query(server, DATABASE, sql, pg.programs_for(server), timeout=SECONDS)
    return int(number)


def add_rows(server: pg.Server, share: float) -> None:
    """As many new accounts as this share of those there are."""
    number = max(1, round(rows(server) * share))
    sql = (
        "INSERT INTO pgbench_accounts "
        "SELECT top + i, 1, i % 1000, md5(i::text) || md5((i * 3)::text) FROM "
        f"(SELECT max(aid) AS top FROM pgbench_accounts) a, generate_series(1, {number}) i"
    )
    pg.query(server, DATABASE, sql, pg.programs_for(server), timeout=SECONDS)


def change_rows(server: pg.Server, share: float) -> None:
    """Change accounts at random, this share of them."""
    sql = (
        f"SELECT setseed(0.{SEED}); UPDATE pgbench_accounts SET abalance = abalance + 1 "
        f"WHERE random() < {share}"
    )
    pg.query(server, DATABASE, sql, pg.programs_for(server), timeout=SECONDS)


def fill_volume(root: Path, size: int) -> None:
    """Files of all sizes up to 1 MiB, half of them text and half noise, `size` bytes together."""
    random, left, number = Random(SEED), size, 0
    while left > 0:
        path = root / f"{number % 16:02d}" / f"{number:06d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        length = min(left, int(LARGEST_FILE ** random.uniform(0.5, 1.0)))
        path.write_bytes(_content(random, length, number))
        left, number = left - length, number + 1


def change_volume(root: Path, share: float, week: int) -> None:
    """Write files anew until this share of all bytes is new."""
    random = Random(f"{SEED} {week}")
    files = sorted(path for path in root.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files)
    random.shuffle(files)
    changed = 0
    for path in files:
        if changed >= share * total:
            break
        length = path.stat().st_size
        path.write_bytes(_content(random, length, int(path.name)))
        changed += length


def _content(random: Random, length: int, number: int) -> bytes:
    noise = random.randbytes(length)
    if number % 2:
        return noise
    return noise.translate(bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256)))
