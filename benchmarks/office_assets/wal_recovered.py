"""Recovers a Postgres from its log into a scratch server and looks at it; prints JSON.

The one argument is JSON: `home` (the log's directory), `place` (where the scratch server's data
goes), `moment` (seconds since 1970; null: the last there is), `user`, `database`, `state` and
`ids`: queries whose answers are JSON. Runs in Quorate's own image.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup.wal import recover
from quorate.tools import pg


def main() -> None:
    """Recover, ask, tell."""
    told = json.loads(sys.argv[1])
    moment = told["moment"] and datetime.fromtimestamp(told["moment"], UTC)
    home, place = Path(told["home"]), Path(told["place"])
    with recover.tried(home, moment, place, role=told["user"]) as (server, done):
        programs = pg.programs_for(server)
        (state,), (ids,) = (
            pg.query(server, told["database"], told[key], programs) for key in ("state", "ids")
        )
    print(
        json.dumps(
            {
                "state": state,
                "ids": ids,
                "seconds": done.seconds,
                "copying": done.copying,
                "segments": done.segments,
                "base": done.base.id,
                "last": done.last.timestamp() if done.last else None,
            }
        )
    )


if __name__ == "__main__":
    main()
