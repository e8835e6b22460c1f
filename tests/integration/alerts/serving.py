"""`quorate metrics --listen` as a process, over servers that a program plays."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

QUORATE = Path(sys.executable).with_name("quorate")
FAKE_SSH = Path(__file__).parents[2] / "fakes/ssh"
SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """A running `quorate metrics --listen`."""

    url: str
    process: subprocess.Popen[str]

    @property
    def target(self) -> str:
        """Host and port, as Prometheus takes them."""
        return self.url.removeprefix("http://").removesuffix("/metrics")


@contextlib.contextmanager
def exporter(fleet: Path, place: Path, **environment: str) -> Iterator[Exporter]:
    """One that observes every second; its temporary files in `place`; ended by SIGTERM."""
    place.mkdir()
    path = f"{FAKE_SSH}:{os.environ['PATH']}"
    process = subprocess.Popen(
        [str(QUORATE), "metrics", str(fleet), "--listen", "127.0.0.1:0", "--every", "1s"],
        env={**os.environ, "PATH": path, "TMPDIR": str(place), **environment},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
            assert found, said
            yield Exporter(url=found[0], process=process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=SECONDS)
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
