"""The recovered fleet file, made to stand alone: values from where the bundle has them. Pure.

A command of a password manager, and a file elsewhere on a machine that may be lost too, give way
to the file that came out of the bundle. Everything else stays as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap

from quorate.backup.bundle.archive import Record
from quorate.backup.bundle.content import ELSEWHERE, ENVIRONMENT, VALUES
from quorate.errors import UsageError
from quorate.fleet.imports.edit import changed

PLACES = ("sftp", "s3", "rest")


def moved(record: Record) -> dict[str, str]:
    """Use → path in the bundle, of values that do not lie where the fleet file looks for them."""
    return {
        use: path
        for path, listed in record.files.items()
        if path.startswith((f"{VALUES}/", f"{ELSEWHERE}/"))
        for use in listed.uses
    }


def variables(record: Record) -> dict[str, str]:
    """Environment variable → path in the bundle."""
    start = f"{ENVIRONMENT}/"
    return {path.removeprefix(start): path for path in record.files if path.startswith(start)}


def rewritten(text: str, files: Mapping[str, str], addresses: Mapping[str, str]) -> str:
    """The fleet file with these values from files, and these addresses of servers.

    Args:
        files: use, in the bundle's words → path of a file, as the fleet file is to name it.
        addresses: by server.

    Raises:
        UsageError: an address of a server that the fleet does not have.
    """

    def change(document: CommentedMap) -> None:
        servers = document.get("servers") or {}
        for name, address in addresses.items():
            if name not in servers:
                raise UsageError(
                    f"the fleet has no server {name}", cause=f"it has {', '.join(servers)}"
                )
            servers[name]["address"] = address
        for use, holder, key in _sources(document):
            if use in files:
                source = CommentedMap({"file": files[use]})
                source.fa.set_flow_style()
                holder[key] = source

    return changed(text, change) if files or addresses else text


def _sources(document: CommentedMap) -> Iterator[tuple[str, Any, str]]:
    """Each value's use, and where in the fleet file its source is written."""
    for name in document.get("secrets") or {}:
        yield f"secret {name}", document["secrets"], name
    for host, entry in (document.get("registries") or {}).items():
        yield f"password of {entry.get('user')} at {host}", entry, "password"
    backup = document.get("backup") or {}
    for name, entry in (backup.get("repositories") or {}).items():
        yield f"password of repository {name}", entry, "password"
        for place in PLACES:
            for word in entry.get(place) or {}:
                yield f"{word} of repository {name}", entry[place], word
    notify = backup.get("notify") or {}
    for name in notify.get("to") or {}:
        yield f"address of notifications {name}", notify["to"], name
    if "heartbeat" in backup:
        yield "address of the heartbeat", backup, "heartbeat"
    prometheus = (document.get("measure") or {}).get("prometheus")
    if isinstance(prometheus, dict):
        yield "authorization of Prometheus", prometheus, "authorization"
