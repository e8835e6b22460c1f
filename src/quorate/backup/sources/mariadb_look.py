"""The SQL by which a MariaDB server says what is in it. Pure.

Every value is taken as the text that a dump has of it (texts and bytes in
hexadecimal, byte for byte), a row is hashed with MD5, and the hashes are added
up in two halves: the sum depends on no order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

SETTINGS = (
    "SET SESSION time_zone = '+00:00', sql_mode = '', group_concat_max_len = 4294967295, "
    "max_statement_time = 0, lock_wait_timeout = 60, wait_timeout = 604800; "
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
)
SYSTEM = "('mysql', 'information_schema', 'performance_schema', 'sys')"
AS_BYTES = re.compile(
    r"char|text|blob|binary|enum|set|json|bit|geometry|point|linestring|polygon|uuid|inet|collection"
)
"""Types whose values are compared byte for byte; others have one text for each value."""

ONCE = "SET STATEMENT optimizer_switch = 'derived_merge=off' FOR "

HOLD_COMMITS = "BACKUP STAGE START; BACKUP STAGE BLOCK_COMMIT;"
RELEASE = "BACKUP STAGE END;"
BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT;"

EVERYBODY = "SELECT JSON_ARRAY(user, host) FROM mysql.global_priv;"
OWN_ACCOUNTS = "('mariadb.sys@localhost', 'PUBLIC@', 'mysql@localhost')"
"""Every server makes these for itself."""

NO_KEYS = "SET SESSION foreign_key_checks = 0;"
"""A key of another database's table keeps none from being dropped."""

DATABASES = f"""
SELECT JSON_QUOTE(schema_name) FROM information_schema.schemata
WHERE schema_name NOT IN {SYSTEM} ORDER BY BINARY schema_name;
"""

TABLES = f"""
SELECT JSON_ARRAY(t.table_schema, t.table_name, t.table_type, COALESCE(t.engine, ''),
  COALESCE(t.data_length, 0))
FROM information_schema.tables t WHERE t.table_schema NOT IN {SYSTEM}
  AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')
ORDER BY BINARY t.table_schema, BINARY t.table_name;
"""

COLUMNS = f"""
SELECT JSON_ARRAY(table_schema, table_name, column_name, data_type)
FROM information_schema.columns WHERE table_schema NOT IN {SYSTEM}
  AND COALESCE(generation_expression, '') NOT IN ('ROW START', 'ROW END')
ORDER BY BINARY table_schema, BINARY table_name, BINARY column_name;
"""
"""Without those that say since when a row is as it is: whoever restores it sets them anew."""

KEYS = f"""
SELECT JSON_ARRAY(table_schema, table_name, column_name)
FROM information_schema.statistics
WHERE index_name = 'PRIMARY' AND table_schema NOT IN {SYSTEM}
ORDER BY BINARY table_schema, BINARY table_name, seq_in_index;
"""
WHOLE_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
NARROW_KEYS = 2**18
"""So many hashes are kept in the server's memory for a moment: 10 MiB of the 16 that it has."""

NAMES = f"""
SELECT JSON_ARRAY(kind, place, COUNT(*), MD5(GROUP_CONCAT(name ORDER BY BINARY name)))
FROM (
  SELECT 'settings' AS kind, schema_name AS place,
    CONCAT_WS(' ', default_character_set_name, default_collation_name) AS name
  FROM information_schema.schemata WHERE schema_name NOT IN {SYSTEM}
  UNION ALL SELECT 'tables', table_schema, HEX(CONCAT_WS(' ', table_name, table_type, engine))
  FROM information_schema.tables WHERE table_type <> 'VIEW' AND table_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'views', table_schema, HEX(CONCAT_WS(' ', table_name, definer))
  FROM information_schema.views WHERE table_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'routines', routine_schema, HEX(CONCAT_WS(' ', routine_type, routine_name,
    definer, MD5(routine_definition)))
  FROM information_schema.routines WHERE routine_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'events', event_schema, HEX(CONCAT_WS(' ', event_name, status, definer))
  FROM information_schema.events WHERE event_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'triggers', trigger_schema, HEX(CONCAT_WS(' ', trigger_name,
    event_object_table, MD5(action_statement)))
  FROM information_schema.triggers WHERE trigger_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'indexes', table_schema, HEX(CONCAT_WS(' ', table_name, index_name,
    seq_in_index, column_name))
  FROM information_schema.statistics WHERE table_schema NOT IN {SYSTEM}
  UNION ALL SELECT 'constraints', table_schema, HEX(CONCAT_WS(' ', table_name, constraint_name,
    constraint_type))
  FROM information_schema.table_constraints WHERE table_schema NOT IN {SYSTEM}
) AS named GROUP BY kind, place ORDER BY place, kind;
"""

