"""A real lab of two servers, brought up once for the tests that look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from quorate.fleet.model import Fleet, Role, Server
from quorate.lab import state, up
from quorate.lab.state import Lab

GIBIBYTE = 1024**3


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Two servers, under a name no other lab on this machine has."""
    place = tmp_path_factory.mktemp("lab")
    servers = tuple(
        Server(name=name, address="192.0.2.1", role=role, cpus=cpus, memory=4 * GIBIBYTE)
        for name, role, cpus in (("alpha", Role.MANAGER, 2), ("beta", Role.WORKER, 1))
    )
    return Fleet(
        name=f"test {os.getpid()}",
        path=place / "fleet.yaml",
        servers=servers,
        stacks=(),
        services=(),
        files=(),
    )


@pytest.fixture(scope="module")
def lab(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab of that fleet; taken down afterwards, whatever happened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            yield up.bring_up(fleet)
        finally:
            for left in state.every():
                up.take_down(left)
