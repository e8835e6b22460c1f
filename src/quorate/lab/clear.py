"""Removing what labs share: images, and the engine started for them."""

from __future__ import annotations

from quorate.errors import LabError
from quorate.lab import engine, registry, state
from quorate.lab.progress import Progress, Silent, step


def clear_engine(*, progress: Progress | None = None) -> list[str]:
    """Remove the labs' images and stop the engine started for them; what was done, in words.

    The machine's own engine is never stopped.

    Raises:
        LabError: another lab still uses them.
    """
    listener = progress or Silent()
    left = state.every()
    if left:
        raise LabError(
            f"the lab {left[0].name} still uses the images and the engine",
            todo=f"run `quorate lab down {left[0].fleet_path}` first",
        )
    done = []
    found = engine.find()
    if found is not None:
        with step(listener, "remove the labs' images"):
            done.append(f"{len(engine.remove_images(found))} images")
            if registry.remove_storage(found.socket):
                done.append("the registry's storage")
    with step(listener, "stop the engine started for labs"):
        if engine.stop():
            done.append("the lab's engine (stopped)")
    return done
