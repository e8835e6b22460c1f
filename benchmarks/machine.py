"""The machine a measurement was made on: figures without it say little."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe() -> dict[str, object]:
    """Threads, memory in bytes, load at the start, kernel and Python; no name, no path."""
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "threads": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "system": _system(),
    }


def _system() -> str:
    release = Path("/etc/os-release")
    for line in release.read_text().splitlines() if release.exists() else ():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.system()
