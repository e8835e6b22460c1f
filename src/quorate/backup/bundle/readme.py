"""The bundle's own page: how to begin again on bare servers, for who reads it at three at night.

Pure. Everything in it can be done without Quorate, since a program may be what is missing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from quorate.backup.bundle.archive import Record
from quorate.backup.bundle.content import ELSEWHERE, ENVIRONMENT, VALUES, Item
from quorate.backup.model import Kind
from quorate.backup.policy.sources import planned
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet

BY_HAND = {
    Kind.POSTGRES: (
        "psql -d template1 -f roles.sql",
        "and for each directory database-NAME:",
        "pg_restore -d template1 --create --clean --if-exists --jobs 2 database-NAME",
    ),
    Kind.MARIADB: ("mariadb < dump.sql, then mariadb < users.sql",),
    Kind.REDIS: ("dump.rdb into the data directory, with Redis stopped",),
    Kind.GITLAB: (
        "gitlab-secrets.json and gitlab.rb into /etc/gitlab first, gitlab-ctl reconfigure,",
        "then gitlab-backup restore",
    ),
    Kind.VOLUME: ("what comes out into the volume, with its service stopped",),
    Kind.CONFIGS: ("not needed: they are in here, in fleet/",),
    Kind.SWARM: ("to look things up: `quorate up` makes networks, secrets and services anew",),
    Kind.SYSTEM: ("to look things up: /etc as a whole does not fit another machine",),
    Kind.IMAGES: (
        "before step 4, each .tar of dump/ on the server that the source names:",
        "docker load --input FILE.tar",
    ),
}
"""How a copy of each kind is restored without Quorate, in the order in which it is done."""


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
    yield "Where there is Quorate, one command takes steps 1 to 5, with the key that opened this:"
    yield "  quorate recover fleet --from REPOSITORY --password-file FILE --identity KEY"
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
    spoken = [item for item in there if item.path.startswith(f"{VALUES}/")]
    if spoken:
        yield ""
        yield "What these commands said is in here too. Where one works no more, write in its place"
        yield f"in the fleet file {{file: ../{VALUES}/NAME}}:"
        for item in spoken:
            yield f"  {item.path}: {shlex.join(item.source.command or ())}"
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
            case "s3" | "rest", "ca":
                yield f"its authority's certificate, for restic's --cacert: {path}"
            case "rest", "password":
                yield f"password of the user {one.user} in the address: {path}"
            case _:
                yield f"{name} for ssh: {path}"
    prefix = {"local": "", "sftp": "sftp:", "s3": "s3:", "rest": "rest:"}[one.place]
    at = f"   (there: on {one.server})" if one.place == "local" else ""
    ssh = [f"-o sftp.command={shlex.quote(_ssh(one, paths))}"] if one.place == "sftp" else []
    words = [f"restic -r {prefix}{one.address} -p {password}", *ssh, f"snapshots{at}"]
    yield (" \\\n    " if ssh else " ").join(words)


def _ssh(one: Repository, paths: Mapping[str, str]) -> str:
    """What restic is to run; `sftp.args` it has only from 0.16 on."""
    words = ["ssh"]
    if identity := paths.get(f"identity of repository {one.name}"):
        words += ["-i", identity]
    if one.port:
        words += ["-p", str(one.port)]
    host = f"{one.user}@{one.host}" if one.user else one.host
    return " ".join([*words, host, "-s", "sftp"])


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
    yield f"`quorate backup status {file}` tells which copies are known to restore."
    yield "With restic as in step 3:"
    yield "  restic … snapshots --tag source=SOURCE      # the newest"
    yield "  restic … snapshots --tag mark=complete      # that one of these names by `of=ID`"
    yield "  restic … restore ID --target /srv/restored"
    sources = [one for one in planned(fleet) if one.policy is not None]
    for kind, steps in BY_HAND.items():
        mine = [one for one in sources if one.source.kind is kind]
        if mine:
            yield ""
            yield f"{kind.value}: {steps[0]}"
            yield from (f"  {step}" for step in steps[1:])
        for one in mine:
            where = ", ".join(place.name for place in one.repositories) or "none"
            yield f"    {one.source.id}   (in {where})"


def _after() -> Iterator[str]:
    yield "STEP 6. AFTERWARDS"
    yield "See that people can work: log in as one of them. Make a backup and have it proven."
    yield "Change every password in here if somebody else may have read this. Make a new bundle:"
    yield "  quorate backup bundle -o FILE"
