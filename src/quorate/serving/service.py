"""The controller's own service, in the form the engine's API takes. Pure.

One replica on any manager, with that manager's engine beside it: when its server is lost, Swarm
starts it on another one, and the lock (`serving/swarm.py`) keeps two from deciding at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quorate.backup.jobs.model import ENGINE
from quorate.backup.jobs.needs import Secret
from quorate.serving.loop import PORT

Spec = dict[str, Any]

NAME = "quorate-controller"
LABEL = "quorate.serve"
LABEL_SPEC = "quorate.serve.spec"
"""Not `quorate.fleet`: what has that and is in no stack is removed by `quorate up`."""

NANO = 1_000_000_000
END_SECONDS = 30
MEMORY = 512 * 2**20
"""At most: it holds the list of copies, and restic runs elsewhere."""

HEALTH = (
    "import urllib.request as web; "
    f"web.urlopen('http://127.0.0.1:{PORT}/healthz', timeout=5).read()"
)


@dataclass(frozen=True, kw_only=True)
class File:
    """A config of the swarm as a file in the controller: the fleet file, a compose file."""

    path: str
    config: str
    identity: str


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the controller of a fleet runs with.

    `fleet_file`: its path inside, one of `files`. `secrets` are files in `/run/secrets`, `ids` by
    deployed name. `networks`: where Prometheus finds it at `quorate-controller:9912`.
    """

    fleet: str
    image: str
    fleet_file: str
    files: Sequence[File]
    secrets: Sequence[Secret] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    networks: Sequence[str] = ()


def controller_spec(wish: Wish) -> Spec:
    """The service. Its label has a digest of the rest, by which a change is seen."""
    container = {
        "Image": wish.image,
        "Command": [
            *("quorate", "serve", wish.fleet_file),
            *("--socket", ENGINE, "--listen", f"0.0.0.0:{PORT}"),
        ],
        "Init": True,
        "StopGracePeriod": END_SECONDS * NANO,
        "Mounts": [{"Type": "bind", "Source": ENGINE, "Target": ENGINE}],
        "Configs": [_file(one) for one in wish.files],
        "Secrets": [_secret(one, wish) for one in wish.secrets],
        "Healthcheck": {
            "Test": ["CMD", "python3", "-c", HEALTH],
            "Interval": 30 * NANO,
            "Timeout": 10 * NANO,
            "Retries": 3,
            "StartPeriod": 60 * NANO,
        },
    }
    spec: Spec = {
        "Name": NAME,
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": {"Constraints": ["node.role==manager"]},
            "RestartPolicy": {"Condition": "any", "Delay": 2 * NANO},
            "Resources": {"Limits": {"MemoryBytes": MEMORY}},
            "Networks": [{"Target": name} for name in wish.networks],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        # The old one gives the lock back before the new one asks for it.
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first"},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    return {**spec, "Labels": {LABEL: wish.fleet, LABEL_SPEC: digest}}


def _file(one: File) -> Spec:
    return {
        "ConfigID": one.identity,
        "ConfigName": one.config,
        "File": {"Name": one.path, "UID": "0", "GID": "0", "Mode": 0o444},
    }


def _secret(one: Secret, wish: Wish) -> Spec:
    deployed = one.deployed or wish.named[one.name]
    return {
        "SecretID": wish.ids[deployed],
        "SecretName": deployed,
        "File": {"Name": one.file, "UID": "0", "GID": "0", "Mode": 0o400},
    }
