"""Which images of a server are saved: those that no registry is known to have, and those named."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from quorate.backup.sources import images
from quorate.backup.sources.image_archive import Saved
from quorate.backup.sources.images import Held, choose, is_same
from quorate.errors import EngineError, MachineError, RefusedError
from quorate.fleet.image_names import tagged
from quorate.tools import docker
from tests.unit.backup.sources.test_image_archive import LAYER, configuration, modern, sha

D = "sha256:" + "d" * 64
REFUSED = docker.engine_errors()[0]
"""Looked up here: importing the SDK looks for a network, which no unit test may."""


def held(id: str, *digests: str, layers: tuple[str, ...] = ("l",)) -> Held:
    return Held(id=id, size=1, tags=(), digests=digests, layers=layers)


def test_what_a_registry_has_stays_out_unless_it_was_named() -> None:
    here = {
        "app:1": held("a"),
        "nginx:1": held("n", f"nginx@{D}"),
        "mine:1": held("n", f"nginx@{D}"),
        "own.example.org/app:1": held("o", f"own.example.org/app@{D}"),
    }
    wanted = dict.fromkeys([*here, "gone:1"], False) | {"own.example.org/app:1": True}
    found = choose(wanted, here, tells=True)
    assert found.saved == {"a": ("app:1",), "n": ("mine:1",), "o": ("own.example.org/app:1",)}
    assert found.elsewhere == {"nginx:1": (f"nginx@{D}",)}
    assert found.missing == ("gone:1",)


def test_an_engine_that_calls_everything_by_a_digest_tells_nothing() -> None:
    here = {"app:1": held("a", f"app@{D}")}
    assert choose({"app:1": False}, here, tells=False).saved == {"a": ("app:1",)}
    assert choose({"app:1": False}, here, tells=True).saved == {}


def test_two_names_of_one_image_are_one_archive() -> None:
    here = {"app:1": held("a"), "app:2": held("a")}
    assert choose(dict.fromkeys(here, False), here, tells=True).saved == {"a": ("app:1", "app:2")}


def test_of_composes_two_names_one_is_enough() -> None:
    wanted = {"old-app": False, "old_app": False}
    assert choose(wanted, {"old_app": held("a")}, tells=True).missing == ()
    assert choose(wanted, {}, tells=True).missing == ("old-app", "old_app")


def test_an_image_is_another_one_by_its_configuration() -> None:
    saved = Saved(names=(), config="c", layers=(), diffs=("l",))
    assert is_same(held("sha256:c"), saved, tells=True)
    assert not is_same(held("sha256:other"), saved, tells=True)
    assert is_same(held("sha256:of a manifest"), saved, tells=False)
    assert not is_same(held("sha256:c", layers=("m",)), saved, tells=False)


def dumped(directory: Path, *files: str) -> Path:
    entries = [{"file": name, "names": ["app:1"]} for name in files]
    text = json.dumps({"format": 1, "images": entries})
    (directory / images.INDEX).write_text(text)
    return directory


def test_no_image_is_a_dump_too_whose_list_is_compared(tmp_path: Path) -> None:
    parts = images.look(dumped(tmp_path)).parts
    assert list(parts) == [images.INDEX] and parts[images.INDEX].startswith("0:")


def test_archives_that_are_not_those_of_the_list_are_no_proof(tmp_path: Path) -> None:
    modern(tmp_path / "1.tar")
    assert "1.tar config" in images.look(dumped(tmp_path, "1.tar")).parts
    for listed in ((), ("1.tar", "2.tar"), ("../1.tar",)):
        with pytest.raises(MachineError, match="names"):
            images.look(dumped(tmp_path, *listed))


class FakeEngine:
    """What an engine says of its images; `loads`: the id that a name has after a load."""

    def __init__(self, here: dict[str, str], loads: str) -> None:
        self.here, self.loads = here, loads
        self.loaded = 0
        self.api = self

    def info(self) -> dict[str, Any]:
        return {"DriverStatus": [["Backing Filesystem", "extfs"]]}

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name not in self.here:
            refusal: Any = REFUSED("no such image")
            refusal.response = SimpleNamespace(status_code=404)
            raise refusal
        layers = [f"sha256:{sha(LAYER)}"]
        return {"Id": self.here[name], "RootFS": {"Layers": layers}}

    def load_image(self, file: IO[bytes], quiet: bool) -> list[dict[str, str]]:
        self.loaded += 1
        self.here["app:1"] = self.loads
        return [{"stream": "Loaded image: app:1"}]


SAVED = f"sha256:{sha(configuration(LAYER))}"


def loaded(tmp_path: Path, engine: FakeEngine, *, over: bool = False) -> tuple[str, ...]:
    modern(tmp_path / "1.tar")
    return images.load(dumped(tmp_path, "1.tar"), cast(Any, engine), over=over)


def test_a_name_is_not_taken_from_another_image_unless_that_was_said(tmp_path: Path) -> None:
    engine = FakeEngine({"app:1": "sha256:other"}, SAVED)
    with pytest.raises(RefusedError, match="app:1 is another image on this server"):
        loaded(tmp_path, engine)
    assert engine.loaded == 0
    (said,) = loaded(tmp_path, engine, over=True)
    assert said == "app:1 is loaded; the image that had the name is there without it"
    assert loaded(tmp_path, FakeEngine({"app:1": SAVED}, SAVED)) == ("app:1 is loaded",)


def test_an_engine_that_has_another_image_afterwards_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="has another image of that name"):
        loaded(tmp_path, FakeEngine({}, "sha256:built meanwhile"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "images": []}'])
def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / images.INDEX).write_text(text)
    with pytest.raises(MachineError, match="cannot be read"):
        images.look(tmp_path)


def test_a_name_without_a_tag_is_not_all_tags_of_its_repository() -> None:
    assert tagged("shop/web") == "shop/web:latest"
    assert tagged("own.example.org:5000/web") == "own.example.org:5000/web:latest"
    for whole in ("web:1", f"web@{D}"):
        assert tagged(whole) == whole
