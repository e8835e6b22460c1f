"""3-2-1: three copies, on two media, one off-site; and none that fails with another.

The source document's rule ("Overview: 3-2-1 Backup Rule"): the data itself is the first copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from quorate.backup.model import Source
from quorate.fleet.backup import Repository
from quorate.fleet.backup_read import disk_of
from quorate.fleet.model import Fleet, Server

COPIES, MEDIA = 3, 2
VOLUMES = "/var/lib/docker/volumes"
"""Where an engine keeps volumes, unless told otherwise."""


def missing(fleet: Fleet, source: Source, repositories: Iterable[Repository]) -> tuple[str, ...]:
    """What a source lacks of 3-2-1 with a copy in each of these repositories, in words.

    Empty when it holds. What nobody says (a server's zone, its disks) is not held against it.
    """
    copies = list({one.name: one for one in repositories}.values())
    servers = [server for server in fleet.servers if server.name in source.servers]
    return tuple(_missing(source, servers, copies))


def _missing(
    source: Source, servers: Sequence[Server], copies: Sequence[Repository]
) -> Iterator[str]:
    if not copies:
        yield "no copy at all"
        return
    if len(copies) + 1 < COPIES:
        yield f"{len(copies) + 1} copies with the data itself, not {COPIES}"
    own, media = _media(source, servers), {one.medium for one in copies}
    if own and None not in media and len(own | media) < MEDIA:
        yield f"all on one medium: {', '.join(map(str, own))}"
    if not any(one.offsite for one in copies):
        yield "none off-site"
    yield from _apart(servers, copies)


def _apart(servers: Sequence[Server], copies: Sequence[Repository]) -> Iterator[str]:
    """What fails together: a server with all copies of its data, or a room."""
    names = {server.name for server in servers}
    beside = sorted(one.name for one in copies if one.server in names)
    if beside:
        yield f"{', '.join(beside)}: on the server of the data itself"
    zones = {server.zone for server in servers}
    if None in zones or not zones:
        return
    if all(one.zone in zones for one in copies):
        yield f"every copy is in the zone of the data itself: {', '.join(sorted(map(str, zones)))}"


def _media(source: Source, servers: Sequence[Server]) -> set[str | None]:
    """What the data itself lies on."""
    paths = [name if name.startswith("/") else VOLUMES for name in source.volumes] or ["/"]
    disks = (disk_of(server, path) for server in servers for path in paths)
    return {disk.kind for disk in disks if disk is not None}
