"""A fleet with backups, as the table of their alerts describes it."""

from __future__ import annotations

from quorate.fleet.backup import Backup, Override, Rehearsing, Repository, Wal
from quorate.fleet.model import Disk, Fleet, SecretSource
from tests.fakes.fleets import make_fleet, make_server

SERVICES = {
    "shop": {
        "services": {
            "db": {"volumes": ["db-data:/var/lib/postgresql/data"]},
            "cache": {"volumes": ["cache-data:/data"]},
        }
    }
}
PASSWORD = SecretSource(environment="REPOSITORY_PASSWORD")
NAS = Repository(
    name="nas",
    place="local",
    server="b",
    path="/mnt/backups/q",
    address="/mnt/backups/q",
    password=PASSWORD,
)
OFFSITE = Repository(
    name="offsite",
    place="sftp",
    host="far",
    path="/q",
    address="far:/q",
    offsite=True,
    password=PASSWORD,
)
QUIET = ("configs", "swarm", "system/a", "system/b")


def make_backed_up(*repositories: Repository, exclude: tuple[str, ...] = QUIET) -> Fleet:
    """The Postgres `db` and the Redis `cache` on a; their copies on b, and off-site.

    The write-ahead log of `db` is streamed.
    """
    disks = (
        Disk(name="sda", size=10**11),
        Disk(name="sdb", size=10**12, kind="hdd", mount="/mnt/backups"),
    )
    servers = [make_server("a"), make_server("b").model_copy(update={"disks": disks})]
    fleet = make_fleet(
        SERVICES,
        servers=servers,
        fields={
            "db": {"state": "postgres", "pins": ("a",)},
            "cache": {"state": "redis", "pins": ("a",)},
        },
    )
    backup = Backup(
        repositories=repositories or (NAS, OFFSITE),
        exclude=exclude,
        rehearsing=Rehearsing(on=True),
        sources={"db": Override(wal=Wal(on=True))},
    )
    return fleet.model_copy(update={"backup": backup})
