"""How a job reaches a repository from the server it runs on. Pure.

On the repository's own server the directory itself is mounted; on others its store answers,
append-only; what is elsewhere is reached as it is, over a network that has a way out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from quorate.backup.jobs.model import STORE, At, Job
from quorate.backup.jobs.names import NETWORK, secret_name, store_name
from quorate.backup.jobs.needs import Mount, Secret, Start
from quorate.backup.jobs.spec import STORE_PORT, STORE_SECRET
from quorate.fleet.backup import Repository

STORE_USER = "quorate"
RESTIC_NAMES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}
"""The fleet file's names of credentials, as `quorate.backup.place.Place` has them."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A repository, and what a job's service needs to reach it."""

    at: At
    secrets: tuple[Secret, ...]
    mounts: tuple[Mount, ...] = ()
    networks: tuple[str, ...] = ()
    store: str | None = None

    def added_to(self, start: Start) -> Start:
        """The start with what this repository needs."""
        return replace(
            start,
            networks=tuple(dict.fromkeys((*start.networks, *self.networks))),
            secrets=tuple(dict.fromkeys((*start.secrets, *self.secrets))),
            mounts=(*start.mounts, *self.mounts),
            stores=(*start.stores, *((self.store,) if self.store else ())),
        )


def reached(repository: Repository, server: str) -> Reached:
    """The repository as a job on that server reaches it."""
    if repository.place != "local":
        return _elsewhere(repository)
    password = password_secret(repository)
    if repository.server == server:
        target = f"{STORE}/{repository.name}"
        return Reached(
            at=_at(repository, target, password),
            secrets=(password,),
            mounts=(Mount(source=repository.path, target=target),),
        )
    door = store_secret(repository.name)
    where = f"http://{STORE_USER}@tasks.{store_name(repository.name)}:{STORE_PORT}/"
    at = _at(repository, where, password).model_copy(
        update={"place": "rest", "append_only": True, "credentials": {"password": door.path}}
    )
    return Reached(at=at, secrets=(password, door), networks=(NETWORK,), store=repository.name)


def password_secret(repository: Repository) -> Secret:
    """The repository's own password."""
    name = secret_name("repository", repository.name)
    return Secret(file=name, name=name, source=repository.password)


def store_secret(repository: str) -> Secret:
    """The password of the store's user, a random one, as jobs have it."""
    name = secret_name("store", repository)
    return Secret(file=name, name=name)


def served_secret(repository: str) -> Secret:
    """The same, as the store has it."""
    return Secret(file=STORE_SECRET, name=secret_name("store", repository))


def start_of(job: Job, node: str, *repositories: Reached) -> Start:
    """A start of the job with what its repositories need."""
    start = Start(job=job, node=node)
    for one in repositories:
        start = one.added_to(start)
    return start


def _elsewhere(repository: Repository) -> Reached:
    password = password_secret(repository)
    names = {
        word: secret_name("repository", repository.name, word) for word in repository.credentials
    }
    secrets = [
        Secret(file=names[word], name=names[word], source=source)
        for word, source in repository.credentials.items()
    ]
    at = _at(repository, _address(repository), password).model_copy(
        update={
            "credentials": {
                RESTIC_NAMES.get(word, word): secret.path
                for word, secret in zip(repository.credentials, secrets, strict=True)
            }
        }
    )
    return Reached(at=at, secrets=(password, *secrets), networks=(NETWORK,))


def _address(repository: Repository) -> str:
    """As `Place.location` has it; a REST server's user goes into its URL."""
    if repository.place == "rest" and repository.user:
        scheme, _, rest = repository.address.partition("://")
        return f"{scheme}://{quote(repository.user, safe='')}@{rest}"
    return repository.address


def _at(repository: Repository, location: str, password: Secret) -> At:
    return At(
        name=repository.name,
        place=repository.place,
        location=location,
        port=repository.port,
        password_file=password.path,
        append_only=repository.append_only,
        offsite=repository.offsite,
        server=repository.server,
        region=repository.region,
    )
