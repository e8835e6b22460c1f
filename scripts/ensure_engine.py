"""Find the Docker engine that labs and tests use, or install and start one.

Run as `python -m scripts.ensure_engine`: the tests of whole labs and of single
engines need the same programs, so they are there before the first test runs.
"""

from __future__ import annotations

import sys

from quorate.entry.cli.output import report_error
from quorate.entry.cli.progress import reporter
from quorate.errors import QuorateError
from quorate.lab.engine import ensure


def main() -> int:
    """Say which engine it is; the exit code of the error when there is none."""
    try:
        with reporter() as progress:
            found = ensure(progress=progress)
    except QuorateError as error:
        return report_error(error)
    owner = "started for labs" if found.own else "the machine's own"
    print(f"engine: Docker {found.version}, {owner}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
