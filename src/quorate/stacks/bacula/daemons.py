"""The configurations beside the Director's: Storage daemon, file daemons, console."""

from __future__ import annotations

from quorate.fleet.model import Server
from quorate.stacks.bacula.direction import (
    DEVICE,
    MEDIA,
    NAME,
    client_name,
    password,
)
from quorate.stacks.bacula.model import Layout, Roles
from quorate.stacks.bacula.say import Entry, document, quoted, resource

JOBS_AT_ONCE = 20
"""The document's Maximum Concurrent Jobs."""


def storage_daemon(roles: Roles, layout: Layout) -> str:
    """The text of bacula-sd.conf: one device, a directory of files that are its volumes."""
    entries: list[Entry] = [
        ("Name", quoted(f"{roles.storage}-sd")),
        ("SDPort", layout.storage_port),
        *_listen("SDAddress", layout),
        ("WorkingDirectory", quoted(layout.working)),
        ("Pid Directory", quoted(layout.run)),
        ("Plugin Directory", quoted(layout.plugins)),
        ("Maximum Concurrent Jobs", JOBS_AT_ONCE),
    ]
    device: list[Entry] = [
        ("Name", DEVICE),
        ("Media Type", MEDIA),
        ("Device Type", "File"),
        ("Archive Device", quoted(roles.archive)),
        ("LabelMedia", "yes"),
        ("Random Access", "yes"),
        ("AutomaticMount", "yes"),
        ("RemovableMedia", "no"),
        ("AlwaysOpen", "no"),
    ]
    return document(
        f"The Storage daemon, on {roles.storage}.",
        [
            resource("Storage", entries),
            _director(layout, "storage"),
            resource("Device", device),
            _messages(),
        ],
    )


def file_daemon(server: Server, layout: Layout) -> str:
    """The text of a server's bacula-fd.conf."""
    entries: list[Entry] = [
        ("Name", quoted(client_name(server.name))),
        ("FDport", layout.client_port),
        *_listen("FDAddress", layout),
        ("WorkingDirectory", quoted(layout.working)),
        ("Pid Directory", quoted(layout.run)),
        ("Plugin Directory", quoted(layout.plugins)),
        ("Maximum Concurrent Jobs", JOBS_AT_ONCE),
    ]
    return document(
        f"The file daemon of {server.name}.",
        [
            resource("FileDaemon", entries),
            _director(layout, f"client-{server.name}"),
            _messages(),
        ],
    )


def console(layout: Layout) -> str:
    """The text of bconsole.conf, for the Director's own server."""
    return document(
        "The console, on the Director's server.",
        [
            resource(
                "Director",
                [
                    ("Name", quoted(NAME)),
                    ("DIRport", layout.director_port),
                    ("Address", layout.listen or "127.0.0.1"),
                    password(layout, "console"),
                ],
            )
        ],
    )


def _listen(key: str, layout: Layout) -> list[Entry]:
    return [(key, layout.listen)] if layout.listen else []


def _director(layout: Layout, name: str) -> str:
    return resource("Director", [("Name", quoted(NAME)), password(layout, name)])


def _messages() -> str:
    return resource(
        "Messages",
        [("Name", "Standard"), ("director", f"{NAME} = all, !skipped, !restored, !saved")],
    )
