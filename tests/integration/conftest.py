"""Which integration tests may run beside each other, where there is more than one process.

Those that use the machine's container engine, or what only one can have, run one after another
in one process. So do those that use the compiled search, which the first of them compiles and
keeps (half a minute of one core, the first time on a machine). The others, with programs and
databases of their own, run file by file beside them.
"""

from __future__ import annotations

import compileall
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GROUPS = dict.fromkeys(("deploy", "drill", "entry", "lab", "stacks", "tools"), "engine")
GROUPS |= dict.fromkeys(("plan", "roadef"), "compiled")
LONG = (
    *("engine", "compiled", "backup/test_wal.py", "backup/test_work_databases.py"),
    *("backup/test_fault_jobs.py", "backup/test_nothing_secret.py", "alerts/test_firing.py"),
    *("serving/test_serve_command.py", "backup/test_work_aside.py"),
)
"""What takes longest begins first, so that nobody waits for it in the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Compile the product once, and not in each of hundreds of processes.

    Python does so itself, but not where PYTHONDONTWRITEBYTECODE is set.
    """
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(HERE.parents[1] / "src", quiet=2)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            where = item.path.relative_to(HERE)
            item.add_marker(pytest.mark.xdist_group(group_of(where)))
    items.sort(key=_rank)


def group_of(where: Path) -> str:
    """Which tests a file runs with, one after another."""
    return GROUPS.get(where.parts[0], str(where))


def _rank(item: pytest.Item) -> int:
    group = group_of(item.path.relative_to(HERE)) if HERE in item.path.parents else ""
    return LONG.index(group) if group in LONG else len(LONG)
