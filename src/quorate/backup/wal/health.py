"""A receiver's files: what it keeps, how it is, and that as metrics."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from quorate.backup.wal.model import Health, Kept, State
from quorate.backup.wal.standing import LATE
from quorate.errors import MachineError


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader, also after a power cut, sees the old or the new one."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w") as file:
        new.chmod(mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_kept(path: Path) -> Kept:
    """What was kept; nothing where there is no file yet.

    Raises:
        MachineError: it cannot be read.
    """
    if not path.exists():
        return Kept()
    try:
        return Kept.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise MachineError(
            f"{path} cannot be read, which says where the log has holes",
            cause=str(error).splitlines()[0],
            todo="move it away: the log then counts as new, and a base backup is made at once",
        ) from error


def read_health(path: Path) -> Health | None:
    """How the receiver was when it last said so; None: it never did, or the file is damaged."""
    try:
        return Health.model_validate_json(path.read_text())
    except (OSError, ValidationError):
        return None


def well(health: Health | None, now: datetime) -> bool:
    """Whether a receiver is there and receives: what its container's health check asks."""
    if health is None or abs((now - health.at).total_seconds()) > LATE:
        return False
    return health.state is State.STREAMING


def metrics(health: Health) -> str:
    """Its state as Prometheus reads it."""
    figures: dict[str, tuple[str, float | None]] = {
        "backup_wal_up": ("1 while the log is received", health.state is State.STREAMING),
        "backup_wal_protected": ("1 while what is committed can be restored", health.protected),
        "backup_wal_lag_bytes": ("Log not received yet", health.lag_bytes),
        "backup_wal_lag_seconds": ("Seconds since all was received", health.lag_seconds),
        "backup_wal_slot_lost": (
            "1 when the primary gave the slot up",
            health.slot.status == "lost" if health.slot else None,
        ),
        "backup_wal_slot_room_bytes": (
            "Log the primary may still write until it gives the slot up",
            health.slot.room if health.slot else None,
        ),
        "backup_wal_restorable_from_timestamp": (
            "The oldest moment that can be restored",
            health.windows[0].begin.timestamp() if health.windows else None,
        ),
        "backup_wal_restorable_until_timestamp": (
            "The newest moment that can be restored",
            health.windows[-1].end.timestamp() if health.windows else None,
        ),
        "backup_wal_base_backup_timestamp": (
            "When the newest base backup was begun",
            health.bases[-1].begin.timestamp() if health.bases else None,
        ),
        "backup_wal_restarts_total": ("Times the receiver was begun anew", health.restarts),
    }
    source = health.source.replace("\\", "\\\\").replace('"', '\\"')
    lines = []
    for name, (words, value) in figures.items():
        if value is not None:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {words}.", f"# TYPE {name} {kind}"]
            lines.append(f'{name}{{source="{source}"}} {float(value):.15g}')
    return "\n".join(lines) + "\n"
