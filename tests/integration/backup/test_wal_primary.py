"""A real Postgres made ready for its log to be received, and put back as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import NOWHERE, Reach
from quorate.backup.model import Kind
from quorate.backup.policy import primary as policy
from quorate.backup.policy.primary import Step, Wanted
from quorate.backup.policy.wal import ROLE
from quorate.backup.wal import primary as acting
from quorate.errors import CommandError, MachineError, RefusedError
from quorate.tools import pg
from tests import real_databases
from tests.integration.backup import wal_ground, working
from tests.integration.backup.wal_ground import HBA, PASSWORD, SLOT, Primary

WANTED = Wanted(role=ROLE, room=2**30)
SLOTS = "SELECT to_json(slot_name) FROM pg_replication_slots"
MAKE_SLOT = f"SELECT to_json(slot_name) FROM pg_create_physical_replication_slot('{SLOT}')"
ROOM = "SELECT to_json(current_setting('max_slot_wal_keep_size'))"
LOGS = "SELECT to_json(current_setting('log_statement'))"
LOGGED = "ALTER SYSTEM SET log_statement = 'all'; SELECT to_json(pg_reload_conf())"


@pytest.fixture(scope="module")
def primary() -> Iterator[Primary]:
    real_databases.need("postgresql")
    with real_databases.place() as place, wal_ground.running(place) as made:
        yield made


@pytest.fixture(autouse=True)
def undone(primary: Primary) -> Iterator[None]:
    yield
    acting.undo(primary.admin, WANTED, SLOT, primary.programs)
    (primary.where.data / "pg_hba.conf").write_text(HBA)


def apply(made: Primary, wanted: Wanted = WANTED) -> list[Step]:
    done = acting.apply(made.admin, wanted, PASSWORD, SLOT, made.programs)
    return [change.step for change in done]


def hba(made: Primary) -> str:
    return (made.where.data / "pg_hba.conf").read_text()


def test_it_is_made_ready_once_and_put_back_as_it_was(primary: Primary) -> None:
    auto = primary.where.data / "postgresql.auto.conf"
    before = auto.read_text()
    assert apply(primary) == [Step.ROLE, Step.RIGHTS, Step.ROOM, Step.HBA]
    assert apply(primary) == []
    assert primary.ask(ROOM) == ["1GB"]
    identify = [primary.programs.argv("psql"), *pg.QUIET, "-c", "IDENTIFY_SYSTEM"]
    identify += ["-d", pg.conninfo(primary.remote, "postgres") + " replication=true"]
    with pg.environment(primary.remote) as env:
        done = subprocess.run(identify, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    primary.ask(MAKE_SLOT)
    acting.undo(primary.admin, WANTED, SLOT, primary.programs)
    assert (hba(primary), auto.read_text(), primary.ask(SLOTS)) == (HBA, before, [])
    assert primary.ask(f"SELECT to_json(rolname) FROM pg_roles WHERE rolname = '{ROLE}'") == []


def test_a_role_that_was_there_stays(primary: Primary) -> None:
    primary.ask(f"CREATE ROLE {ROLE}")
    apply(primary)
    acting.undo(primary.admin, WANTED, SLOT, primary.programs)
    assert primary.ask(f"SELECT to_json(rolname) FROM pg_roles WHERE rolname = '{ROLE}'") == [ROLE]
    primary.ask(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


def test_a_bound_that_is_smaller_already_is_left_alone(primary: Primary) -> None:
    primary.ask("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
    primary.ask("SELECT to_json(pg_reload_conf())")
    real_databases.until(lambda: primary.ask(ROOM) == ["64MB"])
    assert Step.ROOM not in apply(primary)
    acting.undo(primary.admin, WANTED, SLOT, primary.programs)
    assert primary.ask(ROOM) == ["64MB"]
    primary.ask("ALTER SYSTEM RESET max_slot_wal_keep_size")
    primary.ask("SELECT to_json(pg_reload_conf())")
    real_databases.until(lambda: primary.ask(ROOM) == ["-1"])


def test_what_others_have_changed_since_stays(primary: Primary) -> None:
    apply(primary)
    with (primary.where.data / "pg_hba.conf").open("a") as file:
        file.write("# somebody's own\n")
    acting.undo(primary.admin, WANTED, SLOT, primary.programs)
    assert hba(primary) == HBA + "# somebody's own\n"


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL while a primary is made ready for its log to be received",
    seen="it is done again, and can be undone",
)
def test_a_killed_change_is_done_again(primary: Primary) -> None:
    """Whatever step was the last, the next run does what is left, and undo finds the beginning."""
    apply(primary)
    (primary.where.data / "pg_hba.conf").write_text(HBA)
    primary.ask("ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT to_json(pg_reload_conf())")
    real_databases.until(lambda: primary.ask(ROOM) == ["-1"])
    assert apply(primary) == [Step.ROOM, Step.HBA]


def test_a_line_that_postgres_does_not_understand_is_said_before(primary: Primary) -> None:
    (primary.where.data / "pg_hba.conf").write_text(HBA + "host nonsense\n")
    with pytest.raises(MachineError, match="nothing was changed"):
        apply(primary)
    assert primary.ask(f"SELECT to_json(rolname) FROM pg_roles WHERE rolname = '{ROLE}'") == []


def test_a_file_that_postgres_may_not_write_is_said(primary: Primary) -> None:
    path = primary.where.data / "pg_hba.conf"
    was = path.stat()
    path.unlink()
    path.mkdir()
    try:
        with pytest.raises((MachineError, CommandError)):
            apply(primary)
    finally:
        path.rmdir()
        path.write_text(HBA)
        os.chown(path, was.st_uid, was.st_gid)
        path.chmod(was.st_mode)


def test_a_slot_in_use_is_not_taken_away(primary: Primary) -> None:
    apply(primary)
    primary.ask(MAKE_SLOT)
    argv = [primary.programs.argv("pg_receivewal"), "-D", str(primary.where.directory), "-S", SLOT]
    argv += ["-d", pg.conninfo(primary.remote, "postgres")]
    active = f"SELECT to_json(active) FROM pg_replication_slots WHERE slot_name = '{SLOT}'"
    with pg.environment(primary.remote) as env, subprocess.Popen(argv, env=env) as receiving:
        try:
            real_databases.until(lambda: primary.ask(active) == [True])
            with pytest.raises(RefusedError, match="is in use; nothing was changed"):
                acting.undo(primary.admin, WANTED, SLOT, primary.programs)
        finally:
            receiving.kill()
    real_databases.until(lambda: primary.ask(active) == [False])


def test_no_password_is_in_the_servers_log(primary: Primary) -> None:
    primary.ask(LOGGED)
    real_databases.until(lambda: primary.ask(LOGS) == ["all"])
    apply(primary)
    log = (primary.where.directory / "log").read_text()
    primary.ask("ALTER SYSTEM RESET log_statement; SELECT to_json(pg_reload_conf())")
    assert "CREATE ROLE" in log and PASSWORD not in log


def test_a_role_that_is_no_superuser_is_told_so(primary: Primary) -> None:
    apply(primary)
    seen = acting.look(primary.remote, WANTED, PASSWORD, SLOT, primary.programs)
    (said,) = policy.lacks(seen)
    assert "no superuser" in said


def given_a_job(
    primary: Primary, place: Path, **reached: str
) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """What a job that prepares a Postgres is told, and its empty spool."""
    (place / "role").write_text(f"{PASSWORD}\n")
    (place / "admin").write_text("unused\n")
    admin = str(place / "admin")
    host, port = primary.admin.host, primary.port
    reach = Reach(host=host, port=port, user="postgres", password_file=admin, **reached)
    about = {"slot": SLOT, "role": ROLE, "room": 2**30, "password_file": str(place / "role")}
    spool = place / "spool"
    spool.mkdir()
    return about, {"source": "db", "kind": Kind.POSTGRES, "reach": reach}, spool


def test_the_job_that_does_it_tells_what_it_has_changed(primary: Primary, tmp_path: Path) -> None:
    about, told, spool = given_a_job(primary, tmp_path)
    first = working.done(working.job("prepare", NOWHERE, primary=about, **told), spool)
    assert [line[0] for line in first.answer.findings] == ["+", "+", "~", "+"]
    assert PASSWORD not in first.stdout + first.log
    again = working.done(working.job("prepare", NOWHERE, primary=about, **told), spool)
    assert again.answer.findings == ()
    undo = working.job("prepare", NOWHERE, primary={**about, "undo": True}, **told)
    assert len(working.done(undo, spool).answer.findings) == 3
    assert hba(primary) == HBA and working.empty(spool)
    (tmp_path / "role").unlink()
    failed = working.run(working.job("prepare", NOWHERE, primary=about, **told), spool)
    assert "the password of quorate_wal cannot be read" in failed.why


def test_rights_are_given_where_the_receiver_connects(primary: Primary, tmp_path: Path) -> None:
    """They belong to one database; the service's own may be another (POSTGRES_DB)."""
    primary.ask("CREATE DATABASE own")
    about, told, spool = given_a_job(primary, tmp_path, database="own")
    working.done(working.job("prepare", NOWHERE, primary=about, **told), spool)
    may = f"has_function_privilege('{ROLE}', 'pg_create_restore_point(text)', 'EXECUTE')"
    assert primary.ask(f"SELECT to_json({may})") == [True]
    undo = working.job("prepare", NOWHERE, primary={**about, "undo": True}, **told)
    working.done(undo, spool)
    primary.ask("DROP DATABASE own")
