"""Which integration tests may run beside each other, where there is more than one process.

Those that use the machine's container engine, or what only one can have, run one after another
in one process. The others, with programs and databases of their own, run file by file beside them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOGETHER = ("deploy", "drill", "entry", "lab", "stacks", "tools")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            where = item.path.relative_to(HERE)
            group = "engine" if where.parts[0] in TOGETHER else str(where)
            item.add_marker(pytest.mark.xdist_group(group))
