"""An image that no registry has, with a real engine: saved, proven, removed, loaded again.

The engine is the one that labs are in. One image of a few bytes is made in it, and removed.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.backup.jobs.enumerating import in_no_registry
from quorate.backup.model import Kind
from quorate.backup.place import Repository
from quorate.backup.sources import base, images
from quorate.backup.sources.images import Images
from quorate.errors import EngineError, MachineError
from quorate.lab.engine import ensure
from quorate.lab.progress import Silent
from quorate.tools import docker, dockerimages
from tests.integration.backup import ground, working

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SOURCE = "images/box1"


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """An image of a few bytes."""

    client: DockerClient
    socket: str
    name: str
    id: str


@pytest.fixture
def tiny() -> Iterator[Tiny]:
    socket = str(ensure(progress=Silent()).socket)
    with closing(docker.connect_socket(socket)) as client:
        name = f"quorate-test-{os.getpid()}"  # its tag is `latest`, and not the only one
        client.api.import_image_from_data(_layer(), name, "latest")
        client.api.tag(name, name, "other")
        try:
            yield Tiny(client=client, socket=socket, name=name, id=str(_id(client, name)))
        finally:
            for tag in (name, f"{name}:other"):
                if _id(client, tag) is not None:
                    client.api.remove_image(tag)


def _layer() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("hello")
        content = f"of the process {os.getpid()}".encode() * 100
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _id(client: DockerClient, name: str) -> str | None:
    try:
        return str(client.api.inspect_image(name)["Id"])
    except docker.engine_errors():
        return None


def test_an_image_is_saved_proven_and_comes_back_as_it_was(tiny: Tiny, tmp_path: Path) -> None:
    near: Repository = ground.made(tmp_path, "near")
    spool = tmp_path / "spool"
    about: dict[str, Any] = {"source": SOURCE, "kind": Kind.IMAGES, "given": tiny.socket}
    gone = "quorate-test-gone:1"
    told = {**about, "images": {tiny.name: False, gone: False}}
    saved = working.done(working.job("backup", working.at(near.place), **told), spool)
    assert saved.answer.findings == (f"{gone} is not on this server, so not in this copy",)
    proof = working.done(working.job("prove", working.at(near.place), **about, run="p"), spool)
    (copy,) = proof.answer.copies
    assert copy.proven and copy.kind is Kind.IMAGES
    for tag in (tiny.name, f"{tiny.name}:other"):
        tiny.client.api.remove_image(tag)
    assert _id(tiny.client, tiny.id) is None
    restore = working.job("restore", working.at(near.place), **about, run="r")
    loaded = working.done(restore, spool)
    assert loaded.answer.findings == (f"{tiny.name} is loaded",)
    assert _id(tiny.client, tiny.name) == tiny.id
    assert _id(tiny.client, f"{tiny.name}:other") is None, "only what was asked for is in the copy"
    again = working.done(restore, spool)
    assert again.answer.findings == loaded.answer.findings, "what is there already does no harm"
    into = tmp_path / "by-hand"
    by_hand = {"target_path": str(into), "run": "d"}
    working.done(working.job("restore", working.at(near.place), **about, **by_hand), spool)
    assert {path.name for path in into.iterdir()} >= {"1.tar", images.INDEX, images.NOTES}
    assert working.empty(spool)


def test_a_byte_that_was_changed_in_a_layer_is_no_proof(tiny: Tiny, tmp_path: Path) -> None:
    source = Images(client=tiny.client, wanted={tiny.name: False})
    made = source.dump(tmp_path / "dump")
    assert made.findings == () and source.size() > 0
    assert base.prove(source, tmp_path / "dump") == ()
    archive = tmp_path / "dump/1.tar"
    content = bytearray(archive.read_bytes())
    content[content.index(b"of the process") + 3] ^= 1
    archive.write_bytes(content)
    with pytest.raises(MachineError, match=r"1\.tar is damaged"):
        base.prove(source, tmp_path / "dump")


def test_what_was_made_here_is_told_from_what_a_registry_has(tiny: Tiny) -> None:
    (listed,) = [raw for raw in tiny.client.api.images() if raw["Id"] == tiny.id]
    assert set(in_no_registry(listed)) == {f"{tiny.name}:latest", f"{tiny.name}:other"}
    with pytest.raises(EngineError, match="could not be saved"):
        dockerimages.save_images(tiny.client, ["quorate-test-gone:1"], Path("/dev/null"))
