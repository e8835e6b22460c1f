"""Services of backup work, in the form the engine's API takes. Pure.

A job is a plain service with one replica that is never started again: Swarm's own jobs loop for
ever after a change of leaders (docs/adr/0025).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from quorate.backup.jobs.model import STORE, VARIABLE, Job
from quorate.backup.jobs.names import NETWORK, service_name, store_name
from quorate.backup.jobs.needs import Mount, Secret, Start
from quorate.fleet import own
from quorate.fleet.backup import Repository

Spec = dict[str, Any]

LABEL = "quorate.job"
LABEL_WORK = "quorate.job.work"
LABEL_SOURCE = "quorate.job.source"
LABEL_REPOSITORY = "quorate.job.repository"
LABEL_SERVER = "quorate.job.server"
LABEL_FLEET = own.LABEL_FLEET
LABEL_STARTED = "quorate.job.started"
LABEL_DEADLINE = "quorate.job.deadline"
LABEL_STORE = own.LABEL_STORE
LABEL_SPEC = "quorate.store.spec"
"""Not `quorate.fleet`: what has that and is in no stack is removed by `quorate up`."""

JOB_COMMAND = ("quorate", "backup", "job")
STORE_COMMAND = ("quorate", "backup", "store")
STORE_PORT = 8000
STORE_SECRET = "store-password"
NANO = 1_000_000_000
GRACE_SECONDS = 60
"""A job that is removed gets this long to begin again what it has stopped."""
MARGIN_SECONDS = 300.0
"""A job ends itself at its deadline; who still finds it after this long removes it."""
LOGS = {"Name": "json-file", "Options": {"max-size": "32m", "max-file": "2"}}
"""A log that can be read back, whatever the engine's default is, and fills no disk."""


def job_spec(
    start: Start, *, image: str, started: datetime, ids: Mapping[str, str], named: Mapping[str, str]
) -> Spec:
    """The service of a job.

    Args:
        image: what it runs, as deployed.
        started: now; its deadline counts from here.
        ids: deployed name of each secret → its id.
        named: plain name of each of Quorate's own secrets → deployed name.
    """
    job = start.job
    container = {
        "Image": image,
        "Command": list(JOB_COMMAND),
        "Env": [f"{VARIABLE}={told(job)}"],
        "Init": True,
        "StopGracePeriod": GRACE_SECONDS * NANO,
        "Mounts": [_mount(one) for one in start.mounts],
        "Secrets": [_secret(one, ids, named) for one in start.secrets],
        "Labels": {LABEL: job.run},
    }
    return {
        "Name": service_name(job),
        "Labels": labels(job, started),
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": {"Constraints": [f"node.id=={start.node}"]},
            "RestartPolicy": {"Condition": "none"},
            "LogDriver": LOGS,
            "Networks": [{"Target": name} for name in start.networks],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def told(job: Job) -> str:
    """What the job is told, as JSON; what is not said is left to the job's own defaults.

    Swarm takes `{{` in an environment for a template of its own; in JSON it is only in strings.
    """
    return job.model_dump_json(exclude_defaults=True).replace("{{", "{\\u007b")


def labels(job: Job, started: datetime) -> dict[str, str]:
    """What finds a job again whose starter has died."""
    dead = started + timedelta(seconds=job.deadline + MARGIN_SECONDS)
    return {
        LABEL: job.run,
        LABEL_WORK: job.work.value,
        LABEL_SOURCE: job.source,
        LABEL_REPOSITORY: job.repository.name,
        LABEL_SERVER: job.server,
        LABEL_FLEET: job.fleet,
        LABEL_STARTED: started.isoformat(),
        LABEL_DEADLINE: dead.isoformat(),
    }


def store_spec(
    repository: Repository, *, fleet: str, image: str, secret: Secret, deployed: str, identity: str
) -> Spec:
    """The service that serves a repository on its own server to jobs on others, append-only.

    Args:
        secret: the password of its one user; `deployed` and `identity` are its name and id.
    """
    container = {
        "Image": image,
        "Command": list(STORE_COMMAND),
        "Init": True,
        "Mounts": [_mount(Mount(source=repository.path, target=STORE))],
        "Secrets": [_secret(secret, {deployed: identity}, {secret.name: deployed})],
    }
    spec: Spec = {
        "Name": store_name(repository.name),
        "TaskTemplate": {
            "ContainerSpec": container,
            # By name: a server that was set up anew has another id, and the same directory.
            "Placement": {"Constraints": [f"node.hostname=={repository.server}"]},
            "RestartPolicy": {"Condition": "any", "Delay": 2 * NANO},
            "LogDriver": LOGS,
            "Networks": [{"Target": NETWORK}],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    own = {LABEL_STORE: repository.name, LABEL_FLEET: fleet, LABEL_SPEC: digest}
    return {**spec, "Labels": own}


def hidden(start: Start) -> Iterable[str]:
    """The values a start holds that may be shown nowhere."""
    return [one.value.decode(errors="replace") for one in start.secrets if one.value]


def _mount(mount: Mount) -> Spec:
    out: Spec = {
        "Type": "volume" if mount.volume else "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.volume:
        # Nothing of the image may get into a volume that happens to be empty.
        out["VolumeOptions"] = {"NoCopy": True}
    return out


def _secret(one: Secret, ids: Mapping[str, str], named: Mapping[str, str]) -> Spec:
    deployed = one.deployed or named[one.name]
    return {
        "SecretID": ids[deployed],
        "SecretName": deployed,
        "File": {"Name": one.file, "UID": "0", "GID": "0", "Mode": 0o400},
    }
