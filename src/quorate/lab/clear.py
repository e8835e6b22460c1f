"""Removing what labs share: images, the registry's storage, the engine started for them."""

from __future__ import annotations

from pathlib import Path

from quorate.errors import LabError
from quorate.lab import engine, registry, state
from quorate.lab.engine import LabEngine
from quorate.lab.node_options import LABEL_LAB
from quorate.lab.progress import Progress, Silent, step
from quorate.tools import docker


def clear_engine(*, progress: Progress | None = None, socket: Path | None = None) -> list[str]:
    """Remove the labs' images, and stop the engine if it was started for labs; in words.

    An engine that is not the labs' own, or still runs anything, is left running.

    Args:
        socket: the engine the last lab ran on; None: the one a new lab would use.

    Raises:
        LabError: a lab, whoever brought it up, still uses them.
    """
    listener = progress or Silent()
    found = engine.find(extra=socket)
    _refuse_used(found)
    if found is None:
        return []
    done = []
    with step(listener, "remove the labs' images"):
        done.append(f"{len(engine.remove_images(found))} images")
        if registry.remove_storage(found.socket):
            done.append("the registry's storage")
    if found.own and not docker.cli(found.socket, "ps", "-q").stdout.strip():
        with step(listener, "stop the engine started for labs"):
            if engine.stop():
                done.append("the engine started for labs (stopped)")
    return done


def _refuse_used(found: LabEngine | None) -> None:
    """A lab may be another person's, whose state is not ours to see: ask the engine too."""
    names = {lab.name for lab in state.every()}
    if found is not None:
        form = f'{{{{.Label "{LABEL_LAB}"}}}}'
        filters = ("--filter", f"label={LABEL_LAB}")
        listed = docker.cli(found.socket, "ps", "-a", "--format", form, *filters).stdout
        names |= set(listed.split())
    if names:
        raise LabError(
            f"the images and the engine are still used by: {', '.join(sorted(names))}",
            cause="other labs, perhaps other people's, are there",
            todo="run `quorate lab down` for each of them first",
        )
