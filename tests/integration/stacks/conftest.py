"""One engine per file of tests: it starts in two seconds, and leaves nothing to the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.stacks.engine import Node, started


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A swarm of one node, its name `alpha`."""
    with started() as running:
        yield running
