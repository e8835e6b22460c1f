"""How a job gets at repositories and servers: the files of secrets are read here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from quorate.backup.jobs.model import At, Job, Reach
from quorate.backup.place import REGION, Place, PlaceType, Repository, opened
from quorate.errors import MachineError, UsageError
from quorate.tools import mariadb, pg, redis
from quorate.tools.passfile import private_file

NAMES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}
"""As the fleet file names credentials → as restic does."""
SSH = ("identity", "known_hosts", "ssh_config")
CA = "ca"
SHORTEST_LINE = 8
"""Lines of a secret that is a whole file are masked one by one, from this length on."""


@contextmanager
def repository(at: At) -> Iterator[Repository]:
    """A repository, its credentials read now.

    Raises:
        RepositoryError, MachineError: a credential's file cannot be read.
    """
    with ExitStack() as stack:
        made = place(at, ssh_config(at, stack))
        if at.region:
            region = stack.enter_context(private_file(at.region, "region"))
            made = replace(made, credentials={**made.credentials, REGION: region})
        yield opened(made)


def place(at: At, config: Path | None = None) -> Place:
    """A repository as `quorate.backup.place` knows it."""
    credentials = {
        NAMES.get(name, name): Path(path)
        for name, path in at.credentials.items()
        if name not in (*SSH, CA)
    }
    return Place(
        name=at.name,
        type=PlaceType(at.place),
        location=at.location,
        password_file=Path(at.password_file),
        credentials=credentials,
        port=at.port,
        ssh_config=config,
        append_only=at.append_only,
        ca=Path(at.credentials[CA]) if CA in at.credentials else None,
    )


def ssh_config(at: At, stack: ExitStack) -> Path | None:
    """The configuration of ssh for a repository; None: ssh's own will do.

    A key is copied: ssh refuses one that others might read, as secrets may be mounted.
    """
    given = at.credentials
    if "ssh_config" in given:
        return Path(given["ssh_config"])
    lines = []
    if "identity" in given:
        key = text_of(given["identity"], "the ssh key") + "\n"
        path = stack.enter_context(private_file(key, "key"))
        lines += [f"IdentityFile {shlex.quote(str(path))}", "IdentitiesOnly yes"]
    if "known_hosts" in given:
        known = shlex.quote(given["known_hosts"])
        lines += [f"UserKnownHostsFile {known}", "StrictHostKeyChecking yes"]
    if not lines:
        return None
    return stack.enter_context(private_file("\n".join(lines) + "\n", "config"))


def postgres(reach: Reach) -> pg.Server:
    """A Postgres server as its programs reach it."""
    return pg.Server(
        host=reach.host,
        port=reach.port,
        user=reach.user or "postgres",
        password=password(reach),
        database=reach.database or "postgres",
    )


def maria(reach: Reach) -> mariadb.Server:
    """A MariaDB server as its programs reach it."""
    user = reach.user or "root"
    return mariadb.Server(host=reach.host, port=reach.port, user=user, password=password(reach))


def red(reach: Reach) -> redis.Server:
    """A Redis server as its programs reach it."""
    return redis.Server(host=reach.host, port=reach.port, user=reach.user, password=password(reach))


def required(reach: Reach | None, work: str) -> Reach:
    """The server that a job names.

    Raises:
        UsageError: it names none.
    """
    if reach is None:
        raise UsageError(f"a job that is to {work} a database needs its server (`reach`)")
    return reach


def password(reach: Reach) -> str:
    """The password of a server's role; empty where it asks for none.

    Raises:
        MachineError: its file cannot be read.
    """
    if reach.password_file is None:
        return ""
    return text_of(reach.password_file, f"the password of {reach.user or 'the default role'}")


def text_of(path: str, what: str) -> str:
    """What a file of a secret holds, without the end of its last line.

    Raises:
        MachineError: it cannot be read.
    """
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise MachineError(
            f"{what} cannot be read from {path}",
            cause=getattr(error, "strerror", None) or "it is no text",
            todo="see that the secret is mounted into the job, by that name",
        ) from error


def secrets_of(job: Job) -> tuple[str, ...]:
    """Everything that no output may show, the longest first; files that are not there have none."""
    files: list[str | None] = []
    for at in (job.repository, job.origin):
        if at is not None:
            files += [at.password_file, *_secret_files(at)]
    files += [reach.password_file for reach in (job.reach, job.target) if reach is not None]
    files += [job.primary.password_file] if job.primary is not None else []
    found: set[str] = set()
    for path in filter(None, files):
        try:
            found |= shapes(Path(path).read_text())
        except (OSError, UnicodeError):
            continue  # who needs it says so
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _secret_files(at: At) -> list[str]:
    plain = ("known_hosts", "ssh_config", "user", CA)
    return [path for name, path in at.credentials.items() if name not in plain]


def shapes(text: str) -> set[str]:
    """A secret in the shapes in which it may turn up: as it is, in a URL, line by line. Pure."""
    whole = text.strip()
    if not whole:
        return set()
    lines = {line.strip() for line in whole.splitlines()}
    out = {whole, quote(whole, safe="")}
    return out | {line for line in lines if len(line) >= SHORTEST_LINE or line == whole}
