"""Fills the storage of the lab's registry, inside a container that has it mounted.

Reads a plan from standard input, writes blobs and manifests where
docker-registry looks for them, and prints what came of it as JSON:

    {"images": {"services": "the engine's image whose layers its names share", …},
     "library": "/store/library", "root": "/store/labs/<name>",
     "hosts": ["hub.lab", …],
     "names": [{"repository", "tag", "base": "services",
                "configuration": {…}, "links": ["/path", …]}, …]}

All names of one image are the same layers under different configurations, so a
hundred names cost one upload. Layers are packed once (`library`), also when
several images share them, and hard-linked into the storage of each lab. Running
it again writes only what is missing.

Labs may be filled at the same time: a lock guards what they share.
"""

import fcntl
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENGINE = "/run/engine.sock"
PROBE = "/usr/local/lib/quorate/standin-probe.sh"
CHUNK = 1 << 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DAYS = "3650"


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Hold the lock on what all labs share; the kernel lets go of it in any case."""
    with (store / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class EngineConnection(http.client.HTTPConnection):
    """HTTP to the engine's unix socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(ENGINE)


class Library:
    """Packed layers by their own digest, and which images have which; shared by all labs."""

    def __init__(self, root: Path) -> None:
        self.blobs = root / "blobs"
        self.images = root / "images"
        self.draft = root / "draft"
        for folder in (self.blobs, self.images):
            folder.mkdir(parents=True, exist_ok=True)
        self.packed: dict[str, dict[str, Any]] = {
            layer["plain"]: layer
            for path in self.images.glob("*.json")
            for layer in json.loads(path.read_text())["layers"]
        }

    def of(self, name: str, image: str) -> dict[str, Any]:
        """The layers of an image, taken out of the engine unless `name` had that image before."""
        known = self.images / f"{name}.json"
        found = json.loads(known.read_text()) if known.exists() else {}
        if found.get("image") != image:
            found = {"image": image, **self._export(image)}
            draft = known.with_suffix(".draft")
            draft.write_text(json.dumps(found))
            draft.rename(known)
        return dict(found)

    def path(self, layer: dict[str, Any]) -> Path:
        return self.blobs / str(layer["digest"]).partition(":")[2]

    def tidy(self) -> None:
        """Drop what no name has any more: labs that still use it have links."""
        kept = [
            self.path(layer)
            for path in self.images.glob("*.json")
            for layer in json.loads(path.read_text())["layers"]
        ]
        for path in set(self.blobs.iterdir()) - set(kept):
            path.unlink()

    def _export(self, image: str) -> dict[str, Any]:
        connection = EngineConnection("engine")
        connection.request("GET", f"/images/{image}/get")
        answer = connection.getresponse()
        if answer.status != 200:
            said = answer.read(300)
            raise SystemExit(f"the engine does not give {image}: {answer.status} {said!r}")
        found: dict[str, dict[str, Any]] = {}
        small: dict[str, bytes] = {}
        with tarfile.open(fileobj=answer, mode="r|") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                content = archive.extractfile(member)
                assert content is not None
                if member.name.endswith(".json") or member.size < 65536:
                    small[member.name] = content.read()
                else:
                    found[member.name] = self._pack(content)
        manifest = json.loads(small["manifest.json"])[0]
        engine = json.loads(small[manifest["Config"]])
        for name in manifest["Layers"]:
            if name not in found:  # a layer of a few files
                found[name] = self._pack(io.BytesIO(small[name]))
        layers = [found[name] for name in manifest["Layers"]]
        return {"layers": layers, "architecture": engine["architecture"]}

    def _pack(self, source: Any) -> dict[str, Any]:
        """Compress a layer that is not here yet; its description for manifests."""
        digest = hashlib.sha256()
        with self.draft.open("wb") as out:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                out.write(chunk)
        plain = f"sha256:{digest.hexdigest()}"
        if plain not in self.packed or not self.path(self.packed[plain]).exists():
            self.packed[plain] = {**self._compressed(), "plain": plain}
        self.draft.unlink()
        return self.packed[plain]

    def _compressed(self) -> dict[str, Any]:
        out = self.draft.with_suffix(".zst")
        argv = ["zstd", "-q", "-f", "-3", "-T2", str(self.draft), "-o", str(out)]
        size = out.stat().st_size if subprocess.run(argv, check=False).returncode == 0 else 0
        if size == 0:
            raise SystemExit("a layer could not be compressed: is the disk full?")
        digest = hashlib.sha256()
        with out.open("rb") as back:
            while chunk := back.read(CHUNK):
                digest.update(chunk)
        layer = {
            "mediaType": f"{LAYER}+zstd",
            "size": size,
            "digest": f"sha256:{digest.hexdigest()}",
        }
        out.rename(self.path(layer))
        return layer


