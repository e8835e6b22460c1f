"""The filters that look at the node alone."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.swarm.filters import Roster, fits
from quorate.swarm.model import Node, Service


def node(name: str = "n", **fields: Any) -> Node:
    return Node(id=name, hostname=name, cpu=1, memory=1, **fields)


NFS = ("Volume", "nfs")

PLATFORMS = [
    ([], "x86_64", True),
    ([("linux", "amd64")], "x86_64", True),
    ([("linux", "x86_64")], "amd64", True),
    ([("linux", "arm64")], "aarch64", True),
    ([("linux", "amd64")], "aarch64", False),
    ([("windows", "amd64")], "x86_64", False),
    ([("", "amd64")], "x86_64", True),
    ([("linux", "")], "riscv64", True),
    ([("linux", "arm64"), ("linux", "amd64")], "x86_64", True),
    ([("linux", "AMD64")], "x86_64", False),
]


@pytest.mark.parametrize(("platforms", "architecture", "expected"), PLATFORMS)
def test_platforms(platforms: list[tuple[str, str]], architecture: str, expected: bool) -> None:
    service = Service(id="s", platforms=tuple(platforms))
    assert fits(service, node(architecture=architecture)) is expected


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        (None, (NFS,), True),
        (frozenset(), (), True),
        (frozenset(), (NFS,), False),
        (frozenset({NFS}), (NFS,), True),
        (frozenset({NFS}), (NFS, ("Network", "weave")), False),
        (frozenset({("Network", "nfs")}), (NFS,), False),
    ],
)
def test_plugins(
    there: frozenset[tuple[str, str]] | None, wanted: tuple[tuple[str, str], ...], expected: bool
) -> None:
    assert fits(Service(id="s", plugins=wanted), node(plugins=there)) is expected


def test_constraints_that_cannot_be_read_turn_the_filter_off() -> None:
    """As swarmkit does; its interface refuses such a service before it comes to that."""
    constraints = ("node.hostname == nowhere", "nonsense")
    assert fits(Service(id="s", constraints=constraints), node())
    assert not fits(Service(id="s", constraints=constraints[:1]), node())


def test_the_roster_numbers_the_nodes_that_fit() -> None:
    roster = Roster((node("a"), node("b", role="manager"), node("c", role="manager")))
    managers = Service(id="s", constraints=("node.role == manager",))
    assert roster.candidates(managers) == {1, 2}
    assert roster.candidates(Service(id="t")) == {0, 1, 2}
    assert roster.candidates(managers) is roster.candidates(managers)
