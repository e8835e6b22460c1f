"""A fleet derived from the example office: its servers, data services and backup policy.

The office's seventy tasks leave a lab on two processors too little for moving gigabytes, so that
what would be measured is how long stand-ins take to answer their health checks. Kept are all
services whose data the measurement is about, with the names, images, volumes and pins they have;
figures of memory and processors are those of a small machine. `QUORATE_OFFICE_WHOLE=1` keeps all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quorate.fleet.backup import Backup

OFFICE = Path(__file__).resolve().parents[1] / "examples" / "office"
WHOLE = "QUORATE_OFFICE_WHOLE"

KEPT: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "data": {"gibd-postgres": None, "postgres": None, "gibd-redis": None, "redis": None},
    "ci": {"gitlab": None},
    "appwrite": {"appwrite": ("uploads",), "appwrite-mariadb": None, "appwrite-redis": None},
}
"""Stack → services, with the volumes they keep; None: all."""

MEMORY: Mapping[str, str] = {"gmktec": "5G", "hppavilion": "6G", "wsasus": "5G", "hpr": "2G"}
"""Together what the lab's nodes may have of 24 GiB, so that no figure is scaled."""
CPUS = 2

LIMITS: Mapping[str, tuple[str, str]] = {
    "gibd-postgres": ("1536M", "512M"),
    "postgres": ("512M", "192M"),
    "gibd-redis": ("1536M", "512M"),
    "redis": ("256M", "64M"),
    "gitlab": ("512M", "128M"),
    "appwrite": ("512M", "128M"),
    "appwrite-mariadb": ("1G", "512M"),
    "appwrite-redis": ("256M", "64M"),
}
"""Service → memory at most, memory reserved."""

S3 = {
    "s3": {
        "endpoint": "https://s3.example.com",
        "bucket": "office-backup",
        "access_key": {"environment": "BACKUP_S3_ACCESS_KEY"},
        "secret_key": {"environment": "BACKUP_S3_SECRET_KEY"},
    },
    "offsite": True,
    "zone": "cloud",
    "medium": "cloud",
    "room": "1T",
    "password": {"command": ["sh", "demo-secret.sh", "offsite_password"]},
}
"""The second off-site repository: the office's own is reached by SFTP."""

ENVIRONMENT: Mapping[str, str] = {
    "BACKUP_SSH_KEY": "the lab has a key of its own",
    "BACKUP_S3_ACCESS_KEY": "the-lab-has-its-own",
    "BACKUP_S3_SECRET_KEY": "the-lab-has-its-own",
}
"""Credentials that the fleet file names; in a lab others take their place."""

OFTEN: Mapping[str, Any] = {
    "redis": {"every": "*/2 * * * *", "keep": {"hourly": 4}, "hooks": {"before": ["sleep 15"]}},
    "volume/appwrite_uploads": {"every": "1-59/2 * * * *", "keep": {"hourly": 4},
                                "quiesce": "stop"},
}  # fmt: skip
"""Sources that the controller backs up again and again, so that it can be killed meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that is filled and backed up: the source's id, and what reaches it inside."""

    name: str
    source: str
    kind: str
    user: str = ""
    database: str = ""
    root: str = ""


FILLED = (
    Service(name="gibd-postgres", source="gibd-postgres", kind="postgres", user="gibd",
            database="gibd"),
    Service(name="postgres", source="postgres", kind="postgres", user="postgres",
            database="keycloak"),
    Service(name="appwrite-mariadb", source="appwrite-mariadb", kind="mariadb",
            database="appwrite"),
    Service(name="gibd-redis", source="gibd-redis", kind="redis"),
    Service(name="gitlab", source="gitlab", kind="gitlab"),
    Service(name="appwrite", source="volume/appwrite_uploads", kind="volume",
            root="/storage/uploads"),
)  # fmt: skip
"""What is given data; the others have what they start with."""


