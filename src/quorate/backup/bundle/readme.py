"""The bundle's own page: how to begin again on bare servers, for who reads it at three at night.

Pure. Everything in it can be done without Quorate, since a program may be what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from quorate.backup.bundle.archive import Record
from quorate.backup.bundle.content import ELSEWHERE, ENVIRONMENT, VALUES, Item
from quorate.backup.model import Kind
from quorate.backup.policy.sources import Planned, planned
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet

ORDER = (Kind.SYSTEM, Kind.SWARM, Kind.CONFIGS, Kind.POSTGRES, Kind.MARIADB, Kind.REDIS)
"""Databases before what asks them; the rest (GitLab, volumes) after."""

BY_HAND = {
    Kind.POSTGRES: "psql -d template1 -f roles.sql, then for each directory database-…: "
    "pg_restore -d template1 --create --clean --if-exists --jobs 2 database-NAME",
    Kind.MARIADB: "mariadb < the .sql files",
    Kind.REDIS: "put the .rdb file into the data directory as dump.rdb, with Redis stopped",
    Kind.GITLAB: "gitlab-secrets.json and gitlab.rb into /etc/gitlab first, then "
    "gitlab-backup restore",
    Kind.VOLUME: "copy what comes out into the volume, with the service stopped",
    Kind.CONFIGS: "not needed: they are in this bundle, in fleet/",
    Kind.SWARM: "to look at: `quorate up` makes networks, secrets and services anew",
    Kind.SYSTEM: "to look things up in; /etc as a whole does not fit another machine",
}


def text(fleet: Fleet, record: Record, items: Sequence[Item]) -> str:
    """The page, in plain text."""
    paths = {use: item.path for item in items for use in item.uses}
    parts = [
        _head(fleet, record),
        _servers(fleet),
        _values(record, items),
        _repositories(fleet, paths),
        _services(fleet),
        _data(fleet),
        _after(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(fleet: Fleet, record: Record) -> Iterator[str]:
    yield f"RECOVERY OF THE FLEET {fleet.name.upper()}"
    yield f"Made {record.made:%Y-%m-%d %H:%M} UTC. Everything here is SECRET."
    yield ""
    yield "You are here because the servers are gone, or cannot be trusted. Nothing that you do to"
    yield "new servers harms the copies. Take the steps in order; write down what you have done."
    yield ""
    yield "In here are passwords, files and keys. The DATA is in the repositories (step 3)."


def _servers(fleet: Fleet) -> Iterator[str]:
    yield "STEP 1. SERVERS"
    yield "Install Debian on as many of these as you have, with these names, and your ssh key for"
    yield "the user named (else root); more than half of the managers are needed. Docker on each."
    yield "On your own machine: openssh-client, restic, age and quorate."
    yield ""
    for server in fleet.servers:
        login = f"{server.ssh.user}@" if server.ssh.user else ""
        size = f"{server.cpus:g} threads, {server.memory / 2**30:.0f} GiB"
        yield f"  {server.name}  {login}{server.address}  {server.role.value}  {size}"
    yield ""
    yield "Other addresses? Change `address` in the fleet file. Fewer servers? Remove them there."


def _values(record: Record, items: Sequence[Item]) -> Iterator[str]:
    there = [item for item in items if item.path in record.files]
    yield "STEP 2. PASSWORDS AND FILES"
    yield "The fleet file and what belongs to it are in fleet/, with secrets that come from files."
    if any(item.path.startswith(f"{ENVIRONMENT}/") for item in there):
        yield ""
        yield "Variables, in the shell you go on with:"
        yield f'  for f in {ENVIRONMENT}/*; do export "$(basename "$f")=$(cat "$f")"; done'
    for item in there:
        if item.path.startswith(f"{VALUES}/"):
            command = " ".join(item.source.command or ())
            yield ""
            yield f"{', '.join(item.uses)}: came from the command `{command}`."
            yield "  If it works no more, write in the fleet file instead:"
            yield f"  {{file: ../{item.path}}}"
    elsewhere = [item for item in there if item.path.startswith(f"{ELSEWHERE}/")]
    if elsewhere:
        yield ""
        yield "Put these back where they were:"
        for item in elsewhere:
            yield f"  install -D -m 600 {item.path} {item.source.file}"
    if record.unknown:
        yield ""
        yield "NOT HERE, since no file of the fleet says where they come from; make new values:"
        yield f"  {', '.join(record.unknown)}"


def _repositories(fleet: Fleet, paths: Mapping[str, str]) -> Iterator[str]:
    yield "STEP 3. THE COPIES"
    yield "See that they are there before you go on. Off-site first: it stood elsewhere."
    for one in sorted(fleet.backup.repositories, key=lambda one: not one.offsite):
        where = f"on {one.server}" if one.server else one.host
        yield ""
        yield f"{one.name} ({where}{', off-site' if one.offsite else ''}):"
        yield from (f"  {line}" for line in _reached(one, paths))
    if not fleet.backup.repositories:
        yield "  This fleet names no repository: there are no copies."


def _reached(one: Repository, paths: Mapping[str, str]) -> Iterator[str]:
    password = paths.get(f"password of repository {one.name}", "")
    for name in one.credentials:
        path = paths.get(f"{name} of repository {one.name}", "")
        match one.place, name:
            case "s3", "access_key":
                yield f'export AWS_ACCESS_KEY_ID="$(cat {path})"'
            case "s3", "secret_key":
                yield f'export AWS_SECRET_ACCESS_KEY="$(cat {path})"'
            case "rest", "password":
                yield f"password of the user {one.user} in the address: {path}"
            case _:
                yield f"{name} for ssh: {path}"
    prefix = {"local": "", "sftp": "sftp:", "s3": "s3:", "rest": "rest:"}[one.place]
    port = f" -o sftp.args='-p {one.port}'" if one.place == "sftp" and one.port else ""
    at = f"   (there: on {one.server})" if one.place == "local" else ""
    yield f"restic -r {prefix}{one.address} -p {password}{port} snapshots{at}"


def _services(fleet: Fleet) -> Iterator[str]:
    file = fleet.path.name
    yield "STEP 4. THE SWARM AND ITS SERVICES"
    yield "  cd fleet"
    yield f"  quorate check {file}          # what does not fit any more"
    yield f"  quorate up {file}             # makes the swarm, its secrets, networks and services"
    yield ""
    yield "A new swarm is made; nothing of the old one is needed. Services start, empty."


def _data(fleet: Fleet) -> Iterator[str]:
    file = fleet.path.name
    yield "STEP 5. THE DATA, IN THIS ORDER"
    yield "With Quorate, for each source: `quorate backup restore --help` tells how, and"
    yield f"`quorate backup status {file}` which copies are known to restore."
    yield "By hand, with restic as in step 3:"
    yield "  restic … snapshots --tag source=SOURCE       # the newest that is complete"
    yield "  restic … restore ID --target /srv/restored"
    for one in sorted(planned(fleet), key=_order):
        if one.policy is not None:
            yield ""
            yield f"{one.source.id}   (in {', '.join(r.name for r in one.repositories) or 'none'})"
            yield f"  {BY_HAND[one.source.kind]}"


def _order(one: Planned) -> tuple[int, str]:
    kind = one.source.kind
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), one.source.id)


def _after() -> Iterator[str]:
    yield "STEP 6. AFTERWARDS"
    yield "See that people can work: log in as one of them. Make a backup and have it proven."
    yield "Change every password in here if somebody else may have read this. Make a new bundle:"
    yield "  quorate backup bundle -o FILE"
