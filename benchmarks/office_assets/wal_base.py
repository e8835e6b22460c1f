"""Makes another base backup, in a receiver's container, beside the receiver; prints the seconds."""

import os
import sys
import time
from pathlib import Path

from quorate.backup.wal.main import read, server_of
from quorate.backup.wal.model import VARIABLE
from quorate.tools import command, pg
from quorate.tools.barman import Barman
from quorate.tools.passfile import private_file

SECONDS = 3600.0


def main() -> int:
    """Make it; the exit code of Barman."""
    told = read(os.environ[VARIABLE])
    home, began = Path(told.home), time.monotonic()
    with private_file(pg.passfile(server_of(told.reach)), "pgpass") as secret:
        barman = Barman(config=home / "barman.conf", environment={"PGPASSFILE": str(secret)})
        making = barman.backup(Path("/tmp/second-base.log"), fast=True)
        code = making.wait(SECONDS)
        command.let_go(making, patience=5.0)
    print(f"{time.monotonic() - began:.1f}")
    if code != 0:
        print(Path("/tmp/second-base.log").read_text()[-2000:], file=sys.stderr)
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
