"""The SQL by which a Postgres database says what is in it. Pure.

Rows are hashed by hashtextextended, whose values pg_upgrade relies on between
versions, and added up: the sum depends on no order, and two rows that are alike
do not cancel each other out as with exclusive or. A row's columns are taken by
name, since a restore may order inherited ones differently. Partitions are
tables; what only refers to others (partitioned tables, views, materialized
views, which a restore computes anew) is compared by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SETTINGS = """
SET statement_timeout = 0;
SET lock_timeout = '60s';
SET idle_in_transaction_session_timeout = 0;
SET search_path = '';
SET row_security = off;
SET jit = off;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET xmlbinary = 'base64';
SET lc_monetary = 'C';
"""
"""All that the text of a value depends on is the same at every look."""

USER_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
MEMBER = (
    "EXISTS (SELECT FROM pg_depend d WHERE d.classid = {catalog}::regclass"
    " AND d.objid = {oid} AND d.deptype = 'e')"
)
CONFIGURED = (
    "(SELECT e.extcondition[i] FROM pg_extension e, generate_subscripts(e.extconfig, 1) i"
    " WHERE e.extconfig[i] = c.oid)"
)
"""The condition on rows of an extension's table that a dump has; null for other tables."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with rows of its own. `columns` are quoted, and in the order of their names."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    size: int
    condition: str = ""
    readable: bool = True
    secured: bool = False

    @property
    def quoted(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.name)}"