ACCOUNTS = f"""
SELECT JSON_ARRAY(user, host, JSON_VALUE(priv, '$.is_role') IS NOT NULL,
  MD5(CONCAT_WS('|', COALESCE(JSON_VALUE(priv, '$.plugin'), ''),
    COALESCE(JSON_VALUE(priv, '$.authentication_string'), ''),
    COALESCE(JSON_VALUE(priv, '$.ssl_type'), 0),
    COALESCE(JSON_VALUE(priv, '$.account_locked'), 0))))
FROM mysql.global_priv WHERE CONCAT(user, '@', host) NOT IN {OWN_ACCOUNTS}
ORDER BY BINARY user, BINARY host;
"""


_NAME = r"`(?:[^`]|``)+`(?!`)"
SINGLE = re.compile(
    rf"GRANT (?P<rights>(?:[A-Z ,()]|{_NAME})+) ON "
    rf"(?:(?P<kind>PROCEDURE|FUNCTION|PACKAGE|PACKAGE BODY) )?"
    rf"(?P<place>{_NAME})\.(?P<name>{_NAME}) TO "
)
"""Grants on one thing in a database."""
CREATES = re.compile(r"(?:^|, )(?:CREATE|ALL PRIVILEGES)(?:,|$)")
"""Rights that are granted on what is not there, too."""

THINGS = """
SELECT JSON_ARRAY('', table_schema, table_name) FROM information_schema.tables
UNION ALL SELECT JSON_ARRAY(routine_type, routine_schema, LOWER(routine_name))
FROM information_schema.routines;
"""
"""What may be granted on by itself; routines in small letters, as their grants have them."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with rows of its own. `columns`: names and types, in the order of the names.

    `primary`: the columns that its rows lie sorted by.
    """

    database: str
    name: str
    type: str
    engine: str
    size: int
    columns: tuple[tuple[str, str], ...]
    primary: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The column of whole numbers by which ranges of it are read; empty: there is none."""
        first = self.primary[:1] if self.engine == "InnoDB" else ()
        return next(
            (one for one, kind in self.columns if (one,) == first and kind in WHOLE_NUMBERS), ""
        )

    @property
    def quoted(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.name)}"


def identifier(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def part(*names: str) -> str:
    """What a part is called in a manifest: names with dots between, odd ones quoted."""
    plain = re.compile(r"[A-Za-z0-9_$-]+")
    return ".".join(name if plain.fullmatch(name) else identifier(name) for name in names)


@dataclass(frozen=True, kw_only=True)
class Range:
    """The rows of a table whose key is at least `low` and less than `high`; None: no bound."""

    number: int
    size: int
    low: int | None = None
    high: int | None = None

    @property
    def narrow(self) -> bool:
        """Whether it has few keys, and so few rows where each has another key."""
        if self.low is None or self.high is None:
            return False
        return self.high - self.low <= NARROW_KEYS


def ends(number: int, table: Table) -> str:
    """The statement that prints `[number, least, greatest]` of a table's key."""
    key = identifier(table.key)
    return f"SELECT JSON_ARRAY({number}, MIN({key}), MAX({key})) FROM {table.quoted};"