def write(place: Path, *, name: str = "office-backups") -> Path:
    """Copy the office there, as it is measured; the fleet file.

    It has neither a log that is streamed nor a controller, so that nothing runs beside what is
    measured: see `stream` and `often`.
    """
    home = place / "office"
    shutil.copytree(OFFICE, home)
    path = home / "fleet.yaml"
    fleet = yaml.safe_load(path.read_text())
    if not os.environ.get(WHOLE):
        used = _trim(home, fleet)
        fleet["secrets"] = {key: fleet["secrets"][key] for key in sorted(used)}
    fleet["name"] = name
    fleet["backup"]["repositories"]["s3"] = S3
    _controller(fleet["backup"], on=False)
    _dump(path, fleet)
    return path


def stream(path: Path) -> None:
    """Have the large Postgres' log streamed to wsasus."""
    fleet = yaml.safe_load(path.read_text())
    sources = fleet["backup"].setdefault("sources", {})
    sources["gibd-postgres"] = {"wal": {"server": "wsasus"}}
    _dump(path, fleet)


def often(path: Path) -> None:
    """Have a controller that backs up and copies again and again."""
    fleet = yaml.safe_load(path.read_text())
    backup = fleet["backup"]
    backup["sources"] = {**backup.get("sources", {}), **OFTEN}
    backup["copy"] = {"every": "*/3 * * * *"}
    _controller(backup, on=True)
    _dump(path, fleet)


def _controller(backup: dict[str, Any], *, on: bool) -> None:
    """Say whether there is one, where that can be said."""
    if "controller" in Backup.model_fields:
        backup["controller"] = on


def _dump(path: Path, fleet: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(fleet, sort_keys=False, allow_unicode=True))


def _trim(home: Path, fleet: dict[str, Any]) -> set[str]:
    """Leave the services that are measured; the names of the secrets they use."""
    fleet["stacks"] = {key: fleet["stacks"][key] for key in KEPT}
    for key, server in fleet["servers"].items():
        server.pop("reserved", None)
        server |= {"memory": MEMORY[key], "cpus": CPUS}
    fleet["policy"] = {"survive": 1}
    used: set[str] = set()
    for stack, services in KEPT.items():
        path = home / f"{stack}.yaml"
        compose = trimmed(yaml.safe_load(path.read_text()), services)
        used |= set(compose.get("secrets", {}))
        path.write_text(yaml.safe_dump(compose, sort_keys=False, allow_unicode=True))
    for path in home.glob("*.yaml"):
        if path.stem not in (*KEPT, "fleet"):
            path.unlink()
    return used


def trimmed(
    compose: Mapping[str, Any], services: Mapping[str, tuple[str, ...] | None]
) -> dict[str, Any]:
    """A compose file with some of its services, and what those use."""
    made = {name: _sized(name, compose["services"][name], kept) for name, kept in services.items()}
    out: dict[str, Any] = {"x-quorate": compose["x-quorate"]} if "x-quorate" in compose else {}
    out["services"] = made
    for key in ("networks", "volumes", "secrets"):
        used = {name for one in made.values() for name in _names(one.get(key) or ())}
        left = {name: value for name, value in (compose.get(key) or {}).items() if name in used}
        if left:
            out[key] = left
    return out


def _sized(
    name: str, service: Mapping[str, Any], volumes: tuple[str, ...] | None
) -> dict[str, Any]:
    """A service with other figures, and some of its volumes."""
    most, reserved = LIMITS[name]
    out: dict[str, Any] = {key: value for key, value in service.items() if key != "depends_on"}
    if volumes is not None:
        out["volumes"] = [one for one in service["volumes"] if one.partition(":")[0] in volumes]
    out["deploy"] = {
        **service["deploy"],
        "resources": {
            "limits": {"memory": most, "cpus": "2"},
            "reservations": {"memory": reserved, "cpus": "0.05"},
        },
    }
    out["x-quorate"] = {
        **{key: value for key, value in service["x-quorate"].items() if key != "recovery_target"},
        "load": {"memory": reserved, "memory_peak": most, "cpu": 0.05, "cpu_peak": 1.0},
        "data_size": "2G",
    }
    return out


def _names(entries: Any) -> set[str]:
    """What a service's list of networks, volumes or secrets names."""
    if isinstance(entries, Mapping):
        return set(entries)
    return {
        str(one["source"]) if isinstance(one, Mapping) else str(one).partition(":")[0]
        for one in entries
    }
