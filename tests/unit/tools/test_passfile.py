"""Passwords in files."""

from __future__ import annotations

import pytest

from quorate.tools.passfile import private_file


def test_a_private_file_is_this_users_and_gone_afterwards() -> None:
    with private_file("secret ü\n", "pgpass") as path:
        assert path.read_text() == "secret ü\n"
        assert path.name == "pgpass"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_it_is_gone_after_an_error_too() -> None:
    with pytest.raises(KeyError), private_file("secret") as path:
        raise KeyError
    assert not path.exists()
