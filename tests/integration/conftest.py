"""Which integration tests may run beside each other, where there is more than one process.

Those that use the machine's container engine run one after another in one process. The
others, with programs and databases of their own, run file by file beside them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
WITHOUT_ENGINE = ("backup", "bacula", "plan", "roadef")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            where = item.path.relative_to(HERE)
            group = str(where) if where.parts[0] in WITHOUT_ENGINE else "engine"
            item.add_marker(pytest.mark.xdist_group(group))
