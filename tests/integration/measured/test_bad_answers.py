"""Whatever answers in Prometheus' place: a clear error, exit code 6, and in time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from quorate.errors import MachineError, UnreachableError
from quorate.fleet.model import Fleet, Prometheus
from quorate.observe.prometheus import Asked, ask_prometheus
from quorate.tools import http
from tests.real_prometheus import free_port
from tests.unit.plan.builders import fleet, server, service

ASKED = Asked(window=600, interval=60, headers={"Authorization": "Bearer hunter2"})


class Silent:
    """A watcher that says nothing."""

    def phase(self, title: str) -> None: ...

    def note(self, text: str) -> None: ...

    def progress(self, done: int, total: int, what: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is answered to everything."""

    status: int = 200
    kind: str = "application/json"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def answering(reply: Reply | Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Something that listens and answers so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not isinstance(reply, Reply):
                reply(self)
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def office() -> Fleet:
    return fleet([server("one")], [service("web")])


def ask(url: str) -> Any:
    return ask_prometheus(office(), Prometheus(url=url), ASKED, Silent())


def success(result: Any, **more: Any) -> bytes:
    data = {"resultType": "matrix", "result": result}
    return json.dumps({"status": "success", "data": data, **more}).encode()


def refused(kind: str, text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


@pytest.mark.parametrize(
    ("reply", "what", "cause"),
    [
        (Reply(kind="text/html", body=b"<html>Log in"), "is not Prometheus'", "Log in"),
        (Reply(body=b""), "is not Prometheus'", "an empty answer"),
        (Reply(body=b'{"status": "succ'), "is not Prometheus'", '{"status": "succ'),
        (Reply(body=b"\xff\xfe"), "is not Prometheus'", None),
        (Reply(body=b"[" * 50_000), "is not Prometheus'", "[["),
        (Reply(body=b'{"status": "ok"}'), "is not Prometheus'", "no `status: success`"),
        (Reply(body=success([{"metric": {}}])), "is not Prometheus'", "without `metric`"),
        (Reply(status=500, body=b"oh no"), "answers with status 500", "oh no"),
        (Reply(status=404, kind="text/plain", body=b"not found"), "status 404", "not found"),
        (Reply(status=400, body=refused("bad_data", "parse error")), "refuses", "parse error"),
        (Reply(status=422, body=refused("execution", "too many samples")), "refuses", "too many"),
        (Reply(status=503, body=refused("timeout", "query timed out")), "refuses", "timed out"),
        (Reply(status=401, body=b"who are you"), "refuses access (status 401)", None),
        (Reply(status=403), "refuses access (status 403)", None),
        (Reply(status=302, headers=(("Location", "https://login.example"),)),
         "sends elsewhere, to https://login.example", None),
        (Reply(body=success([])), "has no container_memory", "does not scrape cAdvisor"),
    ],
)  # fmt: skip
def test_answers(reply: Reply, what: str, cause: str | None) -> None:
    with answering(reply) as url, pytest.raises(MachineError) as caught:
        ask(url)
    error = caught.value
    assert what in error.what
    assert cause is None or cause in (error.cause or "")
    assert error.todo
    assert error.exit_code == 6
    assert "hunter2" not in str(error.as_json()), "no secret in any error"


def test_only_values_that_are_none() -> None:
    labels = {"container_label_com_docker_swarm_service_name": "app_web", "name": "c"}
    values = [[time.time(), "NaN"], [time.time(), "-5"], [time.time(), "+Inf"]]
    body = success([{"metric": labels, "values": values}])
    wanted = pytest.raises(MachineError, match="are no figures")
    with answering(Reply(body=body)) as url, wanted as caught:
        ask(url)
    assert caught.value.exit_code == 6


def test_the_header_is_sent_and_warnings_are_kept() -> None:
    seen: list[str | None] = []
    labels = {"container_label_com_docker_swarm_service_name": "app_web", "name": "c"}
    good = success([{"metric": labels, "values": [[time.time(), "5"]]}], warnings=["half of it"])

    def reply(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(good)))
        handler.end_headers()
        handler.wfile.write(good)

    with answering(reply) as url:
        _, watched = ask(url + "/prefix/")
    assert set(seen) == {"Bearer hunter2"}
    assert watched.notes == ("half of it",)
    assert watched.source.where.endswith("/prefix")


def test_nothing_listens() -> None:
    with pytest.raises(UnreachableError, match="does not answer") as caught:
        ask(f"http://127.0.0.1:{free_port()}")
    assert "refused" in (caught.value.cause or "").lower()


def test_no_such_host() -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        ask("http://no-such-host.invalid:9090")


def test_something_that_speaks_no_http() -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    with answering(reply) as url, pytest.raises(MachineError, match="does not speak HTTP"):
        ask(url)


def test_https_where_there_is_none() -> None:
    with answering(Reply()) as url, pytest.raises(UnreachableError, match="TLS"):
        ask(url.replace("http://", "https://"))


@pytest.mark.parametrize("sent", [0, 10])
def test_a_connection_that_is_closed_early(sent: int) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        if sent:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b"x" * sent)
        handler.close_connection = True

    with answering(reply) as url, pytest.raises(MachineError):
        ask(url)


def test_no_answer_in_time() -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(3)

    started = time.monotonic()
    with answering(reply) as url, pytest.raises(UnreachableError, match=r"within 0\.3 s"):
        http.get(http.parse_address(url), "/", timeout=0.3)
    assert time.monotonic() - started < 10


def test_an_answer_that_drips() -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(50):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.1)

    with answering(reply) as url, pytest.raises(UnreachableError, match=r"within 0\.5 s"):
        http.get(http.parse_address(url), "/", timeout=0.5)


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_BYTES", 100_000)
    with answering(Reply(body=b"x" * 200_000)) as url, pytest.raises(MachineError, match="larger"):
        http.get(http.parse_address(url), "/")
