"""The runbook of a fleet: what a person types who has only ssh, docker, restic and the key.

Pure. It holds no secret: it says where each one lies in the opened recovery bundle.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from quorate.backup.bundle.content import Item
from quorate.fleet.model import Fleet, SecretSource
from quorate.recover.runbook import repositories, servers, sources
from quorate.recover.runbook.words import block, login, paths_of

SHOWN = 2


def text(fleet: Fleet, items: Sequence[Item]) -> str:
    """The runbook, in Markdown.

    Args:
        items: what belongs into the fleet's recovery bundle (`bundle.content.wanted`).
    """
    paths = paths_of(items)
    parts = [
        *_head(fleet),
        *_values(fleet, items),
        *repositories.chapter(fleet, paths),
        *sources.chapter(fleet),
        *servers.lost_server(fleet),
        *servers.lost_quorum(fleet),
        *servers.all_lost(fleet, paths),
        *_after(),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _head(fleet: Fleet) -> Iterator[str]:
    yield f"# Recovery of the fleet {fleet.name}, by hand"
    yield ""
    yield "Made by `quorate runbook` from the fleet's files; make it anew when they change, and"
    yield "keep a printed copy. Where Quorate is at hand, use `quorate recover`. Here all is done"
    yield "with ssh, docker and restic (0.14 or later), in bash, in the order of the page. Words in"
    yield "capitals (TOKEN, KEY, FILE, SERVER) are yours to fill in. A restore replaces databases"
    yield "of the names in the copy; nothing else is removed, and repositories are only read."
    yield ""
    yield "| what has happened | steps |"
    yield "|---|---|"
    yield "| a database or volume is damaged or gone, its server lives | 1, 2, 3 |"
    yield "| a server is lost | 1, 2, 4, 3 |"
    yield "| more than half of the managers are lost | 5, then 4 for each |"
    yield "| all servers are lost | 1, 6, 2, 3 |"
    yield ""
    yield "| server | reached by | role |"
    yield "|---|---|---|"
    for server in fleet.servers:
        yield f"| {server.name} | `{login(server)}` | {server.role.value} |"
    yield ""


def _values(fleet: Fleet, items: Sequence[Item]) -> Iterator[str]:
    yield "## 1. Passwords and keys"
    yield ""
    yield "They lie in one directory, private to you, with room for the data that is restored:"
    yield ""
    yield from block(
        [
            'export RECOVERY="${RECOVERY:-/srv/recovery}"',
            'mkdir -m 700 -p "$RECOVERY"',
        ]
    )
    bundle = fleet.backup.bundle
    if bundle is not None:
        key = "-i KEY " if bundle.recipients else ""
        yield "Open the recovery bundle into it (`age` asks for the passphrase, or takes the key):"
        yield ""
        yield from block([f'age --decrypt {key}FILE.age | tar -x -C "$RECOVERY"'])
    else:
        yield "This fleet has no recovery bundle: put each value into the file named here yourself."
        yield ""
    yield "| value | file | where it came from |"
    yield "|---|---|---|"
    for item in items:
        if item.uses != ("fleet and compose files",):
            yield f"| {_short(item.uses)} | `{item.path}` | {_origin(item.source)} |"
    yield ""
    yield from _variables(fleet, items)


def _short(uses: Sequence[str]) -> str:
    more = f" and {len(uses) - SHOWN} more" if len(uses) > SHOWN else ""
    return ", ".join(uses[:SHOWN]) + more


def _origin(source: SecretSource) -> str:
    if source.environment is not None:
        return f"the variable `{source.environment}`"
    if source.command is not None:
        return f"`{shlex.join(source.command)}`"
    return "a file"


def _variables(fleet: Fleet, items: Sequence[Item]) -> Iterator[str]:
    if any(item.path.startswith("environment/") for item in items):
        yield "Variables that the fleet's files take:"
        yield ""
        yield from block(
            [
                'for f in "$RECOVERY"/environment/*; do',
                '  [ -f "$f" ] && export "$(basename "$f")=$(cat "$f")"',
                "done",
            ]
        )


def _after() -> Iterator[str]:
    yield "## 7. Afterwards"
    yield ""
    yield "See that people can work: log in as one of them. Remove `$RECOVERY` when all runs: it"
    yield "holds every password. With Quorate again: `quorate up`, `quorate backup run --prove`,"
    yield "`quorate backup doctor`."
