"""The services image: all of Debian's programs and the stand-in, in one."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

from quorate.lab import layers, nodeimage
from quorate.lab.engine import LabEngine
from quorate.lab.progress import Progress, Silent, step
from quorate.tools import filelock

REPOSITORY = "quorate-lab/services"
BUILD_SCRIPT = "services-build.sh"


def asset_texts() -> dict[str, str]:
    """Every file that goes into the image, name → text."""
    folder = resources.files("quorate.lab") / "assets"
    found = {item.name: item.read_text() for item in folder.iterdir() if item.is_file()}
    return dict(sorted(found.items()))


def services_tag() -> str:
    """The name of the services image: its recipe's hash."""
    recipe = [part for item in asset_texts().items() for part in item]
    return layers.content_tag(REPOSITORY, nodeimage.base_tag(), *recipe)


def ensure_services(engine: LabEngine, *, progress: Progress | None = None) -> str:
    """The services image's name, after making the image when the engine has none.

    Raises:
        LabError: it cannot be built here.
    """
    tag = services_tag()
    listener = progress or Silent()
    if layers.exists(engine.socket, tag):
        return tag
    base = nodeimage.ensure_base(engine, progress=listener)
    # One lock for all users of the machine, since they share the engine.
    lock = Path(tempfile.gettempdir()) / f"quorate-{tag.replace('/', '-').replace(':', '-')}.lock"
    with filelock.hold(lock, what=f"building {tag}"):
        if not layers.exists(engine.socket, tag):
            with step(listener, "services image (Postgres, Redis, Prometheus … and stand-ins)"):
                files = asset_texts()
                layers.build(engine.socket, tag, base=base, script=files[BUILD_SCRIPT], files=files)
    return tag
