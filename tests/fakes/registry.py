"""An image registry in one file: a program that serves three made-up images, read-only.

    python registry.py PORT [USER:PASSWORD]

Speaks as much of the distribution protocol as an engine needs for a look-up
and a pull: `tiny/one:1`, `tiny/two:1`, and `tiny/large:1`, whose layer unpacks
to LARGE_BYTES. Runs on its own, without the package.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE_BYTES = 400 * 1024 * 1024
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

blobs: dict[str, bytes] = {}
manifests: dict[tuple[str, str], bytes] = {}


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def store(data: bytes) -> str:
    blobs[digest(data)] = data
    return digest(data)


def add_image(name: str, text: str, zeros: int = 0) -> None:
    """One layer with a small file, and another of so many zero bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        small = tarfile.TarInfo("etc/name")
        small.size = len(text)
        archive.addfile(small, io.BytesIO(text.encode()))
        if zeros:
            large = tarfile.TarInfo("large")
            large.size = zeros
            archive.addfile(large, io.BytesIO(bytes(zeros)))
    layer = raw.getvalue()
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": store(config)},
            "layers": [{"mediaType": LAYER, "size": len(packed), "digest": store(packed)}],
        }
    ).encode()
    manifests[(name, "1")] = manifests[(name, digest(manifest))] = manifest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    expected: str | None = None

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.expected and self.headers.get("Authorization") != self.expected:
            self._error(401, "UNAUTHORIZED", [("WWW-Authenticate", 'Basic realm="test"')])
        elif self.path == "/v2/":
            self._answer(b"{}", "application/json")
        elif found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path):
            manifest = manifests.get((found[1], found[2]))
            if manifest is None:
                self._error(404, "MANIFEST_UNKNOWN")
            else:
                self._answer(manifest, MANIFEST)
        elif (found := re.fullmatch(r"/v2/.+/blobs/(.+)", self.path)) and found[1] in blobs:
            self._answer(blobs[found[1]], "application/octet-stream")
        else:
            self._error(404, "BLOB_UNKNOWN")

    def _error(self, status: int, code: str, headers: list[tuple[str, str]] | None = None) -> None:
        body = {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}
        self._answer(json.dumps(body).encode(), "application/json", status, headers or [])

    def _answer(
        self,
        body: bytes,
        kind: str,
        status: int = 200,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        for name, value in headers or []:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


if __name__ == "__main__":
    add_image("tiny/one", "one")
    add_image("tiny/two", "two")
    add_image("tiny/large", "large", LARGE_BYTES)
    if len(sys.argv) > 2:
        Handler.expected = "Basic " + base64.b64encode(sys.argv[2].encode()).decode()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("ready", flush=True)
    server.serve_forever()
