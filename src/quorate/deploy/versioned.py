"""Secrets and configs that change: Swarm's cannot, so each value gets a version of its own.

`mail-password` becomes `mail-password-v1`, and `-v2` when its value changes.
Whether a secret changed is told by a salted scrypt hash in its labels, since
Swarm never gives a secret's value back; a config's value can simply be read.
A value that comes back (a rollback) finds its old version again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from quorate.errors import EngineError
from quorate.fleet.observed import Snapshot
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

FLEET_LABEL = "quorate.fleet"
NAME_LABEL = "quorate.name"
VERSION_LABEL = "quorate.version"
HASH_LABEL = "quorate.hash"
SAME_LABEL = "quorate.same"

MAX_BYTES = 500 * 1024
"""Swarm's limit for a secret, and for a config before Docker 25."""
MAX_NAME = 64
KEEP_UNUSED = 2

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
"""About 50 ms and 16 MiB per guess; a weak password's hash must not be cheap to search."""


class Kind(StrEnum):
    SECRET = "secret"
    CONFIG = "config"


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value to deploy; its bytes never appear in its repr.

    `template` names Swarm's template driver (`golang`) that fills in a config's
    placeholders per task; None deploys it as it is. `same`: by what a secret is known
    whose bytes are others each time it is made, as what is encrypted is.
    """

    data: bytes = field(repr=False)
    template: str | None = None
    same: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One deployed version. `data` is known for configs only; `hash` for secrets only.

    `same`: a hash as `hash` is, of what the value is known by beside its bytes.
    """

    id: str
    deployed: str
    name: str
    number: int
    hash: str = ""
    data: bytes | None = None
    template: str | None = None
    same: str = ""

    def holds(self, value: Value) -> bool:
        """Whether this version has that value."""
        if self.template != value.template:
            return False
        if self.data is not None:
            return self.data == value.data
        if value.same is not None and self.same:
            return verify(value.same, self.same)
        return verify(value.data, self.hash)


def deployed_versions(client: DockerClient, kind: Kind, fleet: str) -> tuple[Version, ...]:
    """The versions Quorate has made for this fleet, oldest first.

    Raises:
        EngineError: the swarm does not answer.
    """
    filters = {"label": f"{FLEET_LABEL}={fleet}"}
    with docker.translated(f"the swarm's {kind}s cannot be listed"):
        listed = client.api.secrets if kind is Kind.SECRET else client.api.configs
        found = [_version(raw, kind) for raw in listed(filters=filters) or ()]
    return tuple(sorted((v for v in found if v), key=lambda v: (v.name, v.number)))


def ensure(
    client: DockerClient, kind: Kind, values: Mapping[str, Value], *, fleet: str
) -> dict[str, str]:
    """See that each value is deployed; returns name → deployed, versioned name.

    Raises:
        EngineError: the swarm refuses, or a value is empty or too large.
    """
    present = deployed_versions(client, kind, fleet)
    return {
        name: choose(name, value, present) or _create(client, kind, name, value, present, fleet)
        for name, value in values.items()
    }


def expected(
    client: DockerClient, kind: Kind, values: Mapping[str, Value], *, fleet: str
) -> dict[str, str]:
    """The deployed names `ensure` would return, nothing being changed.

    Raises:
        EngineError: the swarm does not answer.
    """
    present = deployed_versions(client, kind, fleet)
    return {
        name: choose(name, value, present) or f"{name}-v{next_number(name, present)}"
        for name, value in values.items()
    }


def prune(
    client: DockerClient,
    kind: Kind,
    snapshot: Snapshot,
    *,
    fleet: str,
    recorded: Iterable[str] = (),
) -> tuple[str, ...]:
    """Remove what `superfluous` names, services and `recorded` deployed names being in use.

    Raises:
        EngineError: the swarm does not answer.
    """
    used = used_names((service.spec for service in snapshot.services), kind) | set(recorded)
    return remove(client, kind, superfluous(deployed_versions(client, kind, fleet), used))


def choose(name: str, value: Value, present: Sequence[Version]) -> str | None:
    """The newest deployed version that holds the value; None when it is new."""
    own = sorted((v for v in present if v.name == name), key=lambda v: -v.number)
    return next((version.deployed for version in own if version.holds(value)), None)


def next_number(name: str, present: Sequence[Version]) -> int:
    """The number of the next version."""
    return max((v.number for v in present if v.name == name), default=0) + 1


