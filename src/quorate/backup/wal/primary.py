"""A Postgres made ready for its write-ahead log to be received, and back as it was.

All of it is SQL, as a superuser: nothing has to reach into the container. What was there before is
written down in the database itself, as the comment on the role, in the very transaction that makes
the role; whatever is killed is simply done again.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from quorate.backup.policy import primary as policy
from quorate.backup.policy.primary import Change, Seen, Step, Wanted
from quorate.backup.sources.postgres_look import identifier
from quorate.backup.wal import scram
from quorate.errors import CommandError, MachineError, RefusedError
from quorate.tools import clock, pg

RELOAD_SECONDS = 10.0
MB = 2**20
NEW_NAMES = 15
"""From this version on, backups are begun by pg_backup_start."""
MEMBERSHIPS = ("pg_read_all_settings", "pg_read_all_stats")


def look(
    server: pg.Server, wanted: Wanted, password: str, slot: str, programs: pg.Programs
) -> Seen:
    """The primary as it is.

    Args:
        server: as a superuser.
        password: the role's, as it is meant to be.
        slot: the one that is ours.

    Raises:
        CommandError: it does not answer.
    """
    (basics,) = _ask(server, BASICS.format(slot=literal(slot)), programs)
    plain = Seen(hba_path="", hba="", room_set=None, role=False, **basics)
    if not plain.superuser:
        return plain
    (more,) = _ask(server, MORE, programs)
    found = _ask(server, ROLE.format(role=literal(wanted.role)), programs)
    role = found[0] if found else None
    rights = (*MEMBERSHIPS, *functions(plain.version))
    lacking = rights
    if role is not None:
        asked = " UNION ALL ".join(_lacks(wanted.role, right) for right in rights)
        lacking = tuple(_ask(server, asked, programs))
    return replace(
        plain,
        **more,
        role=role is not None,
        replication=bool(role and role["replication"]),
        login=bool(role and role["login"]),
        password=bool(role and scram.fits(password, role["password"])),
        comment=role["comment"] if role else "",
        lacking=tuple(lacking),
    )


def apply(
    server: pg.Server, wanted: Wanted, password: str, slot: str, programs: pg.Programs
) -> tuple[Change, ...]:
    """Make the primary ready; what was changed, empty: it was ready.

    Raises:
        MachineError: something is lacking that is not ours to change (nothing was changed then),
            or it did not come to be as wanted.
        ValueError: the password has other than printable ASCII characters.
    """
    seen = look(server, wanted, password, slot, programs)
    if lacking := policy.lacks(seen):
        raise MachineError(
            "this Postgres cannot stream its write-ahead log; nothing was changed",
            cause="; ".join(lacking),
            todo="do that, then try again",
        )
    todo = policy.changes(seen, wanted)
    if todo:
        _require_sound_hba(server, programs)
        _role(server, wanted, password, seen, todo, programs)
    for change in todo:
        if change.step is Step.RIGHTS:
            grants = (f"GRANT {right} TO {identifier(wanted.role)};" for right in seen.lacking)
            _ask(server, "\n".join(grants), programs)
        elif change.step is Step.ROOM:
            _set_room(server, policy.room_setting(wanted.room), programs)
        elif change.step is Step.HBA:
            write_hba(server, seen.hba, policy.with_line(seen.hba, wanted), programs)
    if todo:
        reload(server, programs)
        _require_done(server, wanted, password, slot, programs)
    return todo


def undo(server: pg.Server, wanted: Wanted, slot: str, programs: pg.Programs) -> tuple[Change, ...]:
    """Put the primary back as it was, and drop the slot; what was changed.

    Raises:
        RefusedError: the slot is in use; nothing was changed.
        MachineError: a statement failed.
    """
    if _ask(server, ACTIVE.format(slot=literal(slot)), programs) == [True]:
        raise RefusedError(
            f"the slot {slot} is in use; nothing was changed",
            cause="its receiver runs",
            todo="remove the receiver's service first",
        )
    seen = look(server, wanted, "", slot, programs)
    todo = policy.undoing(seen, wanted)
    _ask(server, DROP_SLOT.format(slot=literal(slot)), programs)
    before = policy.recorded(seen.comment)
    for change in todo:
        if change.step is Step.HBA:
            write_hba(server, seen.hba, policy.without_line(seen.hba), programs)
        elif change.step is Step.ROOM and before is not None:
            _set_room(server, before.room_before, programs)
    reload(server, programs)
    # The role last: what there is to undo stands in its comment.
    if before is not None:
        role = identifier(wanted.role)
        gone = f"DROP OWNED BY {role}; DROP ROLE {role};"
        _ask(server, f"COMMENT ON ROLE {role} IS NULL;" if before.role_before else gone, programs)
    return todo


def functions(version: int) -> tuple[str, ...]:
    """The rights to begin and end backups and to close segments, as they are granted."""
    names = ["pg_switch_wal()", "pg_create_restore_point(text)"]
    if version >= NEW_NAMES:
        names += ["pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"]
    else:
        names += ["pg_start_backup(text, boolean, boolean)", "pg_stop_backup(boolean, boolean)"]
    return tuple(f"EXECUTE ON FUNCTION pg_catalog.{name}" for name in names)


def literal(text: str) -> str:
    """A text in SQL, whatever standard_conforming_strings says."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def _lacks(role: str, right: str) -> str:
    if right in MEMBERSHIPS:
        test = f"pg_has_role({literal(role)}, {literal(right)}, 'MEMBER')"
    else:
        function = right.removeprefix("EXECUTE ON FUNCTION ")
        test = f"has_function_privilege({literal(role)}, {literal(function)}, 'EXECUTE')"
    return f"SELECT to_json({literal(right)}::text) WHERE NOT {test}"


