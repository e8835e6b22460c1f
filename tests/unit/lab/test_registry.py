"""The registry's storage as docker-registry reads it, and what the filling program is told."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import tarfile
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from quorate.lab import images, registry
from quorate.lab.images_names import parse
from quorate.lab.state import Lab


def asset(name: str) -> ModuleType:
    """A program of the lab's images, loaded without running it."""
    path = resources.files("quorate.lab") / "assets" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, str(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fill = asset("fill")
standin = asset("standin")

BASE: dict[str, Any] = {
    "architecture": "amd64",
    "layers": [
        {"mediaType": "x", "size": 9, "digest": f"sha256:{'a' * 64}", "plain": f"sha256:{'b' * 64}"}
    ],
}


def image(tag: str = "1", links: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "repository": "team/app",
        "tag": tag,
        "configuration": {"Env": ["A=1"]},
        "links": list(links),
    }


def read_image(storage: Any, tag: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and configuration, found the way docker-registry does."""
    home = storage.base / "repositories/team/app"
    digest = (home / "_manifests/tags" / tag / "current/link").read_text()
    bare = digest.removeprefix("sha256:")
    assert (home / "_manifests/revisions/sha256" / bare / "link").read_text() == digest
    assert (home / "_manifests/tags" / tag / "index/sha256" / bare / "link").exists()
    data = storage.blob_path(digest).read_bytes()
    assert hashlib.sha256(data).hexdigest() == bare
    manifest = json.loads(data)
    for part in (manifest["config"], *manifest["layers"]):
        link = home / "_layers/sha256" / part["digest"].removeprefix("sha256:") / "link"
        assert link.read_text() == part["digest"]
    return manifest, json.loads(storage.blob_path(manifest["config"]["digest"]).read_bytes())


def test_an_image_is_found_under_its_name(tmp_path: Path) -> None:
    storage = fill.Storage(tmp_path)
    digest = fill.put(storage, image(), BASE)
    manifest, configuration = read_image(storage, "1")
    assert configuration["rootfs"]["diff_ids"] == [BASE["layers"][0]["plain"]]
    assert configuration["config"] == {"Env": ["A=1"]}
    assert "plain" not in manifest["layers"][0]
    assert fill.put(storage, image(), BASE) == digest, "the same image has the same digest"


def test_links_are_a_layer_of_their_own(tmp_path: Path) -> None:
    storage = fill.Storage(tmp_path)
    fill.put(storage, image(links=("/opt/x/check",)), BASE)
    manifest, configuration = read_image(storage, "1")
    data = storage.blob_path(manifest["layers"][1]["digest"]).read_bytes()
    assert len(configuration["rootfs"]["diff_ids"]) == 2
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        entry = archive.getmembers()[0]
    assert (entry.name, entry.issym(), entry.linkname) == ("opt/x/check", True, fill.PROBE)


def test_a_tag_can_move_and_the_former_image_stays(tmp_path: Path) -> None:
    storage = fill.Storage(tmp_path)
    first = fill.put(storage, image(), BASE)
    second = fill.put(storage, image() | {"configuration": {}}, BASE)
    _, configuration = read_image(storage, "1")
    assert configuration["config"] == {}
    assert storage.blob_path(first).exists()
    assert first != second


def test_the_plan_names_every_image(lab: Lab) -> None:
    held = images.Holdings(
        sources={},
        images=(
            images.LabImage(
                reference=parse("quay.io/a/b:1"), configuration={"User": "x"}, links=("/y",)
            ),
        ),
    )
    built = {"services": "quorate-lab/services:abc"}
    plan = registry.fill_plan(lab, held, built, ("hub.lab", "quay.io"))
    assert plan["names"] == [
        {
            "repository": "a/b",
            "tag": "1",
            "base": "services",
            "configuration": {"User": "x"},
            "links": ["/y"],
        }
    ]
    assert plan["images"] == built and held.bases == ("services",)
    assert plan["library"] == "/store/library"
    assert plan["root"] == "/store/labs/office"
    assert registry.address(lab) == "198.18.7.2"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", b"stand-in for"),
        ("/metrics", b"standin_up"),
        ("/actuator/health", b'"status":"UP"'),
    ],
)
def test_a_stand_in_answers_every_path(path: str, said: bytes) -> None:
    answer = standin.answer_http(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert said in body
    assert f"Content-Length: {len(body)}".encode() in head
    assert standin.answer_http(f"HEAD {path} HTTP/1.1\r\n\r\n".encode()).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"EHLO me\r\n", b"250 stand-in\r\n"),
        (b"QUIT\r\n", b"221 stand-in\r\n"),
        (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        (b"a1 CAPABILITY\r\n", b"a1 OK stand-in\r\n"),
        (b"\r\n", b"OK stand-in\r\n"),
    ],
)
def test_a_stand_in_answers_lines(line: bytes, said: bytes) -> None:
    assert standin.answer_line(line) == said