def ranges(number: int, size: int, least: int, greatest: int, count: int) -> list[Range]:
    """A table in about `count` ranges, each of as many keys.

    Every row is in exactly one of them, one that is outside of `least` and `greatest`, too.
    """
    keys = greatest - least + 1
    count = max(1, min(count, keys))
    cuts = [least + keys * n // count for n in range(count + 1)]
    bounds = [None, *cuts, None]
    return [
        Range(number=number, size=0 if None in (a, b) else size // count, low=a, high=b)
        for a, b in pairwise(bounds)
    ]


def count(number: int, table: Table, rows: Range | None = None) -> str:
    """The statement that counts and hashes a table, and prints `[number, count, sum, sum]`.

    Args:
        rows: only these of it.
    """
    values = []
    for name, kind in table.columns:
        value = identifier(name)
        text = f"HEX({value})" if AS_BYTES.search(kind) else f"CAST({value} AS CHAR)"
        values.append(f"COALESCE({text}, 'NULL')")
    row = f"MD5(CONCAT_WS(',', {', '.join(values)}))"
    halves = [
        f"COALESCE(SUM(CAST(CONV(SUBSTR(h, {first}, 16), 16, 10) AS UNSIGNED)), 0)"
        for first in (1, 17)
    ]
    # Otherwise the server puts what is hashed in the place of `h`, and hashes every row twice.
    once = rows is not None and rows.narrow and len(table.primary) == 1
    return (
        f"{ONCE if once else ''}"
        f"SELECT CONCAT('[{number},', COUNT(*), ',', {halves[0]}, ',', {halves[1]}, ']') "
        f"FROM (SELECT {row} AS h FROM {table.quoted}{_where(table, rows)}) AS hashed;"
    )


def _where(table: Table, rows: Range | None) -> str:
    if rows is None:
        return ""
    key = identifier(table.key)
    bounds = [] if rows.low is None else [f"{key} >= {rows.low}"]
    bounds += [] if rows.high is None else [f"{key} < {rows.high}"]
    # Forced: by another index every row would be looked up.
    return f" FORCE INDEX (PRIMARY) WHERE {' AND '.join(bounds)}" if bounds else ""


def sequence(number: int, table: Table) -> str:
    """The statement that prints `[number, next value]` of a sequence."""
    return f"SELECT CONCAT('[{number},', next_not_cached_value, ']') FROM {table.quoted};"


def grants(user: str, host: str, *, role: bool) -> str:
    """The statement that prints an account's grants, a line each."""
    return f"SHOW GRANTS FOR {account(user, host, role=role)};"


def account(user: str, host: str, *, role: bool = False) -> str:
    """An account as SQL takes it."""
    name = "'" + user.replace("\\", "\\\\").replace("'", "''") + "'"
    return name if role else name + "@'" + host.replace("\\", "\\\\").replace("'", "''") + "'"


def without_accounts(script: str, there: Iterable[tuple[str, str]]) -> str:
    """A script of accounts without what makes or changes those that are there. Pure.

    Of a role (its host is empty) only what makes it: what it may is granted once more. A role that
    several may give is made once; mariadb-dump makes it for each of them.
    mariadb-dump writes a statement a line, with names in backticks or in quotes.
    """
    there = list(there)
    roles = tuple(f"CREATE ROLE {_quoted(user)}" for user, host in there if not host)
    names = [
        form
        for user, host in there
        if host
        for form in (f"{identifier(user)}@{identifier(host)}", _escaped(user, host))
    ]
    starts = tuple(f"CREATE USER {name}" for name in names)
    ends = tuple(f"{word} {name}" for name in names for word in (" TO", " FOR", "ALTER USER"))
    return "".join(
        line
        for line in _once(script.splitlines(keepends=True))
        if not line.startswith(starts) and not any(_said(line, each) for each in (*ends, *roles))
    )


def _once(lines: Iterable[str]) -> Iterator[str]:
    made: set[str] = set()
    for line in lines:
        if "CREATE ROLE " in line:
            if line in made:
                continue
            made.add(line)
        yield line


def parted(script: str) -> tuple[str, str]:
    """A script of accounts, and its grants on single tables, columns and routines. Pure.

    These need what they are on; that needs the accounts, as their owners.
    """
    parts: tuple[list[str], list[str]] = ([], [])
    for line in script.splitlines(keepends=True):
        parts[SINGLE.match(line) is not None].append(line)
    accounts, single = parts
    return "".join(accounts), "".join(single)


def lasting(grants: Iterable[str], there: Collection[tuple[str, str, str]]) -> list[str]:
    """Grants without those on what was dropped, which a server keeps but takes from nobody. Pure.

    Args:
        there: what `THINGS` lists.
    """
    return [line for line in grants if not _is_stale(line, there)]


def _is_stale(line: str, there: Collection[tuple[str, str, str]]) -> bool:
    if (found := SINGLE.match(line)) is None or CREATES.search(found["rights"]):
        return False
    place, name = (found[each][1:-1].replace("``", "`") for each in ("place", "name"))
    kind = found["kind"] or ""
    return (kind, place, name.lower() if kind else name) not in there


def _escaped(user: str, host: str) -> str:
    return f"{_quoted(user)}@{_quoted(host)}"


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _said(line: str, words: str) -> bool:
    """Whether a statement has these words, and nothing that makes the name a longer one."""
    _, found, after = line.partition(words)
    return bool(found) and after[:1] in (" ", ";", "\n", "")


def digest(first: int, second: int) -> str:
    """Two sums of halves of hashes, as 32 hexadecimal digits."""
    return format(first % 2**64, "016x") + format(second % 2**64, "016x")


def findings(tables: Sequence[Table]) -> tuple[str, ...]:
    """What one transaction does not keep together, in words."""
    found = []
    for table in tables:
        name = part(table.database, table.name)
        if table.type != "SEQUENCE" and table.engine != "InnoDB":
            found.append(
                f"table {name} is of the engine {table.engine or 'none'}, which knows no "
                "transactions: its copy may be of another moment than the rest "
                f"(ALTER TABLE {table.quoted} ENGINE=InnoDB)"
            )
        if table.type == "SYSTEM VERSIONED":
            found.append(f"table {name}: former versions of its rows are not dumped")
    return tuple(found)


def hashed(texts: Iterable[str]) -> str:
    """One digest of several texts, 32 hexadecimal digits."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:32]
