"""What pg_basebackup leaves out of a replica: slots, and the rows of unlogged tables.

Source: https://www.postgresql.org/docs/current/protocol-replication.html (BASE_BACKUP).
"""

from __future__ import annotations

from quorate.backup.wal.primary import literal
from quorate.tools import pg

DATABASES = "SELECT to_json(datname) FROM pg_database WHERE datallowconn ORDER BY datname;"
UNLOGGED = """
SELECT to_json(current_database() || '.' || oid::regclass::text) FROM pg_class
WHERE relpersistence = 'u' AND relkind IN ('r', 'S') ORDER BY oid LIMIT 1;
"""
LOGICAL = "SELECT to_json(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical' LIMIT 1;"
PHYSICAL = """
SELECT to_json(slot_name) FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary
ORDER BY slot_name;
"""
MAKE = "SELECT to_json(slot_name) FROM pg_create_physical_replication_slot({name}, true);"


def unlogged(server: pg.Server, programs: pg.Programs) -> str:
    """An unlogged table or sequence of any database, as `database.table`; empty: there is none.

    Raises:
        CommandError: the server does not answer, or a database cannot be looked into.
    """
    for database in pg.query(server, server.database, DATABASES, programs):
        for name in pg.query(server, str(database), UNLOGGED, programs):
            return str(name)
    return ""


def logical(server: pg.Server, programs: pg.Programs) -> str:
    """The name of a logical slot, which no replica of Postgres before 17 can have; empty: none."""
    return "".join(map(str, pg.query(server, server.database, LOGICAL, programs)))


def bring_slots(source: pg.Server, replica: pg.Server, programs: pg.Programs) -> None:
    """Make the source's physical slots on its replica, so that who streams by them goes on there.

    Raises:
        CommandError: one of the two does not answer, or the replica has no more room for slots.
    """
    there = set(pg.query(replica, "postgres", PHYSICAL, programs))
    for name in pg.query(source, source.database, PHYSICAL, programs):
        if name not in there:
            pg.query(replica, "postgres", MAKE.format(name=literal(str(name))), programs)
