"""What jobs, stores and their secrets are called. Pure.

Swarm takes 63 characters for a service and 64 for a secret; a name that would be longer ends in
a hash of the whole, so that two never become one.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from quorate.backup.jobs.model import Job

NETWORK = "quorate-backup"
JOB_PREFIX = "quorate-job"
STORE_PREFIX = "quorate-store"
RECEIVER_PREFIX = "quorate-wal"
SECRET_PREFIX = "quorate-backup"
MAX_SERVICE = 63
MAX_SECRET = 57
"""Of Swarm's 64, less `-v` and the version's number."""
HASH_LENGTH = 10


def run_key(source: str, due: datetime) -> str:
    """The key of the run of a source that was due then; the same run has the same key."""
    return f"{source}@{due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def copy_task(origin: str, target: str, sources: tuple[str, ...] = ()) -> str:
    """What is done when copies are brought from one repository to another: of a run's key."""
    only = f":{','.join(sources)}" if sources else ""
    return f"copy:{origin}>{target}{only}"


def proof_task(repository: str, copy: str) -> str:
    """What is done when a copy is proven: of a run's key."""
    return f"prove:{repository}:{copy[:16]}"


def rehearsal_task(source: str) -> str:
    """What is done when the recovery of a source is rehearsed: of a run's key."""
    return f"rehearse:{source}"


def task_of(run: str) -> str:
    """What a run does, whenever that was due."""
    return run.rpartition("@")[0]


def service_name(job: Job) -> str:
    """The name of the job's service: the same work of the same run has the same name.

    The hash is always there: what is left of a key without its signs may be another's.
    """
    words = (JOB_PREFIX, job.work.value, job.source or job.repository.name)
    return _hashed(words, MAX_SERVICE, job.fleet, job.work.value, job.run, job.repository.name)


def store_name(repository: str) -> str:
    """The name of the service that serves a repository."""
    return _fitted((STORE_PREFIX, repository), MAX_SERVICE)


def receiver_name(source: str) -> str:
    """The name of the service that receives a Postgres' write-ahead log."""
    return _fitted((RECEIVER_PREFIX, _slug(source)), MAX_SERVICE)


def secret_name(*parts: str) -> str:
    """The plain name of a secret that Quorate puts into the swarm for backups.

    Dots part the words: no name of a repository or a service of Swarm's has one.
    """
    return _fitted((SECRET_PREFIX, ".".join(parts)), MAX_SECRET)


def _fitted(words: tuple[str, ...], room: int) -> str:
    plain = "-".join(words)
    return plain if len(plain) <= room else _hashed(words, room, *words)


def _hashed(words: tuple[str, ...], room: int, *key: str) -> str:
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:HASH_LENGTH]
    return f"{_slug('-'.join(words))[: room - HASH_LENGTH - 1].rstrip('-_')}-{digest}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")
