"""A job with all that its service needs: where it runs, secrets, mounts, networks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.backup.jobs.model import SECRETS, SPOOL, Job
from quorate.fleet.backup import SPOOL_VOLUME, Backup
from quorate.fleet.base import SecretSource


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A file in the job's `/run/secrets`, and the Docker secret it is.

    Either one that is in the swarm already (`deployed`, as the source's own service has it), or
    one of Quorate's (`name`, its plain name), whose value comes from `source` or is `value`;
    with neither it is a random one. `same`: as `quorate.deploy.versioned.Value` has it.
    """

    file: str
    deployed: str = ""
    name: str = ""
    source: SecretSource | None = None
    value: bytes | None = field(default=None, repr=False)
    same: bytes | None = field(default=None, repr=False)

    @property
    def path(self) -> str:
        """Where it is inside the job."""
        return f"{SECRETS}/{self.file}"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A mount of a service. `source`: a volume's name, or a path on the server."""

    source: str
    target: str
    read_only: bool = False
    volume: bool = False


@dataclass(frozen=True, kw_only=True)
class Start:
    """A job to start. `node` is Swarm's id, `networks` are names.

    `stores`: repositories whose stores must run for it. `quiet`: services that are kept still
    meanwhile, by their names in Swarm, by `method` (`quorate.fleet.backup.Quiesce`).
    """

    job: Job
    node: str
    networks: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stores: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    method: str = "none"


def spool_mount(backup: Backup) -> Mount:
    """Where dumps lie on a job's server: the engine's own volume, or the directory that is named.

    A volume is made by the engine where it is not there; a directory has to be there.
    """
    if backup.spool.path is None:
        return Mount(source=SPOOL_VOLUME, target=SPOOL, volume=True)
    return Mount(source=str(backup.spool.path), target=SPOOL)