def link_layer(links: list[str]) -> bytes:
    """A layer of symbolic links to the stand-ins' health check; the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in links:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type = tarfile.SYMTYPE
            entry.linkname = PROBE
            archive.addfile(entry)
    return buffer.getvalue()


class Storage:
    """The file layout of docker-registry: blobs, and links from repositories to them."""

    def __init__(self, root: Path) -> None:
        self.base = root / "docker/registry/v2"

    def blob_path(self, digest: str) -> Path:
        name = digest.partition(":")[2]
        return self.base / "blobs/sha256" / name[:2] / name / "data"

    def write(self, path: Path, data: bytes) -> None:
        if path.exists() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".draft")
        draft.write_bytes(data)
        draft.rename(path)

    def put_blob(self, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.write(self.blob_path(digest), data)
        return digest

    def link_blob(self, digest: str, source: Path) -> None:
        path = self.blob_path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, path)

    def put_image(self, repository: str, tag: str, manifest: dict[str, Any]) -> str:
        """Write a manifest and everything that makes it findable; its digest."""
        digest = self.put_blob(json.dumps(manifest, sort_keys=True).encode())
        home = self.base / "repositories" / repository
        layers = [manifest["config"]["digest"], *(item["digest"] for item in manifest["layers"])]
        links = [home / "_layers/sha256" / item.partition(":")[2] / "link" for item in layers]
        for path, target in zip(links, layers, strict=True):
            self.write(path, target.encode())
        bare = digest.partition(":")[2]
        tagged = home / "_manifests/tags" / tag
        self.write(home / "_manifests/revisions/sha256" / bare / "link", digest.encode())
        self.write(tagged / "index/sha256" / bare / "link", digest.encode())
        self.write(tagged / "current/link", digest.encode())
        return digest


def put(storage: Storage, image: dict[str, Any], base: dict[str, Any]) -> str:
    """Write one image: the shared layers under a configuration of its own."""
    layers = list(base["layers"])
    if image["links"]:
        data = link_layer(image["links"])
        digest = storage.put_blob(data)
        layers.append({"mediaType": LAYER, "size": len(data), "digest": digest, "plain": digest})
    configuration = json.dumps(
        {
            "architecture": base["architecture"],
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": image["configuration"],
            "rootfs": {"type": "layers", "diff_ids": [item["plain"] for item in layers]},
            "history": [{"created_by": "quorate lab"} for _ in layers],
        },
        sort_keys=True,
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIGURATION,
            "size": len(configuration),
            "digest": storage.put_blob(configuration),
        },
        "layers": [{k: v for k, v in item.items() if k != "plain"} for item in layers],
    }
    return storage.put_image(image["repository"], image["tag"], manifest)


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"openssl: {done.stderr.strip()}")


def certify(directory: Path, hosts: list[str]) -> str:
    """The authority's certificate; made anew, with the server's, when the hosts changed.

    The authority's key is thrown away after its one signature.
    """
    listed = directory / "hosts"
    authority = directory / "ca.crt"
    if listed.exists() and listed.read_text().split() == hosts:
        return authority.read_text()
    directory.mkdir(parents=True, exist_ok=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS)
    key = directory / "ca.key"
    openssl("req", "-x509", *curve, "-subj", "/CN=quorate lab", "-keyout", str(key), "-out",
            str(authority))  # fmt: skip
    names = ",".join(f"DNS:{host}" for host in hosts)
    openssl("req", "-x509", *curve, "-subj", "/CN=hub.lab", "-CA", str(authority), "-CAkey",
            str(key), "-addext", f"subjectAltName={names}", "-addext",
            "basicConstraints=critical,CA:FALSE", "-keyout", str(directory / "server.key"),
            "-out", str(directory / "server.crt"))  # fmt: skip
    key.unlink()
    listed.write_text("\n".join(hosts))
    return authority.read_text()


def main() -> None:
    plan = json.load(sys.stdin)
    root, place = Path(plan["root"]), Path(plan["library"])
    storage = Storage(root)
    place.mkdir(parents=True, exist_ok=True)
    with alone(place.parent):
        for path in place.iterdir():  # as older versions kept it
            if path.name not in ("blobs", "images"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        library = Library(place)
        bases = {name: library.of(name, image) for name, image in plan["images"].items()}
        library.tidy()
        layers = {layer["digest"]: layer for base in bases.values() for layer in base["layers"]}
        for layer in layers.values():
            storage.link_blob(layer["digest"], library.path(layer))
    digests = {
        f"{image['repository']}:{image['tag']}": put(storage, image, bases[image["base"]])
        for image in plan["names"]
    }
    certificate = certify(root / "tls", plan["hosts"])
    size = sum(layer["size"] for layer in layers.values())
    json.dump({"certificate": certificate, "digests": digests, "bytes": size}, sys.stdout)


if __name__ == "__main__":
    main()