def superfluous(
    present: Sequence[Version], in_use: Iterable[str], *, keep: int = KEEP_UNUSED
) -> tuple[Version, ...]:
    """Versions that may go: not in use (by deployed name), nor among the last `keep` of a name."""
    used = set(in_use)
    out: list[Version] = []
    for name in sorted({version.name for version in present}):
        own = sorted((v for v in present if v.name == name), key=lambda v: -v.number)
        out += [version for version in own[keep:] if version.deployed not in used]
    return tuple(out)


def remove(client: DockerClient, kind: Kind, versions: Iterable[Version]) -> tuple[str, ...]:
    """Remove these versions; one that turns out to be in use stays. Returns the names removed."""
    gone = []
    call = client.api.remove_secret if kind is Kind.SECRET else client.api.remove_config
    for version in versions:
        try:
            call(version.id)
        except docker.engine_errors() as error:
            if docker.status_of(error) is None:
                raise EngineError(
                    f"old {kind}s could not be removed", cause=docker.words(error)
                ) from error
            continue
        gone.append(version.deployed)
    return tuple(gone)


def used_names(services: Iterable[Mapping[str, Any]], kind: Kind) -> frozenset[str]:
    """The deployed names that service specifications (the engine's own form) refer to."""
    section, key = ("Secrets", "SecretName") if kind is Kind.SECRET else ("Configs", "ConfigName")
    names = set()
    for spec in services:
        container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
        names |= {str(item.get(key)) for item in container.get(section) or ()}
    return frozenset(names)


def fingerprint(value: bytes, salt: bytes | None = None) -> str:
    """A salted scrypt hash of a secret, `salt$hash` in hexadecimal."""
    salt = salt if salt is not None else os.urandom(16)
    made = hashlib.scrypt(value, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)
    return f"{salt.hex()}${made.hex()}"


def verify(value: bytes, known: str) -> bool:
    """Whether the value is the one that `fingerprint` made `known` from."""
    salt, _, _ = known.partition("$")
    try:
        return hmac.compare_digest(fingerprint(value, bytes.fromhex(salt)), known)
    except ValueError:
        return False


def _create(
    client: DockerClient,
    kind: Kind,
    name: str,
    value: Value,
    present: Sequence[Version],
    fleet: str,
) -> str:
    number = next_number(name, present)
    deployed = f"{name}-v{number}"
    _check_size(kind, name, deployed, value.data)
    labels = {FLEET_LABEL: fleet, NAME_LABEL: name, VERSION_LABEL: str(number)}
    if kind is Kind.SECRET:
        labels[HASH_LABEL] = fingerprint(value.data)
        if value.same is not None:
            labels[SAME_LABEL] = fingerprint(value.same)
    with docker.translated(f"the {kind} {name} could not be made in the swarm"):
        if kind is Kind.SECRET:
            client.api.create_secret(deployed, value.data, labels=labels)
        else:
            templating = {"Name": value.template} if value.template else None
            client.api.create_config(deployed, value.data, labels=labels, templating=templating)
    return deployed


def _check_size(kind: Kind, name: str, deployed: str, value: bytes) -> None:
    if not value:
        raise EngineError(
            f"the value of the {kind} {name} is empty",
            todo="Swarm takes no empty ones: look at its source in the fleet file",
        )
    if len(value) > MAX_BYTES:
        raise EngineError(
            f"the {kind} {name} has {len(value)} bytes; Swarm takes {MAX_BYTES} at most",
            todo="put large files on a volume or into the image",
        )
    if len(deployed) > MAX_NAME:
        raise EngineError(
            f"the name {deployed} is longer than Swarm's {MAX_NAME} characters",
            todo=f"give the {kind} {name} a shorter name",
        )


def _version(raw: Mapping[str, Any], kind: Kind) -> Version | None:
    spec = raw.get("Spec") or {}
    labels = spec.get("Labels") or {}
    if NAME_LABEL not in labels or not str(labels.get(VERSION_LABEL, "")).isdigit():
        return None
    data = base64.b64decode(spec.get("Data") or "") if kind is Kind.CONFIG else None
    return Version(
        id=str(raw.get("ID") or ""),
        deployed=str(spec.get("Name") or ""),
        name=str(labels[NAME_LABEL]),
        number=int(labels[VERSION_LABEL]),
        hash=str(labels.get(HASH_LABEL) or ""),
        data=data,
        template=(spec.get("Templating") or {}).get("Name"),
        same=str(labels.get(SAME_LABEL) or ""),
    )
