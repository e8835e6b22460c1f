"""The dead man's switch: a real request, and no part of its URL in any error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from quorate.errors import CheckError, MachineError, QuorateError, UnreachableError, UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.serving.heartbeat import heartbeat_of, send
from tests.real_prometheus import free_port
from tests.unit.fleet.helpers import FLEET, written

TOKEN = "planted-heartbeat-token"


@contextmanager
def watcher(status: int = 200) -> Iterator[tuple[list[str], str]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield asked, f"http://127.0.0.1:{server.server_port}/ping/{TOKEN}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fleet_with(directory: Path, heartbeat: str) -> Fleet:
    section = f"""\
backup:
  repositories:
    near: {{local: {{server: one, path: /b}}, password: {{environment: P}}}}
    side: {{local: {{server: two, path: /b}}, password: {{environment: P}}}}
{heartbeat}"""
    compose = "services: {web: {image: nginx}}\n"
    return read_fleet(written(directory, {"fleet.yaml": FLEET + section, "compose.yaml": compose}))


def refused(error: type[QuorateError], url: str) -> str:
    with pytest.raises(error) as caught:
        send(url)
    said = " ".join(caught.value.lines())
    assert TOKEN not in said
    return said


def test_the_url_that_the_file_names_is_asked(tmp_path: Path) -> None:
    beat = heartbeat_of(fleet_with(tmp_path, "  heartbeat: {file: url}\n"))
    assert beat is not None
    with watcher() as (asked, url):
        (tmp_path / "url").write_text(url + "\n")
        beat()
        beat()
    assert asked == [f"/ping/{TOKEN}"] * 2
    (tmp_path / "url").unlink()
    with pytest.raises(CheckError, match=r"of backup\.heartbeat"):
        beat()


def test_without_one_there_is_none(tmp_path: Path) -> None:
    assert heartbeat_of(fleet_with(tmp_path, "")) is None


def test_whoever_does_not_take_it_is_told_of_without_the_token() -> None:
    with watcher(404) as (_, url):
        assert "answered with 404" in refused(MachineError, url)
    refused(UnreachableError, f"http://127.0.0.1:{free_port()}/{TOKEN}")
    refused(UsageError, f"ftp://host/{TOKEN}")
    refused(UsageError, f"https://user:{TOKEN}@host/")
    refused(UsageError, f"https://host/?{TOKEN}")
