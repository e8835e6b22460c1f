"""Archives of `docker save`: what is in them is what it is called, or they are damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from quorate.backup.sources import image_archive
from quorate.errors import MachineError

LAYER = b"the content of a layer" * 1000


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def configuration(*diffs: bytes) -> bytes:
    listed = [f"sha256:{sha(one)}" for one in diffs]
    return json.dumps({"rootfs": {"type": "layers", "diff_ids": listed}}).encode()


def tarred(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, to in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, to
            archive.addfile(member)
    return path


def listed(config: str, layers: list[str], names: list[str] | None = None) -> bytes:
    entry = {"Config": config, "RepoTags": names or ["app:1"], "Layers": layers}
    return json.dumps([entry]).encode()


def modern(path: Path, named: bytes = LAYER, **other: bytes) -> Path:
    """As engines from 25 on lay one out; `other` replaces what is in it."""
    config = configuration(LAYER)
    files = {
        "manifest.json": listed(f"blobs/sha256/{sha(config)}", [f"blobs/sha256/{sha(named)}"]),
        f"blobs/sha256/{sha(config)}": other.get("config", config),
        f"blobs/sha256/{sha(named)}": other.get("layer", named),
    }
    return tarred(path, files)


def old(path: Path, layer: bytes = LAYER) -> Path:
    config = configuration(LAYER, LAYER)
    files = {
        f"{sha(config)}.json": config,
        "a/layer.tar": layer,
        "manifest.json": listed(f"{sha(config)}.json", ["a/layer.tar", "b/layer.tar"]),
    }
    return tarred(path, files, {"b/layer.tar": "../a/layer.tar"})


def why(path: Path) -> str:
    with pytest.raises(MachineError) as raised:
        image_archive.read(path)
    assert "is damaged" in raised.value.what
    return raised.value.cause or ""


def test_both_layouts_are_read_and_layers_are_named_by_their_content(tmp_path: Path) -> None:
    new = image_archive.read(modern(tmp_path / "new.tar"))
    assert new.names == ("app:1",) and new.config == sha(configuration(LAYER))
    assert [(one.size, one.digest) for one in new.layers] == [(len(LAYER), sha(LAYER))]
    linked = image_archive.read(old(tmp_path / "old.tar"))
    assert linked.diffs == (f"sha256:{sha(LAYER)}",) * 2 and linked.layers == new.layers * 2


def test_a_layer_that_is_packed_counts_by_what_is_in_it(tmp_path: Path) -> None:
    packed = gzip.compress(LAYER)
    found = image_archive.read(modern(tmp_path / "packed.tar", packed))
    assert found.layers[0].digest == sha(packed)
    assert "has the content" in why(modern(tmp_path / "other.tar", gzip.compress(b"other")))
    cut = gzip.compress(LAYER)[:-9]
    assert why(modern(tmp_path / "cut.tar", cut))


def test_what_is_packed_in_another_way_is_named_by_its_own_digest(tmp_path: Path) -> None:
    packed = image_archive.ZSTD + b"whatever"
    assert image_archive.read(modern(tmp_path / "z.tar", packed)).layers[0].digest == sha(packed)
    assert why(modern(tmp_path / "changed.tar", packed, layer=packed + b"!"))
    assert "has the content" in why(old(tmp_path / "unnamed.tar", packed))


@pytest.mark.parametrize("part", ["config", "layer"])
def test_one_changed_byte_is_found(tmp_path: Path, part: str) -> None:
    content = {"config": configuration(LAYER), "layer": LAYER}[part]
    changed = content[:-1] + bytes([content[-1] ^ 1])
    assert why(modern(tmp_path / "x.tar", **{part: changed}))


def test_a_changed_layer_of_the_old_layout_is_found(tmp_path: Path) -> None:
    assert "has the content" in why(old(tmp_path / "x.tar", LAYER[:-1] + b"!"))


def test_what_is_cut_off_or_is_no_archive_is_damaged(tmp_path: Path) -> None:
    whole = modern(tmp_path / "whole.tar").read_bytes()
    for size in (0, 100, 3000, len(LAYER)):
        path = tmp_path / f"{size}.tar"
        path.write_bytes(whole[:size])
        assert why(path)
    layers: dict[str, bytes] = {"manifest.json": listed("config", [])}
    for number, manifest in enumerate(
        (b"", b"{}", b"[]", b"[1]", b"[{}, {}]", layers["manifest.json"], b"[" * 100_000)
    ):
        assert why(tarred(tmp_path / f"m{number}.tar", {"manifest.json": manifest}))


def test_a_layer_fewer_than_the_configuration_names_is_found(tmp_path: Path) -> None:
    config = configuration(LAYER)
    name = f"{sha(config)}.json"
    path = tarred(tmp_path / "x.tar", {name: config, "manifest.json": listed(name, [])})
    assert why(path) == "it has 0 layers, its configuration 1"


def test_parts_tell_one_archive_from_another(tmp_path: Path) -> None:
    first = image_archive.read(modern(tmp_path / "1.tar"))
    parts = image_archive.parts_of("1.tar", first)
    assert list(parts) == ["1.tar names", "1.tar config", "1.tar layer 001"]
    assert parts["1.tar layer 001"] == f"{len(LAYER)}:{sha(LAYER)}"
    assert image_archive.parts_of("1.tar", image_archive.read(old(tmp_path / "2.tar"))) != parts
