"""Fills the storage of the lab's registry, inside a container that has it mounted.

Reads a plan from standard input, writes blobs and manifests where
docker-registry looks for them, and prints what came of it as JSON:

    {"image": "the engine's image whose layers all names share",
     "library": "/store/library/<hash>", "root": "/store/labs/<name>",
     "hosts": ["hub.lab", …],
     "images": [{"repository", "tag", "configuration": {…}, "links": ["/path", …]}, …]}

All images are the same layers under different configurations, so a hundred names
cost one upload. Layers are packed once (`library`) and hard-linked into the
storage of each lab. Running it again writes only what is missing.

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


def pack(source: Any, directory: Path) -> dict[str, Any]:
    """Compress one layer into `directory`; its description for manifests."""
    draft = directory / "draft"
    plain = hashlib.sha256()
    packed = hashlib.sha256()
    with draft.open("wb") as out:
        zstd = subprocess.Popen(["zstd", "-q", "-3", "-T2", "-c"], stdin=-1, stdout=out)
        assert zstd.stdin is not None
        while chunk := source.read(CHUNK):
            plain.update(chunk)
            zstd.stdin.write(chunk)
        zstd.stdin.close()
        if zstd.wait() != 0:
            raise SystemExit("zstd failed: is the disk full?")
    with draft.open("rb") as back:
        while chunk := back.read(CHUNK):
            packed.update(chunk)
    size = draft.stat().st_size
    if size == 0:
        raise SystemExit("a layer came out empty: is the disk full?")
    draft.rename(directory / packed.hexdigest())
    return {
        "mediaType": f"{LAYER}+zstd",
        "size": size,
        "digest": f"sha256:{packed.hexdigest()}",
        "plain": f"sha256:{plain.hexdigest()}",
    }


def export(image: str, directory: Path) -> dict[str, Any]:
    """Take the layers of an image out of the engine; ready ones are used again.

    Layers of other images are dropped: labs that still use them have links.
    """
    known = directory / "layers.json"
    if known.exists():
        return dict(json.loads(known.read_text()))
    shutil.rmtree(directory.parent, ignore_errors=True)
    directory.mkdir(parents=True)
    connection = EngineConnection("engine")
    connection.request("GET", f"/images/{image}/get")
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"the engine does not give {image}: {answer.status} {answer.read(300)!r}")
    packed: dict[str, dict[str, Any]] = {}
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
                packed[member.name] = pack(content, directory)
    manifest = json.loads(small["manifest.json"])[0]
    engine = json.loads(small[manifest["Config"]])
    for name in manifest["Layers"]:
        if name not in packed:  # a layer of a few files
            packed[name] = pack(io.BytesIO(small[name]), directory)
    layers = [packed[name] for name in manifest["Layers"]]
    out = {"layers": layers, "architecture": engine["architecture"]}
    known.write_text(json.dumps(out))
    return out


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
    root = Path(plan["root"])
    library = Path(plan["library"])
    storage = Storage(root)
    with alone(library.parent.parent):
        base = export(plan["image"], library)
        for layer in base["layers"]:
            storage.link_blob(layer["digest"], library / layer["digest"].partition(":")[2])
    digests = {
        f"{image['repository']}:{image['tag']}": put(storage, image, base)
        for image in plan["images"]
    }
    certificate = certify(root / "tls", plan["hosts"])
    size = sum(layer["size"] for layer in base["layers"])
    json.dump({"certificate": certificate, "digests": digests, "bytes": size}, sys.stdout)


if __name__ == "__main__":
    main()
