"""The fleet file's `backup` section into the policy."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from quorate.fleet.backup import (
    KINDS,
    Backup,
    Bundle,
    Controller,
    Copying,
    Hooks,
    Keep,
    Notify,
    Override,
    Proving,
    Rehearsing,
    Repository,
    Spool,
    Wal,
)
from quorate.fleet.backup_file import (
    BackupEntry,
    BundleEntry,
    KindEntry,
    NotifyEntry,
    RehearseEntry,
    RepositoryEntry,
    WalEntry,
)
from quorate.fleet.base import Location, SecretSource
from quorate.fleet.entries import SourceEntry
from quorate.fleet.model import Disk, Server

Locate = Callable[..., Location]
Secret = Callable[[SourceEntry], SecretSource]


def read_backup(
    entry: BackupEntry, servers: Sequence[Server], secret: Secret, location: Locate
) -> Backup:
    """The policy; `location` gives the place of a path in the fleet file."""
    return Backup(
        image=entry.image,
        timezone=entry.timezone,
        repositories=tuple(
            _repository(name, one, servers, secret, location("backup", "repositories", name))
            for name, one in entry.repositories.items()
        ),
        to=entry.to,
        copying=Copying(
            to=entry.copy_to.to, schedule=Copying().schedule.changed(entry.copy_to.when())
        ),
        proving=Proving(
            servers=entry.prove.servers, schedule=Proving().schedule.changed(entry.prove.when())
        ),
        rehearsing=_rehearsing(entry.rehearse),
        kinds={
            kind: _override(one, location("backup", "kinds", kind))
            for kind in KINDS
            if (one := getattr(entry.kinds, kind)).model_fields_set
        },
        sources={
            name: _override(one, location("backup", "sources", name))
            for name, one in entry.sources.items()
        },
        exclude=entry.exclude,
        images=entry.images,
        spool=Spool(path=entry.spool.path, room=entry.spool.room),
        bundle=_bundle(entry.bundle, secret, location("backup", "bundle")),
        notify=_notify(entry.notify, secret),
        heartbeat=secret(entry.heartbeat) if entry.heartbeat else None,
        pushgateway=entry.pushgateway.rstrip("/") if entry.pushgateway else None,
        controller=Controller(on=entry.controller.enabled, networks=entry.controller.networks),
    )


def _rehearsing(entry: RehearseEntry | None) -> Rehearsing:
    if entry is None:
        return Rehearsing()
    return Rehearsing(
        on=entry.enabled,
        schedule=Rehearsing().schedule.changed(entry.when()),
        sources=entry.sources,
        servers=entry.servers,
    )


def _notify(entry: NotifyEntry, secret: Secret) -> Notify:
    return Notify(
        to={name: secret(one) for name, one in entry.to.items()},
        events=entry.events,
        digest=Notify().digest.changed(entry.digest.when()),
    )


def _bundle(entry: BundleEntry | None, secret: Secret, location: Location) -> Bundle | None:
    if entry is None:
        return None
    passphrase = secret(entry.passphrase) if entry.passphrase else None
    return Bundle(recipients=entry.recipients, passphrase=passphrase, location=location)


def _override(entry: KindEntry, location: Location) -> Override:
    apart = {"every", "at", "day", "keep", "hooks", "wal"}
    said = entry.model_dump(exclude=apart, exclude_none=True)
    hooks = getattr(entry, "hooks", None)
    return Override(
        when=entry.when(),
        keep=Keep(**entry.keep.model_dump()) if entry.keep else None,
        hooks=Hooks(**hooks.model_dump()) if hooks else None,
        wal=_wal(getattr(entry, "wal", None)),
        location=location,
        **said,
    )


def _wal(entry: WalEntry | None) -> Wal | None:
    if entry is None:
        return None
    said = entry.model_dump(include={"server", "path", "keep", "slot_room"}, exclude_none=True)
    schedule = Wal().schedule.changed(entry.when())
    return Wal(on=entry.enabled, schedule=schedule, **said)


def _repository(
    name: str,
    entry: RepositoryEntry,
    servers: Sequence[Server],
    secret: Secret,
    location: Location,
) -> Repository:
    bare = Repository(
        name=name,
        place="local",
        medium=entry.medium,
        zone=entry.zone,
        offsite=entry.offsite,
        append_only=entry.append_only,
        room=entry.room,
        password=secret(entry.password),
        location=location,
    )
    found = bare.model_copy(update=_place(entry, servers, secret))
    home = next((server for server in servers if server.name == found.server), None)
    return found.model_copy(
        update={
            "medium": found.medium or _medium(found, home),
            "zone": found.zone or (home.zone if home else None),
        }
    )


def _place(entry: RepositoryEntry, servers: Sequence[Server], secret: Secret) -> dict[str, object]:
    """What the kind of repository says of where it lies."""
    if entry.sftp is not None:
        sftp = entry.sftp
        path = posixpath.normpath(sftp.path)
        return {
            **sftp.model_dump(include={"host", "port", "user"}),
            "place": "sftp",
            "path": path,
            "server": _server_at(sftp.host, servers),
            "address": f"{sftp.user}@{sftp.host}:{path}" if sftp.user else f"{sftp.host}:{path}",
            "credentials": _credentials(secret, identity=sftp.identity, hosts=sftp.known_hosts),
        }
    if entry.s3 is not None:
        s3 = entry.s3
        path = "/".join(part for part in (s3.bucket, (s3.prefix or "").strip("/")) if part)
        endpoint = s3.endpoint.rstrip("/")
        return {
            "place": "s3",
            "host": _host(endpoint),
            "path": path,
            "region": s3.region,
            "server": _server_at(_host(endpoint), servers),
            "address": f"{endpoint}/{path}",
            "credentials": _credentials(
                secret, access_key=s3.access_key, secret_key=s3.secret_key, ca=s3.ca
            ),
        }
    if entry.rest is not None:
        rest = entry.rest
        return {
            "place": "rest",
            "host": _host(rest.url),
            "user": rest.user,
            "server": _server_at(_host(rest.url), servers),
            "address": rest.url.rstrip("/"),
            "credentials": _credentials(secret, password=rest.password, ca=rest.ca),
        }
    local = entry.local
    if local is None:  # a wrong entry, reported already
        return {}
    path = posixpath.normpath(local.path)
    return {"server": local.server, "path": path, "address": path}


def _credentials(secret: Secret, **given: SourceEntry | None) -> dict[str, SecretSource]:
    names = {"hosts": "known_hosts"}
    return {names.get(name, name): secret(one) for name, one in given.items() if one is not None}


def _server_at(host: str, servers: Sequence[Server]) -> str | None:
    """The fleet's server behind an address, where it is one's."""
    known = (s.name for s in servers if host.lower() in (s.name.lower(), s.address.lower()))
    return next(known, None)


def _host(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0]
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _medium(repository: Repository, home: Server | None) -> str:
    """What it lies on, where nobody says: the disk's kind, or that it is elsewhere."""
    if home is None:
        return "object storage" if repository.place == "s3" else "remote disk"
    disk = disk_of(home, repository.path or "/")
    return disk.kind if disk else "disk"


def disk_of(server: Server, path: str) -> Disk | None:
    """The disk of a server that a path lies on: the longest mount above it."""
    above = [
        disk
        for disk in server.disks
        if disk.mount == "/" or path == disk.mount or path.startswith(disk.mount.rstrip("/") + "/")
    ]
    return max(above, key=lambda disk: len(disk.mount), default=None)
