"""Databases that no backup reaches: how a copy is made, and put back, by hand. Pure.

They run by compose, in a network of their server alone, which no job of Quorate's can join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from quorate.backup.model import Kind
from quorate.recover.runbook.words import block, directory

DUMPED = "/tmp/quorate-dumped"
"""Where a dump lies in the container that makes it."""
ROOT = (
    'MARIADB_PWD="${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-$(cat '
    '"${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE:-/dev/null}}")}}"; '
    'export MYSQL_PWD="$MARIADB_PWD";'
)
"""Sets root's password in a MariaDB's container, from where its image takes it."""
POSTGRES = '-U "${POSTGRES_USER:-postgres}"'
SUFFIX = {Kind.REDIS: ".rdb"}


def dump_of(source: str, kind: Kind) -> PurePosixPath:
    """Where the dump of a source lies, on the machine where it is typed."""
    return PurePosixPath("dumps", f"{directory(source)}{SUFFIX.get(kind, '.sql')}")


def by_hand(
    source: str, kind: Kind, container: str, fill: Callable[[str], Iterator[str]]
) -> Iterator[str]:
    """Both, as text and blocks of commands.

    Args:
        container: what finds its container, for a shell.
        fill: the commands that make a Redis of a dump, given its path.
    """
    file = f'"$RECOVERY/{dump_of(source, kind)}"'
    yield "While it runs, as root on its server; then bring the file to another machine, each day:"
    yield ""
    yield from block(['mkdir -m 700 -p "$RECOVERY/dumps"', f"C={container}", *DUMPS[kind](file)])
    yield "To put it back, with the file brought there:"
    yield ""
    if kind is Kind.REDIS:
        yield from block(fill(file))
    else:
        yield from block([f"C={container}", *_filled(kind, file)])


def _postgres(file: str) -> Iterator[str]:
    yield f"docker exec \"$C\" sh -c 'pg_dumpall {POSTGRES}' > {file}"
    yield f"tail -n 3 {file}    # says: PostgreSQL database cluster dump complete"


def _mariadb(file: str) -> Iterator[str]:
    dump = (
        "mariadb-dump -u root --all-databases --single-transaction --routines --events --triggers"
    )
    yield f"docker exec \"$C\" sh -c '{ROOT} {dump}' > {file}"
    yield f"tail -n 1 {file}    # says: Dump completed"


def _redis(file: str) -> Iterator[str]:
    yield "# With a password, first: export REDISCLI_AUTH=… in this shell"
    yield f'docker exec -e REDISCLI_AUTH "$C" redis-cli --rdb {DUMPED}'
    yield f'docker cp "$C:{DUMPED}" {file}'
    yield f'docker exec "$C" rm {DUMPED}'


def _filled(kind: Kind, file: str) -> Iterator[str]:
    if kind is Kind.POSTGRES:
        # Roles that are there already are said to be so.
        yield f"docker exec -i \"$C\" sh -c 'psql -q {POSTGRES} -d template1' < {file}"
        return
    root = f"{ROOT} mariadb -u root"
    yield f"docker exec -i \"$C\" sh -c '{root} --max-allowed-packet=1G' < {file}"
    yield f'docker exec "$C" sh -c \'{root} -e "FLUSH PRIVILEGES"\''


DUMPS: dict[Kind, Callable[[str], Iterator[str]]] = {
    Kind.POSTGRES: _postgres,
    Kind.MARIADB: _mariadb,
    Kind.REDIS: _redis,
}
