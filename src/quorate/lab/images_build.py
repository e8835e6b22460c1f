"""The images behind the lab's registry: the services', and Quorate's own on top of that.

The services image has all of Debian's programs and the stand-in, in one.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from quorate.image import recipe
from quorate.lab import images, layers, nodeimage
from quorate.lab.engine import LabEngine
from quorate.lab.progress import Progress, Silent, step
from quorate.tools import filelock

REPOSITORY = "quorate-lab/services"
BUILD_SCRIPT = "services-build.sh"
TOOLS_REPOSITORY = "quorate-lab/tools"
QUORATE_REPOSITORY = "quorate-lab/quorate"
TOOLS_SCRIPT = 'sh "$BUILD/tools.sh" "$BUILD/packages.txt"\n'
PROGRAM_SCRIPT = 'sh "$BUILD/program.sh" "$BUILD/folder"\n'


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
    with _alone(tag):
        if not layers.exists(engine.socket, tag):
            with step(listener, "services image (Postgres, Redis, Prometheus … and stand-ins)"):
                files = asset_texts()
                layers.build(engine.socket, tag, base=base, script=files[BUILD_SCRIPT], files=files)
    return tag


def ensure_quorate(engine: LabEngine, *, progress: Progress | None = None) -> str:
    """The name of Quorate's own image, after making what lacks of it.

    Two layers on the services image, which has the databases: the tools, which stay as they
    are, and this program, which does not.

    Raises:
        LabError: it cannot be built here.
    """
    listener = progress or Silent()
    services = ensure_services(engine, progress=listener)
    tools = tools_tag()
    with _alone(tools):
        if not layers.exists(engine.socket, tools):
            files = {name: recipe.text(name) for name in recipe.FILES}
            with step(listener, "backup tools (restic, rclone, Python)"):
                layers.build(engine.socket, tools, base=services, script=TOOLS_SCRIPT, files=files)
    tag = layers.content_tag(QUORATE_REPOSITORY, tools, recipe.program_digest())
    with _alone(tag):
        if not layers.exists(engine.socket, tag):
            with step(listener, "Quorate's own image"), TemporaryDirectory() as made:
                recipe.write_program(Path(made) / recipe.PROGRAM)
                layers.build(
                    engine.socket,
                    tag,
                    base=tools,
                    script=PROGRAM_SCRIPT,
                    files={"program.sh": recipe.text("program.sh")},
                    folder=Path(made) / recipe.PROGRAM,
                )
    return tag


def tools_tag() -> str:
    """The name of the image with the tools of backup jobs: its recipe's hash."""
    texts = (recipe.text("tools.sh"), recipe.text("packages.txt"), TOOLS_SCRIPT)
    return layers.content_tag(TOOLS_REPOSITORY, services_tag(), *texts)


def _alone(tag: str) -> AbstractContextManager[None]:
    """One lock for all users of the machine, since they share the engine."""
    lock = Path(tempfile.gettempdir()) / f"quorate-{tag.replace('/', '-').replace(':', '-')}.lock"
    return filelock.hold(lock, what=f"building {tag}", timeout=layers.BUILD_SECONDS)


BUILDERS = {images.SERVICES: ensure_services, images.QUORATE: ensure_quorate}
"""By the bases that names in the registry have."""
