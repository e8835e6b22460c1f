"""Which server is Bacula's Director, which one stores, and on which disk."""

from __future__ import annotations

from pathlib import PurePosixPath

from quorate.errors import CheckError, UsageError
from quorate.fleet.model import Disk, Fleet, Server
from quorate.stacks.bacula.model import Finding, Roles
from quorate.stacks.bacula.say import shown

DIRECTOR = ("bacula-director", "bacula-dir", "bacula director")
STORAGE = ("bacula-storage", "bacula-sd", "bacula storage")
CLIENT = ("bacula-fd", "bacula-client", "bacula client")
ROOT_SHARE = 0.5
"""Of a disk without a reservation: half of a system's own disk, nearly all of another."""
DATA_SHARE = 0.9
ON_ROOT = "/srv/bacula"


def reserves(server: Server, names: tuple[str, ...]) -> bool:
    """Whether the server has a `reserved:` entry of one of these names.

    `quorate inspect --write` names them as `Bacula storage (bacula-sd)`.
    """
    said = [item.name.lower() for item in server.reserved]
    return any(name == word or f"({name})" in word for word in said for name in names)


def roles(
    fleet: Fleet,
    *,
    director: str | None = None,
    storage: str | None = None,
    archive: str | None = None,
) -> tuple[Roles, list[Finding]]:
    """Who does what, by the arguments, else by the servers' `reserved:` entries.

    Raises:
        UsageError: an argument names no server, or no absolute path.
        CheckError: no server is the Director, or several are.
    """
    directs = _chosen(fleet, director, "--director") or _reserved(fleet, DIRECTOR, "Director")
    if directs is None:
        raise CheckError(
            "no server is Bacula's Director",
            todo="put {name: bacula-director, memory: 768M} under `reserved:` of the server where "
            "it is to run, or name one with --director SERVER",
        )
    stores = _chosen(fleet, storage, "--storage") or _reserved(fleet, STORAGE, "Storage daemon")
    findings = []
    if stores is None:
        stores = directs
        findings.append(
            Finding(
                code="storage-assumed",
                level="note",
                what=f"no server reserves bacula-storage: {directs.name}, the Director's, stores",
                todo="put {name: bacula-storage, memory: 512M, disk: 200G} under `reserved:` of "
                "the server that is to store, or name one with --storage SERVER",
            )
        )
    return _placed(directs, stores, archive), findings


def _chosen(fleet: Fleet, name: str | None, option: str) -> Server | None:
    if name is None:
        return None
    try:
        return fleet.server(name)
    except KeyError:
        names = ", ".join(server.name for server in fleet.servers)
        raise UsageError(
            f"{option} {name}: there is no such server", todo=f"name one of {names}"
        ) from None


def _reserved(fleet: Fleet, names: tuple[str, ...], role: str) -> Server | None:
    found = [server for server in fleet.servers if reserves(server, names)]
    if len(found) > 1:
        listed = ", ".join(server.name for server in found)
        option = "--director" if role == "Director" else "--storage"
        raise CheckError(
            f"several servers reserve {names[0]}: {listed}",
            todo=f"there can be one {role}: take the entry off the others, or choose with "
            f"{option} SERVER",
        )
    return found[0] if found else None


def _placed(director: Server, storage: Server, archive: str | None) -> Roles:
    disk = _disk(storage, archive)
    if archive is None:
        archive = _directory(disk)
    elif not archive.startswith("/") or len(archive) < 2:
        raise UsageError(
            f"--archive {archive}: not an absolute path", todo="write it as /srv/bacula/volumes"
        )
    reserved = sum(item.disk for item in storage.reserved if _is_storage(item.name))
    share = ROOT_SHARE if disk is None or disk.mount == "/" else DATA_SHARE
    return Roles(
        director=director.name,
        storage=storage.name,
        archive=archive,
        room=reserved or int((disk.size if disk else 0) * share),
        disk=disk.size if disk else 0,
        mount=disk.mount if disk else "/",
    )


def _is_storage(name: str) -> bool:
    word = name.lower()
    return any(word == known or f"({known})" in word for known in STORAGE)


def _disk(server: Server, archive: str | None) -> Disk | None:
    """The disk under the archive; where none is said, the likeliest one."""
    if archive is not None:
        under = [disk for disk in server.disks if PurePosixPath(archive).is_relative_to(disk.mount)]
        return max(under, key=lambda disk: len(disk.mount), default=None)
    named = [disk for disk in server.disks if "bacula" in disk.mount]
    apart = [disk for disk in server.disks if disk.mount != "/"]
    return max(named or apart or server.disks, key=lambda disk: disk.size, default=None)


def _directory(disk: Disk | None) -> str:
    if disk is None or disk.mount == "/":
        return f"{ON_ROOT}/volumes"
    inside = disk.mount if "bacula" in disk.mount else f"{disk.mount}/bacula"
    return f"{inside}/volumes"


def role_findings(fleet: Fleet, chosen: Roles) -> list[Finding]:
    """What the places come to: an oversized reservation, a server that keeps its own copies."""
    findings = []
    if chosen.disk and chosen.room > chosen.disk:
        findings.append(
            Finding(
                code="room-over-disk",
                what=f"{chosen.storage} reserves {shown(chosen.room)} for bacula-storage, and the "
                f"disk on {chosen.mount} has {shown(chosen.disk)}",
                todo="correct `disk:` of bacula-storage, or name another place with --archive",
            )
        )
    without = [server.name for server in fleet.servers if not reserves(server, CLIENT)]
    if without:
        findings.append(
            Finding(
                code="client-unreserved",
                level="note",
                what=f"nothing is reserved for the file daemon on {', '.join(without)}",
                todo="put {name: bacula-fd, memory: 64M} under `reserved:` there, so that plans "
                "count it",
            )
        )
    return findings
