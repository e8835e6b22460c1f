"""One engine for all tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.stacks.engine import Node, started


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A swarm of one node, its name `alpha`."""
    with started() as running:
        yield running
