"""Whether a role may read all that a dump of Postgres needs, asked before anything is dumped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.backup.sources import postgres_look as look
from quorate.errors import MachineError
from quorate.tools import pg


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the role that connects may: `everything`, as superusers; see rows past policies."""

    role: str
    everything: bool
    past_policies: bool


def ask(server: pg.Server, programs: pg.Programs) -> Rights:
    """The rights of the role that connects.

    Raises:
        MachineError: it may not read what a dump of the roles needs.
    """
    ((role, secrets, everything, past),) = pg.query(server, server.database, look.RIGHTS, programs)
    if not secrets:
        raise _lacks(
            role,
            "may not read the roles' passwords, without which nobody can log in after a restore",
            f"GRANT SELECT ON pg_catalog.pg_authid TO {look.identifier(role)} (in the database "
            f"{server.database})",
        )
    return Rights(role=role, everything=everything, past_policies=past)


def databases(server: pg.Server, rights: Rights, programs: pg.Programs) -> Iterator[str]:
    """The names of all databases.

    Raises:
        MachineError: the role may not connect to one of them.
    """
    for name, allowed in pg.query(server, server.database, look.DATABASES, programs):
        if not allowed:
            raise _lacks(
                rights.role,
                f"may not connect to the database {name}",
                f"GRANT CONNECT ON DATABASE {look.identifier(name)} TO "
                f"{look.identifier(rights.role)}",
            )
        yield name


def require(
    server: pg.Server,
    rights: Rights,
    database: str,
    tables: Sequence[look.Table],
    programs: pg.Programs,
) -> None:
    """Refuse a database of which something cannot be read.

    Raises:
        MachineError: it is so, with the grant that is lacking.
    """
    sequences: list[Any] = pg.query(server, database, look.SEQUENCES, programs)
    names = [table.quoted for table in tables if not table.readable]
    names += [look.part(*each[:2]) for each in sequences if not each[2]]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise _lacks(
            rights.role,
            f"may not read {', '.join(names[:3])}{more} in the database {database}",
            f"GRANT pg_read_all_data TO {look.identifier(rights.role)} (before Postgres 14: "
            "USAGE on the schemas, SELECT on their tables and sequences)",
        )
    (foreign,) = pg.query(server, database, look.FOREIGN_LARGE_OBJECTS, programs)
    if foreign and not rights.everything:
        raise MachineError(
            f"the role {rights.role} may not read {foreign} large objects in the database "
            f"{database}; nothing was dumped",
            cause="no role is granted all of them at once",
            todo="dump as a superuser",
        )
    hidden = [table.quoted for table in tables if table.secured and not rights.past_policies]
    if hidden:
        raise _lacks(
            rights.role,
            f"sees only some rows of {hidden[0]} in the database {database}: row security",
            f"ALTER ROLE {look.identifier(rights.role)} BYPASSRLS",
        )


def _lacks(role: str, what: str, grant: str) -> MachineError:
    return MachineError(
        f"the role {role} {what}; nothing was dumped",
        cause="it was made for less than a backup",
        todo=f"as a superuser: {grant}",
    )
