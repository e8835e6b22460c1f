"""The command that the two services of a move run: `quorate mover`, and what is run beside it."""

from __future__ import annotations

import json
import signal
import sys

import typer

VERB = typer.Argument(..., help="serve, wait, or what is to be done.")
TOLD = typer.Argument("{}", help="What it is told, as JSON.")


def mover(verb: str = VERB, told: str = TOLD) -> None:
    """Serve the data of a move, wait to be told, or do what is told and answer in JSON."""
    from quorate.errors import QuorateError
    from quorate.recover.moving import mover as inside
    from quorate.recover.moving.answering import told_error

    places = inside.Places()
    if verb == "serve":
        inside.serve(places)
    elif verb == "wait":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            signal.pause()
    try:
        answer = inside.answer(places, verb, told)
    except QuorateError as error:
        typer.echo(json.dumps(told_error(error)))
        raise typer.Exit(error.exit_code) from None
    typer.echo(json.dumps(answer))
