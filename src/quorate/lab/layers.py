"""Images made by running a script in a container and keeping what it left.

Unlike a Dockerfile's build with the classic builder, a container can be given
mounts: the machine's apt settings and certificate bundle are there while the
script runs, under a path of their own, and are not in the image afterwards.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from quorate.errors import CommandError, LabError
from quorate.lab import machine
from quorate.tools import docker

BUILD_DIRECTORY = "/run/quorate-build"
BUILD_SECONDS = 900.0


def content_tag(repository: str, *recipe: str) -> str:
    """`repository:<hash of the recipe>`: the same recipe always has the same name."""
    digest = hashlib.sha256("\0".join(recipe).encode()).hexdigest()
    return f"{repository}:{digest[:12]}"


def exists(socket: Path, tag: str) -> bool:
    """Whether the engine holds an image of that name."""
    return docker.cli(socket, "image", "inspect", "--format", "{{.Id}}", tag, check=False).ok


def build(
    socket: Path,
    tag: str,
    *,
    base: str,
    script: str,
    changes: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Make image `tag`: run `script` (sh) in a container from `base` and commit it.

    The container shares the machine's network. `$APT_CONFIG` points at the
    machine's apt settings and `$BUILD` at a directory that holds `files`
    (name → text), a copy of `folder` as `folder` and, as `ca.crt`, the
    machine's certificate bundle.

    Args:
        changes: Dockerfile instructions for the image (`CMD […]`, `ENV …`).

    Raises:
        LabError: the script failed; its last lines are the cause.
    """
    with tempfile.TemporaryDirectory(prefix="quorate-build-") as made:
        directory = Path(made)
        _prepare(directory, script=script, files=files or {})
        if folder is not None:
            shutil.copytree(folder, directory / "folder")
        name = f"quorate-build-{hashlib.sha256(tag.encode()).hexdigest()[:12]}"
        docker.cli(socket, "rm", "-f", name, check=False)
        try:
            docker.cli(
                socket,
                *("run", "--name", name, "--network", "host", "--label", "quorate.build=1"),
                *("-v", f"{directory}:{BUILD_DIRECTORY}:ro", "--entrypoint", "/bin/sh"),
                *(base, "-euc", f". {BUILD_DIRECTORY}/script"),
                timeout=BUILD_SECONDS,
            )
            # The build's own command must not stay in the image.
            clean = ("ENTRYPOINT []", 'CMD ["/bin/sh"]')
            instructions = [f"--change={line}" for line in (*clean, *changes)]
            docker.cli(socket, "commit", *instructions, name, tag, timeout=300)
        except CommandError as error:
            raise LabError(
                f"the image {tag} could not be built",
                cause=error.cause or error.what,
                todo="check that apt works on this machine (`apt-get update`), then retry",
            ) from error
        finally:
            docker.cli(socket, "rm", "-f", name, check=False)


def _prepare(directory: Path, *, script: str, files: Mapping[str, str]) -> None:
    directory.chmod(0o755)
    settings = machine.apt_settings()
    bundle = machine.certificate_bundle()
    if bundle is not None:
        (directory / "ca.crt").write_bytes(bundle.read_bytes())
        settings += f'Acquire::https::CAInfo "{BUILD_DIRECTORY}/ca.crt";\n'
    (directory / "apt.conf").write_text(settings)
    # Exported here, since variables given to the container would stay in the image.
    exports = (
        f"export BUILD={BUILD_DIRECTORY} APT_CONFIG={BUILD_DIRECTORY}/apt.conf\n"
        "export DEBIAN_FRONTEND=noninteractive\n"
    )
    (directory / "script").write_text(exports + script)
    for name, text in files.items():
        (directory / name).write_text(text)


def exec_form(*argv: str) -> str:
    """A command in a Dockerfile's exec form."""
    return json.dumps(list(argv))
