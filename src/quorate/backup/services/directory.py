"""Directories on servers, made by their own engines: people's accounts may not be allowed to."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from quorate.errors import MachineError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

INSIDE = "/made"
SECONDS = 60


def ensure_directory(client: DockerClient, image: str, path: str) -> None:
    """See that a directory is there on an engine's server, private to root.

    An engine makes what a container's bind mount names; of a service's it does not.

    Raises:
        EngineError: the engine refuses. MachineError: its mode cannot be set.
    """
    api = client.api
    with docker.translated(f"the directory {path} could not be made"):
        made = api.create_container(
            image,
            command=["chmod", "700", INSIDE],
            host_config=api.create_host_config(binds=[f"{path}:{INSIDE}"], network_mode="none"),
        )
        try:
            api.start(made["Id"])
            code = int(api.wait(made["Id"], timeout=SECONDS)["StatusCode"])
        finally:
            with contextlib.suppress(*docker.engine_errors()):
                api.remove_container(made["Id"], force=True)
    if code:
        raise MachineError(
            f"the mode of {path} cannot be set (exit code {code})",
            todo="look at that directory on its server",
        )