def identifier(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def literal(text: str) -> str:
    """A text as SQL takes it, where backslashes are nothing special."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def part(*names: str) -> str:
    """What a part is called in a manifest: names with dots between, odd ones quoted."""
    plain = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*")
    return ".".join(name if plain.fullmatch(name) else identifier(name) for name in names)


DATABASES = """
SELECT json_build_array(datname, has_database_privilege(oid, 'CONNECT')) FROM pg_database
WHERE datallowconn AND datname NOT IN ('template0', 'template1') ORDER BY datname COLLATE "C";
"""

CLOSED = """
SELECT to_json(datname) FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'
ORDER BY datname COLLATE "C";
"""
"""Nobody can connect to them, a dump neither."""

RIGHTS = """
SELECT json_build_array(current_user, has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  rolsuper, rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user;
"""

TABLES = f"""
SELECT json_build_array(c.oid::bigint, n.nspname, c.relname,
  (SELECT coalesce(json_agg(quote_ident(a.attname) ORDER BY a.attname COLLATE "C"), '[]')
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  pg_table_size(c.oid), {CONFIGURED},
  has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'),
  c.relrowsecurity AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE')))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {USER_SCHEMA}
  AND (NOT {MEMBER.format(catalog="'pg_class'", oid="c.oid")} OR {CONFIGURED} IS NOT NULL)
ORDER BY c.oid;
"""

SEQUENCES = f"""
SELECT json_build_array(n.nspname, c.relname,
  has_sequence_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {USER_SCHEMA}
  AND (NOT {MEMBER.format(catalog="'pg_class'", oid="c.oid")} OR {CONFIGURED} IS NOT NULL);
"""

_OWN = MEMBER.format(catalog="'pg_class'", oid="c.oid")
_RELATIONS = f"pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND {USER_SCHEMA}"

NAMES = f"""
SELECT json_build_array(kind, count(*),
  hashtextextended(string_agg(name, E'\\n' ORDER BY name COLLATE "C") COLLATE "C", 0)::text)
FROM (
  SELECT CASE c.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'tables' WHEN 'v' THEN 'views'
    WHEN 'm' THEN 'materialized views' WHEN 'f' THEN 'foreign tables' ELSE 'indexes' END AS kind,
    format('%s %s %s', c.oid::regclass, pg_get_userbyid(c.relowner), c.relispopulated) AS name
  FROM {_RELATIONS}
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I') AND c.relpersistence <> 't'
    AND NOT {_OWN} AND NOT EXISTS
      (SELECT FROM pg_index x WHERE x.indexrelid = c.oid AND NOT x.indisvalid)
  UNION ALL
  SELECT 'constraints', format('%s %I %s %s', k.conrelid::regclass, k.conname, k.contype,
    k.convalidated)
  FROM pg_constraint k JOIN {_RELATIONS} ON c.oid = k.conrelid
  WHERE k.contype <> 'n' AND NOT {_OWN}
  UNION ALL
  SELECT 'triggers', format('%s %I %s', c.oid::regclass, t.tgname, t.tgenabled)
  FROM pg_trigger t JOIN {_RELATIONS} ON c.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND NOT {_OWN}
  UNION ALL
  SELECT 'policies', format('%s %I', c.oid::regclass, p.polname)
  FROM pg_policy p JOIN {_RELATIONS} ON c.oid = p.polrelid WHERE NOT {_OWN}
  UNION ALL
  SELECT 'functions', format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND {USER_SCHEMA}
  WHERE NOT {MEMBER.format(catalog="'pg_proc'", oid="p.oid")}
  UNION ALL
  SELECT 'extensions', extname::text FROM pg_extension
  UNION ALL
  SELECT 'schemas', nspname::text FROM pg_namespace n WHERE {USER_SCHEMA}
) AS named GROUP BY kind ORDER BY kind;
"""

ROLES = """
SELECT json_build_array(r.rolname, hashtextextended(concat_ws('|', r.rolsuper, r.rolinherit,
  r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
  r.rolconnlimit, r.rolvaliduntil, r.rolpassword,
  (SELECT string_agg(format('%I %s', g.rolname, m.admin_option), ',' ORDER BY g.rolname COLLATE "C")
   FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = r.oid),
  (SELECT string_agg(concat_ws(' ', d.datname, s.setconfig), ',' ORDER BY d.datname COLLATE "C")
   FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
   WHERE s.setrole = r.oid)) COLLATE "C", 0)::text)
FROM pg_authid r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname;
"""

FOREIGN_LARGE_OBJECTS = """
SELECT count(*) FROM pg_largeobject_metadata
WHERE NOT pg_has_role(lomowner, 'USAGE') OR NOT has_table_privilege('pg_largeobject', 'SELECT');
"""
HAS_LARGE_OBJECTS = "SELECT count(*) FROM pg_largeobject_metadata;"

# A page that was never written and one of zeros read alike, and are restored alike.
LARGE_OBJECTS = """
WITH block AS (SELECT current_setting('block_size')::int / 4 AS size),
page AS (
  SELECT loid, pageno, data || decode(repeat('00', size - length(data)), 'hex') AS whole,
    pageno::bigint * size + length(data) AS upto
  FROM pg_largeobject, block),
filled AS (
  SELECT loid, max(upto) AS size, sum(CASE WHEN trim('\\x00'::bytea FROM whole) = ''::bytea THEN 0
    ELSE hashtextextended(concat(pageno, ' ', encode(whole, 'hex')) COLLATE "C", 0) END) AS sum
  FROM page GROUP BY loid)
SELECT json_build_array(count(*), coalesce(sum(hashtextextended(
  concat(m.oid, ' ', coalesce(f.size, 0), ' ', coalesce(f.sum, 0)) COLLATE "C", 0)), 0)::text,
  coalesce(sum(f.size), 0)::bigint)
FROM pg_largeobject_metadata m LEFT JOIN filled f ON f.loid = m.oid;
"""


def begin(snapshot: str | None) -> str:
    """How a transaction begins that sees exactly what a snapshot does (or what is there now)."""
    lines = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"]
    if snapshot is not None:
        lines.append(f"SET TRANSACTION SNAPSHOT {literal(snapshot)};")
    return "\n".join([*lines, SETTINGS])


def lock(tables: Iterable[Table]) -> str:
    """Keep tables from being emptied or rewritten, which snapshots do not hide."""
    names = ", ".join(f"ONLY {table.quoted}" for table in tables)
    return f"LOCK TABLE {names} IN ACCESS SHARE MODE;" if names else ""


def count(number: int, table: Table) -> str:
    """The statement that counts and hashes a table, and prints `[number, count, sum]`."""
    row = f"ROW({', '.join(table.columns)})::text"
    # An empty table has no sum.
    total = f'coalesce(sum(hashtextextended({row} COLLATE "C", 0)), 0)::text'
    return (
        f"SELECT json_build_array({number}, count(*), {total}) "
        f"FROM ONLY {table.quoted} {table.condition};"
    )


def sequence(number: int, schema: str, name: str) -> str:
    """The statement that prints `[number, last value, called]` of a sequence."""
    return (
        f"SELECT json_build_array({number}, last_value::text, is_called) "
        f"FROM {identifier(schema)}.{identifier(name)};"
    )


def digest(total: str) -> str:
    """A sum of hashes, as 16 hexadecimal digits."""
    return format(int(total) % 2**64, "016x")


def shares(sizes: Sequence[int], jobs: int) -> list[list[int]]:
    """The numbers of the sizes, dealt to `jobs` workers so that each has about as much to read."""
    hands: list[list[int]] = [[] for _ in range(max(1, jobs))]
    loads = [0] * len(hands)
    for number in sorted(range(len(sizes)), key=lambda n: (-sizes[n], n)):
        least = loads.index(min(loads))
        hands[least].append(number)
        loads[least] += sizes[number] + 1
    return [hand for hand in hands if hand]
