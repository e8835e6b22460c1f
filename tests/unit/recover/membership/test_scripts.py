"""What is run on bare machines, as text; on real ones it runs in tests/scenarios/test_9_bare.py."""

from __future__ import annotations

import pytest

from quorate.recover.membership import scripts


@pytest.mark.parametrize("user", ["", "ops"])
def test_the_installation_is_for_the_user_who_logs_in(user: str) -> None:
    lines = scripts.install(user).splitlines()
    expected = f'if [ -n "{user}" ] && [ "{user}" != root ]; then usermod -aG docker "{user}"; fi'
    assert expected in lines


def test_whatever_takes_apts_locks_is_waited_for() -> None:
    """Also by what was killed in an installation before, and runs on."""
    text = scripts.install("ops")
    done = [line.strip() for line in text.splitlines() if line.strip().startswith("patiently ")]
    assert [line.split()[1:3] for line in done] == [
        ["dpkg", "--configure"],
        ["apt-get", "update"],
        ["apt-get", "install"],
    ]
    assert f"$(({scripts.LOCKED_SECONDS} / 2))" in text
    assert 3 * scripts.LOCKED_SECONDS <= scripts.INSTALL_SECONDS


def test_a_wall_is_opened_for_each_address() -> None:
    lines = scripts.wall(["192.0.2.1", "192.0.2.2"]).splitlines()
    assert "for address in 192.0.2.1 192.0.2.2; do" in lines
