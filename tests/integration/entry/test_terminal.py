"""Commands on a real terminal (a pseudo-terminal), where their display is a live one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

# Nothing listens on the discard port; loopback answers at once that nothing does.
FLEET = """\
version: 1
name: nobody
servers:
  one: {address: 127.0.0.1, ssh: {port: 9}, cpus: 2, memory: 4GiB, role: manager}
stacks:
  web: {files: [web.yaml]}
"""
STACK = "services: {web: {image: nginx}}\n"


def on_a_terminal(*command: str, home: Path) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; its exit code and all it showed."""
    ours, its = pty.openpty()
    try:
        with subprocess.Popen(
            [Path(sys.executable).with_name("quorate"), *command],
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=home,
            env={**os.environ, "TERM": "xterm", "HOME": str(home)},
            start_new_session=True,
        ) as process:
            os.close(its)
            shown = b"".join(iter(lambda: _read(ours), b""))
    finally:
        os.close(ours)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other side has closed
        return b""


def test_up_shows_its_steps_and_then_the_error(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "web.yaml").write_text(STACK)
    code, shown = on_a_terminal("up", home=tmp_path)
    assert "Traceback" not in shown
    assert "looking at the servers" in shown
    assert "error:" in shown
    assert code == 6
