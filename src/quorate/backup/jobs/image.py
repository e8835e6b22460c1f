"""Building Quorate's own image, and saying how servers come by it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from quorate.deploy.registries import registry_of
from quorate.errors import CommandError, EngineError
from quorate.image.recipe import write_context
from quorate.tools import command

BUILD_SECONDS = 1800.0


def build_image(
    name: str, majors: Sequence[str], say: Callable[[str], None], *, base: str = ""
) -> None:
    """Build the image with the engine that the `docker` here talks to.

    Args:
        majors: majors of Postgres beside Debian's own.
        say: is given each line of the build.
        base: the Debian it is built on; empty: the official one.

    Raises:
        EngineError: the build failed.
    """
    with tempfile.TemporaryDirectory(prefix="quorate-image-") as made:
        directory = Path(made)
        write_context(directory)
        argument = f"POSTGRES_MAJORS={' '.join(majors)}"
        argv = ["docker", "build", "--tag", name, "--build-arg", argument]
        argv += ["--build-arg", f"BASE={base}"] if base else []
        try:
            done = command.follow([*argv, made], say, timeout=BUILD_SECONDS)
        except CommandError as error:
            raise EngineError(error.what, cause=error.cause, todo=error.todo) from error
    if not done.ok:
        raise EngineError(
            f"the image {name} could not be built",
            cause=command.last_lines(done.stderr or done.stdout),
            todo="`quorate backup image --write DIRECTORY` writes what `docker build` is given",
        )


def described(name: str, *, built: bool) -> Iterator[str]:
    """What people have to know and do, line by line. Pure."""
    yield f"backups run the image {name}"
    if not built:
        yield "  build it:  quorate backup image --build"
    if "/" in name:
        yield f"  give it to the servers:  docker push {name}"
    else:
        yield f"  give it to each server:  docker save {name} | ssh SERVER docker load"
        yield "  or name it for a registry:  `image:` under `backup:` in the fleet file, then push"
    host = registry_of(name)
    if "/" in name and host != "docker.io":
        yield f"  servers log in to {host} with what `registries:` in the fleet file says"
