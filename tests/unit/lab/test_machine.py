"""What is read off the machine's apt configuration and /proc."""

from __future__ import annotations

import pytest

from quorate.lab import machine

ARCHIVE = "http://mirror.example/debian"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (f"{ARCHIVE}/|main\n", ARCHIVE),
        (f"{ARCHIVE}|main\n{ARCHIVE}-security/|main\n", ARCHIVE),
        (f"{ARCHIVE}-security/|main\n{ARCHIVE}/|main\n", ARCHIVE),
        ("https://deb.other.example/node|main\n", None),
        (f"{ARCHIVE}/|contrib\n", None),
        ("http://mirror.example/ubuntu/|main\n", None),
        ("mirror+file:/etc/apt/mirrors/debian|main\n", None),
        ("", None),
    ],
)
def test_the_mirror_is_the_first_debian_archive(targets: str, expected: str | None) -> None:
    assert machine.choose_mirror(targets) == expected


def test_only_settings_of_the_way_there_are_taken_over() -> None:
    dump = (
        'APT::Install-Recommends "1";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::Check-Date "false";\n'
        'Acquire::Languages "none";\n'
        'DPkg::Post-Invoke:: "something";\n'
    )
    assert machine.choose_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Check-Date "false";\n'
    )


def test_memory_is_read_in_bytes() -> None:
    assert machine.meminfo_bytes("MemTotal:  1024 kB\nMemFree: 1 kB\n") == 1024 * 1024
    assert machine.meminfo_bytes("MemTotal:  1024 kB\nMemFree: 2 kB\n", "MemFree") == 2048
    assert machine.meminfo_bytes("") == 0
