"""ssh command lines, and ssh's own words turned into errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.tools.ssh import Target, unreachable

PLAIN = Target(name="alpha", host="192.0.2.1")


def test_a_plain_target_leaves_everything_to_the_persons_own_configuration() -> None:
    argv = PLAIN.argv()
    assert argv[0] == "ssh"
    assert argv[-2:] == ["--", "192.0.2.1"]
    assert not {"-F", "-p", "-l"} & set(argv)


def test_a_target_never_asks_and_never_waits_for_ever() -> None:
    options = PLAIN.argv()
    assert "BatchMode=yes" in options
    assert any(option.startswith("ConnectTimeout=") for option in options)


def test_user_port_and_configuration_are_passed_on() -> None:
    target = Target(name="a", host="a.example", user="me", port=2222, config=Path("/etc/lab/ssh"))
    argv = target.argv("-N")
    assert argv[argv.index("-F") + 1] == "/etc/lab/ssh"
    assert argv[argv.index("-p") + 1] == "2222"
    assert argv[argv.index("-l") + 1] == "me"
    assert argv[-3:] == ["-N", "--", "a.example"]


def test_a_host_that_looks_like_an_option_stays_a_host() -> None:
    argv = Target(name="x", host="-oProxyCommand=true").argv()
    assert argv[-2:] == ["--", "-oProxyCommand=true"]


@pytest.mark.parametrize(
    ("stderr", "what"),
    [
        ("me@192.0.2.1: Permission denied (publickey).", "refuses the ssh key"),
        ("Host key verification failed.", "shows a host key that ssh does not trust"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nline\nline\nline\nline",
            "shows a host key that ssh does not trust",
        ),
        ("ssh: connect to host 192.0.2.1 port 22: No route to host", "does not answer ssh"),
        ("", "does not answer ssh"),
    ],
)
def test_what_ssh_says_becomes_an_error_with_advice(stderr: str, what: str) -> None:
    error = unreachable(PLAIN, stderr)
    assert error.what == f"alpha (192.0.2.1) {what}"
    assert error.exit_code == 6
    assert error.cause
    assert error.todo
