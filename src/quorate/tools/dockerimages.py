"""Images taken out of an engine, and put into one: `docker save` and `docker load`, in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.errors import EngineError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def save_images(client: DockerClient, names: Sequence[str], into: Path) -> None:
    """What `docker save` gives of these names, to a file here, piece by piece.

    Raises:
        EngineError: the engine has one of them no more, or broke off.
        OSError: there is no room here.
    """
    api = client.api
    what = f"the image {', '.join(names)} could not be saved"
    with docker.translated(what), into.open("wb") as out:
        url = f"{api.base_url}/v{api.api_version}/images/get"
        answer = api.get(url, params={"names": list(names)}, stream=True, timeout=api.timeout)
        with answer:
            if not answer.ok:
                raise docker.refusal(what, answer)
            for piece in answer.iter_content(docker.PIECE):
                out.write(piece)


def load_image(client: DockerClient, archive: Path) -> None:
    """What `docker load` does with an archive.

    Raises:
        EngineError: the engine takes it for damaged, or has no room.
        OSError: the archive cannot be read.
    """
    what = f"the image in {archive.name} could not be loaded"
    with archive.open("rb") as file, docker.translated(what):
        for line in client.api.load_image(file, quiet=True):
            if line.get("error"):
                raise EngineError(what, cause=str(line["error"]))


def copy_image(source: DockerClient, target: DockerClient, name: str) -> None:
    """What `docker save NAME | ssh … docker load` does, by way of this machine; nothing is kept.

    Raises:
        EngineError: the one has it no more, the other has no room, or the way broke.
    """
    api, what = source.api, f"the image {name} could not be copied"
    with docker.translated(what):
        url = f"{api.base_url}/v{api.api_version}/images/get"
        answer = api.get(url, params={"names": [name]}, stream=True, timeout=api.timeout)
        with answer:
            if not answer.ok:
                raise docker.refusal(what, answer)
            for line in target.api.load_image(answer.iter_content(docker.PIECE)):
                if line.get("error"):
                    raise EngineError(what, cause=str(line["error"]))
