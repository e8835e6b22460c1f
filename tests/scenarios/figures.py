"""What scenarios measured: printed, and noted where somebody gathers it.

`benchmarks/recoveries.py` names a file in the environment, to which each figure adds a line of
JSON: what it is of, and its seconds by their names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "QUORATE_FIGURES"
"""The environment variable that names the file."""


def told(what: str, **seconds: float) -> None:
    """Print figures, and add them to the file that the environment names."""
    print(f"{what}: " + ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()))
    if named := os.environ.get(FILE):
        with Path(named).open("a") as file:
            file.write(json.dumps({"what": what, **seconds}) + "\n")
