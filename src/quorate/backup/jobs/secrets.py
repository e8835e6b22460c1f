"""Passwords for backup work as Docker secrets: the fleet file's, databases', and the stores' own.

A store's password is random, made once, and known to nobody but the store and the jobs: Swarm
never gives it back, and whoever needs another one removes the secret.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quorate.backup.jobs.needs import Secret
from quorate.deploy import versioned
from quorate.deploy.values import read_values
from quorate.deploy.versioned import Kind, Value
from quorate.errors import EngineError
from quorate.fleet.model import Fleet
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

RANDOM_BYTES = 32
TAKEN = "already exists"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Secrets in the swarm: `named` by plain name, `ids` by deployed name."""

    named: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)


def ensure(
    client: DockerClient,
    fleet: Fleet,
    wanted: Iterable[Secret],
    environment: Mapping[str, str] | None = None,
) -> Deployed:
    """See that all secrets are in the swarm.

    A value that has changed gets a new version; a random one stays as it is.

    Raises:
        CheckError: every secret of the fleet file whose source gives no value.
        EngineError: the swarm refuses; or a secret of a service is gone.
    """
    every = tuple(wanted)
    try:
        return _ensured(client, fleet, every, environment)
    except EngineError as error:
        if TAKEN not in str(error.cause):
            raise
    # Somebody else has made one in the same moment: his is there now.
    return _ensured(client, fleet, every, environment)


def _ensured(
    client: DockerClient,
    fleet: Fleet,
    every: Sequence[Secret],
    environment: Mapping[str, str] | None,
) -> Deployed:
    own = {one.name: one for one in every if one.name}
    values = _values(fleet, own, environment)
    known = _newest(client, fleet) if len(values) < len(own) else {}
    for name in own:
        if name not in values and name not in known:
            values[name] = random.token_urlsafe(RANDOM_BYTES).encode()
    as_values = {
        name: Value(data=data, same=own[name].same if own[name].value is not None else None)
        for name, data in values.items()
    }
    made = versioned.ensure(client, Kind.SECRET, as_values, fleet=fleet.name)
    named = {name: made.get(name) or known[name] for name in own}
    ids = _ids(client)
    _require(ids, [*named.values(), *(one.deployed for one in every if one.deployed)])
    return Deployed(named=named, ids=ids)


def _values(
    fleet: Fleet, own: Mapping[str, Secret], environment: Mapping[str, str] | None
) -> dict[str, bytes]:
    """The values that are not random, by plain name."""
    sources = {name: one.source for name, one in own.items() if one.source is not None}
    directory = fleet.path.absolute().parent
    read = read_values(sources, directory=directory, environment=environment)
    given = {name: one.value for name, one in own.items() if one.value is not None}
    return {**read, **given}


def _newest(client: DockerClient, fleet: Fleet) -> dict[str, str]:
    """Plain name → the deployed name of its newest version."""
    present = versioned.deployed_versions(client, Kind.SECRET, fleet.name)
    return {version.name: version.deployed for version in present}  # the newest come last


def _ids(client: DockerClient) -> dict[str, str]:
    with docker.translated("the swarm's secrets cannot be listed"):
        listed = client.api.secrets() or ()
    return {str(raw["Spec"]["Name"]): str(raw["ID"]) for raw in listed}


def _require(ids: Mapping[str, str], names: Iterable[str]) -> None:
    gone = sorted({name for name in names if name not in ids})
    if gone:
        raise EngineError(
            f"the swarm has no secret {', '.join(gone)}",
            cause="it was removed while a service still uses it",
            todo="`quorate up` puts the fleet's secrets into the swarm again",
        )
