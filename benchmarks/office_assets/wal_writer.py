"""Commits rows to a Postgres until it is ended, and prints each when it is acknowledged.

Standard input has one line of JSON: `host`, `port`, `user`, `database`, `password`, `pause`
(seconds between two rows), `states` (seconds after which the whole state is recorded). Needs psql
and Python's standard library alone. Prints, one a line: `row ID TIME`; `state TIME JSON`, of a
moment in which nothing is written for a second, TIME in its middle; times are the server's, since
1970.
"""

import json
import os
import subprocess
import sys
import time

STILL = 1.0
TABLES = """
SET client_min_messages = warning;
DROP TABLE IF EXISTS wal_rows, wal_notes;
CREATE TABLE wal_rows (id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE wal_notes AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 1000) i;
"""
ROW = "INSERT INTO wal_rows DEFAULT VALUES RETURNING id, extract(epoch FROM clock_timestamp());"
CHANGE = """
UPDATE wal_notes SET note = md5(note) WHERE id % 7 <> 0;
DELETE FROM wal_notes WHERE id % 50 = (SELECT count(*) FROM wal_rows) % 50;
"""
STATE = """
SELECT extract(epoch FROM clock_timestamp()), json_build_object(
  'rows', (SELECT count(*) FROM wal_rows), 'last', (SELECT max(id) FROM wal_rows),
  'notes', (SELECT md5(string_agg(id || ':' || note, ',' ORDER BY id)) FROM wal_notes));
"""


class Session:
    """One psql that answers a statement with a line."""

    def __init__(self, told: dict[str, str]) -> None:
        where = " ".join(f"{key}={told[key]}" for key in ("host", "port", "user"))
        limits = "connect_timeout=10 keepalives_idle=2 tcp_user_timeout=5000"
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1",
             f"{where} dbname={told['database']} {limits}"],
            env={**os.environ, "PGPASSWORD": told["password"]},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def do(self, script: str) -> None:
        """Have it do what answers nothing."""
        assert self.psql.stdin is not None
        self.psql.stdin.write(script + "\n")

    def ask(self, statement: str) -> str:
        """A line of an answer; empty when it has ended."""
        self.do(statement)
        assert self.psql.stdout is not None
        return self.psql.stdout.readline().strip()


def main() -> None:
    """Write until there is no answer."""
    told = json.loads(sys.stdin.readline())
    session = Session(told)
    session.do(TABLES)
    began, states = time.monotonic(), list(told["states"])
    while line := session.ask(ROW):
        print(f"row {line}", flush=True)
        if states and time.monotonic() - began >= states[0]:
            states.pop(0)
            moment, _, state = session.ask(" ".join(STATE.split())).partition(" ")
            print(f"state {float(moment) + STILL / 2} {state}", flush=True)
            time.sleep(STILL)
            session.do(CHANGE)
        time.sleep(told["pause"])


if __name__ == "__main__":
    main()
