"""Hooks in a container, and a file as an archive; on fake containers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.backup import inside
from quorate.backup.inside import Container
from quorate.errors import CommandError, MachineError

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@dataclass
class FakeInside:
    """Remembers what is run; what has `bad` in it fails."""

    ran: list[list[str]] = field(default_factory=list)

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        self.ran.append(list(argv))
        return (3, "first\nlast words") if "bad" in argv[-1] else (0, "")

    def take(self, path: str, into: Path) -> None:
        raise AssertionError

    def put(self, file: Path, path: str) -> None:
        raise AssertionError


def test_hooks_run_in_their_order_by_the_containers_shell() -> None:
    fake = FakeInside()
    inside.hooks(fake, ("flush --all", "touch /tmp/x && sync"), when="before")
    assert fake.ran == [["sh", "-c", "flush --all"], ["sh", "-c", "touch /tmp/x && sync"]]


def test_the_first_hook_that_fails_is_the_last() -> None:
    fake = FakeInside()
    with pytest.raises(CommandError, match=r"hook `bad` before the backup .* code 3") as caught:
        inside.hooks(fake, ("good", "bad", "never"), when="before")
    assert [argv[-1] for argv in fake.ran] == ["good", "bad"]
    assert "last words" in str(caught.value.cause)


class FakeEngine:
    """Lists containers, and keeps what is put into one."""

    def __init__(self, *names: str) -> None:
        self.names, self.put = names, b""
        self.cut: int | None = None

    @property
    def api(self) -> FakeEngine:
        return self

    def containers(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        assert filters == {"status": "running"}
        return [
            {"Id": f"id-{name}", "Names": [f"/{name}"], "Created": number}
            for number, name in enumerate(self.names)
        ]

    def get_archive(self, container: str, path: str) -> tuple[Any, dict[str, Any]]:
        """An archive of one file, in pieces, some of them empty."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(path.rpartition("/")[2])
            entry.size = len(self.put)
            archive.addfile(entry, io.BytesIO(self.put))
        whole = packed.getvalue()[: self.cut]
        pieces = [whole[start : start + 700] for start in range(0, len(whole), 700)]
        return iter([b"", *pieces, b""]), {}

    def put_archive(self, container: str, path: str, data: Any) -> None:
        self.put = b"".join(data)


def test_the_newest_container_that_matches() -> None:
    engine = FakeEngine("shop_app.1.abc", "shop_apple.1.x", "shop_app.2.def")
    found = inside.matching(cast("DockerClient", engine), r"^shop_app\.")
    assert found.id == "id-shop_app.2.def"
    with pytest.raises(MachineError, match="no container that matches"):
        inside.matching(cast("DockerClient", engine), r"^app\.")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 100_000])
def test_a_file_is_put_in_as_an_archive(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    engine = FakeEngine()
    Container(client=cast("DockerClient", engine), id="x").put(file, "/etc/gitlab/secrets.json")
    with tarfile.open(fileobj=io.BytesIO(engine.put)) as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert content is not None and content.read() == file.read_bytes()
    assert (member.name, member.mode, member.uid) == ("secrets.json", 0o600, 0)


@pytest.mark.parametrize("size", [0, 1, 512, 100_000])
def test_a_file_is_taken_out_of_an_archive(tmp_path: Path, size: int) -> None:
    engine = FakeEngine()
    engine.put = bytes(range(250)) * (size // 250) + bytes(size % 250)
    into = tmp_path / "out"
    Container(client=cast("DockerClient", engine), id="x").take("/a/b.tar", into)
    assert into.read_bytes() == engine.put


@pytest.mark.parametrize("cut", [0, 100, 600, 5000])
def test_half_a_file_is_none(tmp_path: Path, cut: int) -> None:
    engine = FakeEngine()
    engine.put, engine.cut = bytes(10_000), cut
    with pytest.raises(MachineError):
        Container(client=cast("DockerClient", engine), id="x").take("/a/b.tar", tmp_path / "out")
