"""What the two containers of a move run: `python3 -m quorate.recover.moving.program VERB [JSON]`.

Not a command of `quorate`: it is started while a service is down, and loads only what it needs.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence

from quorate.errors import QuorateError
from quorate.recover.moving import mover
from quorate.recover.moving.answering import told_error


def main(arguments: Sequence[str]) -> int:
    """Serve the data of a move, wait to be told, or do what is told and answer in JSON."""
    verb, told, *_ = [*arguments, *("", "{}")[len(arguments) :]]
    places = mover.Places()
    try:
        if verb == "serve":
            mover.serve(places)
        if verb == "wait":
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            while True:
                signal.pause()
        print(json.dumps(mover.answer(places, verb, told)))
    except QuorateError as error:
        print(json.dumps(told_error(error)))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
