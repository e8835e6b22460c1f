"""`.ci/run` calls the README's test command and tells the truth about how it ended."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOSING = "=========== 3 passed, 1 failed in 2.50s ==========="


def run(tmp_path: Path, *, code: int) -> subprocess.CompletedProcess[str]:
    """`.ci/run` with a `make` that notes its arguments and ends like the real one would."""
    fake = tmp_path / "make"
    fake.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nwc -c > {tmp_path}/input\n'
        f"echo '{CLOSING}'\necho 'make: *** [test] Error 1' >&2\nexit {code}\n"
    )
    fake.chmod(0o755)
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        input="typed by nobody",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("code", [0, 2])
def test_the_exit_code_is_makes_and_pytests_closing_line_comes_last(
    tmp_path: Path, code: int
) -> None:
    done = run(tmp_path, code=code)
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == CLOSING


def test_it_runs_the_readmes_command_with_nothing_on_standard_input(tmp_path: Path) -> None:
    run(tmp_path, code=0)
    target = (tmp_path / "arguments").read_text().split()[-1]
    assert (tmp_path / "input").read_text().strip() == "0"
    assert re.search(rf"(?m)^.*make {target}\b", (ROOT / "README.md").read_text())
