"""What a store's service runs: rclone, serving a directory to restic, append-only.

The user's password comes from a Docker secret and goes to rclone as a hash in a file: neither
arguments nor environment show it.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from pathlib import Path

from quorate.backup.jobs.model import SECRETS, STORE
from quorate.backup.jobs.repositories import STORE_USER
from quorate.backup.jobs.spec import STORE_PORT, STORE_SECRET
from quorate.errors import MachineError
from quorate.tools import command


def serve() -> None:
    """Become the server; returns never.

    Raises:
        MachineError: this is no store's container.
        CommandError: rclone is not installed.
    """
    secret = Path(SECRETS, STORE_SECRET)
    try:
        password = secret.read_bytes()
    except OSError as error:
        raise MachineError(
            f"{secret} cannot be read",
            cause="this is what the service of a store runs, and nothing for people",
        ) from error
    users = Path(tempfile.mkdtemp()) / "users"
    users.touch(mode=0o600)
    users.write_text(password_line(STORE_USER, password))
    command.replace_process(argv(users))


def argv(users: Path) -> list[str]:
    """The server's command line."""
    return [
        *("rclone", "serve", "restic", "--append-only"),
        *("--addr", f":{STORE_PORT}", "--htpasswd", str(users)),
        STORE,
    ]


def password_line(user: str, password: bytes) -> str:
    """A user in the form of Apache's htpasswd: SHA-1, enough for 32 random bytes."""
    digest = base64.b64encode(hashlib.sha1(password).digest()).decode()
    return f"{user}:{{SHA}}{digest}\n"
