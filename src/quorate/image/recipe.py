"""Quorate's own image: its name, and all that goes into it.

One recipe for two builders: the Dockerfile here, and the lab, which has no Debian image to begin
with. Nothing but Debian's packages and this very program is in it.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from quorate.fleet.backup import Backup

NAME = "quorate"
FILES = ("Dockerfile", "packages.txt", "program.sh", "servers.txt", "tools.sh")
PROGRAM = "program"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
COMMAND = ("quorate", "--help")


def image_name(backup: Backup) -> str:
    """What the servers know the image as: the fleet file's name for it, else by our version.

    Nobody can take that name on Docker Hub, which gives those without a slash to its own.
    """
    return backup.image or f"{NAME}:{version(NAME)}"


def text(name: str) -> str:
    """One of `FILES`."""
    return (resources.files("quorate.image") / name).read_text()


def write_context(directory: Path) -> None:
    """Write the Dockerfile with everything it copies."""
    for name in FILES:
        (directory / name).write_text(text(name))
    write_program(directory / PROGRAM)


def write_program(directory: Path) -> None:
    """Write this program's package, as it is here, with its name and version."""
    with resources.as_file(resources.files("quorate")) as source:
        shutil.copytree(source, directory / NAME, ignore=IGNORED)
    known = directory / f"{NAME}-{version(NAME)}.dist-info"
    known.mkdir()
    (known / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version(NAME)}\n"
    )


def program_digest() -> str:
    """A hash of this program's package, to tell whether an image has it."""
    digest = hashlib.sha256()
    with resources.as_file(resources.files("quorate")) as source:
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(source)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
