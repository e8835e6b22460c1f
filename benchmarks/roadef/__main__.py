"""`python -m benchmarks.roadef FOLDER`."""

from __future__ import annotations

import sys

from benchmarks.roadef.run import main

if __name__ == "__main__":
    sys.exit(main())
