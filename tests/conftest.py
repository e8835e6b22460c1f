"""What every test shares: the order of the kinds, and repeatable random tests.

Unit tests come first, then integration tests (real programs and engines), then
scenarios (drills on a whole lab). A kind does not start when an earlier one
failed: a scenario on top of a broken unit would only cost minutes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent
KINDS = ("unit", "integration", "scenarios")

# The same examples on every machine and in every run: a failure is then the
# change's, not chance's. `--hypothesis-profile=explore` looks for new ones.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("repeatable")

# A shell ignores Ctrl-C for what it starts in the background, and that is inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_FAILED_KIND = pytest.StashKey[str]()


@pytest.fixture
def saw(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what was seen of a fault, for docs/reliability.md."""
    return lambda text: record_property("saw", text)


def kind_of(item: pytest.Item) -> str:
    """The directory under tests/ that an item lives in."""
    return item.path.relative_to(TESTS).parts[0]


def _order(item: pytest.Item) -> int:
    kind = kind_of(item)
    return KINDS.index(kind) if kind in KINDS else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by kind; within a kind keep the order of the files."""
    items.sort(key=_order)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the first kind in which a test failed."""
    report = yield
    if report.failed and _FAILED_KIND not in item.config.stash:
        item.config.stash[_FAILED_KIND] = kind_of(item)
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the run before a kind when a kind before it failed."""
    failed = item.config.stash.get(_FAILED_KIND, None)
    if failed is not None and failed != kind_of(item):
        item.session.shouldfail = f"{failed} tests failed, so the {kind_of(item)} tests did not run"
        pytest.skip(str(item.session.shouldfail))