def _role(
    server: pg.Server,
    wanted: Wanted,
    password: str,
    seen: Seen,
    todo: tuple[Change, ...],
    programs: pg.Programs,
) -> None:
    """The role and, with it, the record of what was there."""
    role = identifier(wanted.role)
    said = literal(policy.comment(policy.record(seen, wanted)))
    verb = "ALTER" if seen.role else "CREATE"
    script = f"COMMENT ON ROLE {role} IS {said};"
    if any(change.step is Step.ROLE for change in todo):
        kept = literal(scram.verifier(password))
        script = f"{verb} ROLE {role} LOGIN REPLICATION PASSWORD {kept};\n{script}"
    _ask(server, f"BEGIN;\n{script}\nCOMMIT;", programs)


def _set_room(server: pg.Server, value: str | None, programs: pg.Programs) -> None:
    what = "RESET" if value is None else "SET"
    to = "" if value is None else f" = {literal(value)}"
    _ask(server, f"ALTER SYSTEM {what} max_slot_wal_keep_size{to};", programs)


def write_hba(server: pg.Server, was: str, text: str, programs: pg.Programs) -> None:
    """Write pg_hba.conf through a large object, whose export keeps bytes, owner and mode.

    Raises:
        MachineError: it cannot be written, or would not be read; then it is as it `was`.
    """
    (path,) = _ask(server, "SELECT to_json(current_setting('hba_file'))", programs)
    _export(server, path, base64.b64encode(text.encode()).decode(), programs)
    wrong = _ask(server, WRONG_LINES, programs)
    if wrong:
        _export(server, path, base64.b64encode(was.encode()).decode(), programs)
        raise MachineError(
            f"{path} would not be read with the new line; it is as it was", cause=wrong[0]
        )


def _export(server: pg.Server, path: str, data: str, programs: pg.Programs) -> None:
    try:
        _ask(server, EXPORT.format(data=data, path=literal(path)), programs)
    except CommandError as error:
        raise MachineError(
            f"{path} cannot be written by Postgres",
            cause=error.cause,
            todo="if it is mounted into the container, change it where it comes from: "
            "docs/how-to/point-in-time.md has the line",
        ) from error


def _require_sound_hba(server: pg.Server, programs: pg.Programs) -> None:
    if wrong := _ask(server, WRONG_LINES, programs):
        raise MachineError(
            "pg_hba.conf has a line that Postgres does not understand; nothing was changed",
            cause=wrong[0],
            todo="correct it, then try again",
        )


def reload(server: pg.Server, programs: pg.Programs) -> None:
    """Have it read its files again."""
    _ask(server, "SELECT to_json(pg_reload_conf())", programs)


def _require_done(
    server: pg.Server, wanted: Wanted, password: str, slot: str, programs: pg.Programs
) -> None:
    """Wait until the server has read its files again, and see that all is as wanted."""
    deadline = clock.monotonic() + RELOAD_SECONDS
    while True:
        seen = look(server, wanted, password, slot, programs)
        left = policy.changes(seen, wanted)
        if not left:
            return
        if clock.monotonic() > deadline:
            raise MachineError(
                "Postgres did not take the change: " + "; ".join(change.line for change in left),
                cause="its command line or another file goes before postgresql.auto.conf",
                todo="set it there, then try again",
            )
        clock.sleep(0.1)


def _ask(server: pg.Server, script: str, programs: pg.Programs) -> list[Any]:
    return pg.query(server, server.database, script, programs)


BASICS = """
SELECT json_build_object(
  'version', current_setting('server_version_num')::int / 10000,
  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  'in_recovery', pg_is_in_recovery(),
  'level', current_setting('wal_level'),
  'max_slots', current_setting('max_replication_slots')::int,
  'slots', (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> {slot}),
  'max_senders', current_setting('max_wal_senders')::int,
  'room', (SELECT CASE WHEN setting::bigint >= 0 THEN setting::bigint * 1048576 END
           FROM pg_settings WHERE name = 'max_slot_wal_keep_size'));
"""

MORE = """
SELECT json_build_object(
  'hba_path', current_setting('hba_file'),
  'hba', pg_read_file(current_setting('hba_file')),
  'room_set', (SELECT setting FROM pg_file_settings WHERE name = 'max_slot_wal_keep_size'
               AND sourcefile LIKE '%postgresql.auto.conf' ORDER BY seqno DESC LIMIT 1));
"""

ROLE = """
SELECT json_build_object('replication', rolreplication, 'login', rolcanlogin,
  'password', coalesce(rolpassword, ''),
  'comment', coalesce(shobj_description(oid, 'pg_authid'), ''))
FROM pg_authid WHERE rolname = {role};
"""

WRONG_LINES = """
SELECT to_json(format('line %s: %s', line_number, error)) FROM pg_hba_file_rules
WHERE error IS NOT NULL ORDER BY line_number LIMIT 1;
"""

EXPORT = """
DO $$
DECLARE made oid := lo_from_bytea(0, decode('{data}', 'base64'));
BEGIN
  PERFORM lo_export(made, {path});
  PERFORM lo_unlink(made);
END $$;
"""

ACTIVE = "SELECT to_json(active) FROM pg_replication_slots WHERE slot_name = {slot};"
DROP_SLOT = """
SELECT to_json(pg_drop_replication_slot(slot_name)::text) FROM pg_replication_slots
WHERE slot_name = {slot};
"""
