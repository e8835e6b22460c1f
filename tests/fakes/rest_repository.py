"""A stand-in for restic's REST server: append-only, with a password, on this machine only.

`python rest_repository.py PORT DIRECTORY USER PASSWORD`. Speaks the second version of
the protocol as restic's page on the REST backend has it. What is there is neither
removed nor overwritten, but for locks.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

KINDS = ("data", "keys", "locks", "snapshots", "index")


class FakeRestServer(ThreadingHTTPServer):
    """What the handler serves, and to whom."""

    directory: Path
    wanted: str


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: FakeRestServer

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def answer(self, code: int, body: bytes = b"", kind: str = "application/octet-stream") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self) -> Path | None:
        """The file or directory asked for; None after a refusal."""
        if self.headers.get("Authorization") != self.server.wanted:
            self.answer(401)
            return None
        path = urlsplit(self.path).path.strip("/")
        if not re.fullmatch(rf"|config|({'|'.join(KINDS)})(/[0-9a-f]{{64}})?", path):
            self.answer(404)
            return None
        return self.server.directory / path

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        file = self.file()
        if file is None:
            return
        if file.is_dir():
            listed = [{"name": each.name, "size": each.stat().st_size} for each in file.iterdir()]
            self.answer(200, json.dumps(listed).encode(), "application/vnd.x.restic.rest.v2")
        elif not file.exists():
            self.answer(404)
        else:
            self.part(file.read_bytes())

    def part(self, content: bytes) -> None:
        """All of a file, or the range that is asked for."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match:
            self.answer(206, content[int(match[1]) : int(match[2]) + 1 if match[2] else None])
        else:
            self.answer(200, content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self.chunks()
        file = self.file()
        if file is None:
            return
        if "create=true" in self.path:
            for kind in KINDS:
                (file / kind).mkdir(parents=True, exist_ok=True)
            self.answer(200)
        elif file.exists():
            self.answer(403)
        else:
            file.write_bytes(body)
            self.answer(200)

    def chunks(self) -> bytes:
        out = b""
        while size := int(self.rfile.readline(), 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def do_DELETE(self) -> None:
        file = self.file()
        if file is None:
            return
        if file.parent.name != "locks":
            self.answer(403, b"blocked in append-only mode\n")
        elif not file.exists():
            self.answer(404)
        else:
            file.unlink()
            self.answer(200)


def main() -> None:
    """Serve until killed."""
    port, directory, user, password = sys.argv[1:]
    server = FakeRestServer(("127.0.0.1", int(port)), Handler)
    server.directory = Path(directory)
    server.wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
