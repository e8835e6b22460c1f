"""What is in an archive of `docker save`, read from its first byte to its last, and checked.

An image is named by digests: its configuration by its own SHA-256, and that names each layer by the
one of its content (OCI image specification, "Image Configuration"). So an archive proves itself,
with no engine: what is in it has to be what it is called.

The layouts are those of engines before 25 (`HEX.json`, `HEX/layer.tar`) and of those since
(`blobs/sha256/HEX`, where layers may be compressed).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from quorate.errors import MachineError

MANIFEST = "manifest.json"
MOST_TEXT = 32 << 20
"""Bytes of a configuration; engines refuse manifests of more than 4 MiB."""
CHUNK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BROKEN = (
    *(tarfile.TarError, EOFError, OSError, zlib.error),
    *(ValueError, KeyError, TypeError, RecursionError),
)
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer as it lies in the archive: bytes, and the SHA-256 of those."""

    size: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Saved:
    """An archive that is whole. `config` is the SHA-256 of the configuration: the image's id, but
    for engines that keep images in containerd. `diffs`: the layers' own names, in their order."""

    names: tuple[str, ...]
    config: str
    layers: tuple[Layer, ...]
    diffs: tuple[str, ...]


def read(path: Path) -> Saved:
    """Read an archive of one image, every layer of it.

    Raises:
        MachineError: it is cut off or damaged, or something in it is not what it is called.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            (entry,) = json.loads(_text(archive, MANIFEST))
            config = _text(archive, str(entry["Config"]))
            digest = hashlib.sha256(config).hexdigest()
            _require_named(str(entry["Config"]), digest)
            diffs = tuple(str(one) for one in json.loads(config)["rootfs"]["diff_ids"] or ())
            listed = [str(one) for one in entry["Layers"] or ()]
            if len(listed) != len(diffs):
                raise ValueError(f"it has {len(listed)} layers, its configuration {len(diffs)}")
            layers = tuple(
                _layer(archive, name, diff) for name, diff in zip(listed, diffs, strict=True)
            )
            names = tuple(sorted(str(one) for one in entry["RepoTags"] or ()))
    except BROKEN as error:
        raise MachineError(
            f"the image archive {path.name} is damaged",
            cause=str(error) or type(error).__name__,
            todo="use another copy",
        ) from error
    return Saved(names=names, config=digest, layers=layers, diffs=diffs)


def parts_of(file: str, saved: Saved) -> dict[str, str]:
    """The archive in the parts of a manifest, as `COUNT:DIGEST`."""
    names = "\n".join(saved.names)
    return {
        f"{file} names": f"{len(saved.names)}:{hashlib.sha256(names.encode()).hexdigest()}",
        f"{file} config": f"1:{saved.config}",
        **{
            f"{file} layer {number:03}": f"{layer.size}:{layer.digest}"
            for number, layer in enumerate(saved.layers, 1)
        },
    }


def _text(archive: tarfile.TarFile, name: str) -> bytes:
    content = _file(archive, name).read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise ValueError(f"{name} is too large to be what it is called")
    return content


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of the archive; older engines put links where two images share a layer."""
    found = archive.extractfile(archive.getmember(name))
    if found is None:
        raise ValueError(f"{name} is no file")
    return found


def _layer(archive: tarfile.TarFile, name: str, diff: str) -> Layer:
    whole, size, begin = _hashed(_file(archive, name))
    _require_named(name, whole)
    content = whole
    if f"sha256:{whole}" != diff and begin.startswith(GZIP):
        with _file(archive, name) as packed, gzip.GzipFile(fileobj=packed) as inner:
            content = _hashed(inner)[0]
    # What is packed otherwise is named by its own digest alone, which was right.
    unreadable = begin.startswith(ZSTD) and whole in name
    if f"sha256:{content}" != diff and not unreadable:
        raise ValueError(f"the layer {diff[:19]} has the content sha256:{content[:12]}")
    return Layer(size=size, digest=whole)


def _hashed(file: Any) -> tuple[str, int, bytes]:
    """SHA-256 and bytes of what is left of a file, and how it begins."""
    digest, size, begin = hashlib.sha256(), 0, b""
    while piece := file.read(CHUNK):
        begin = begin or piece[:4]
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size, begin


def _require_named(name: str, digest: str) -> None:
    """Whatever is named by a digest has that one; a layer's directory had another name."""
    last = name.rpartition("/")[2].removesuffix(".json")
    if DIGEST.fullmatch(last) and last != digest:
        raise ValueError(f"{name} has the digest {digest[:12]}")
