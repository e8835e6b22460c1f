"""What a store runs: append-only, its password in a file as a hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.jobs import serve
from quorate.errors import MachineError


def test_a_store_lets_nothing_be_removed_and_its_arguments_have_no_password() -> None:
    argv = serve.argv(Path("/tmp/users"))
    assert argv[:4] == ["rclone", "serve", "restic", "--append-only"]
    assert argv[argv.index("--htpasswd") + 1] == "/tmp/users" and argv[-1] == "/store"


def test_the_password_is_hashed_as_htpasswd_does() -> None:
    # SHA-1 of `secret` is e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4; here in base 64.
    assert (
        serve.password_line("quorate", b"secret") == "quorate:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
    )


def test_it_is_nothing_for_people() -> None:
    with pytest.raises(MachineError, match="store-password cannot be read"):
        serve.serve()
