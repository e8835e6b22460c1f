"""Messages to a real HTTP receiver and a real SMTP server on this machine, by Apprise."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.serving.messenger import Post
from quorate.serving.parts import Message
from quorate.tools import notify
from tests.real_prometheus import free_port
from tests.unit.fleet.helpers import FLEET, written

TOKEN = "planted-webhook-token"
PASSWORD = "planted-mail-password"
PLAIN = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # on loopback, no TLS
MESSAGE = Message(event="failure", title="office: 1 problem", body="- db: no copy", bad=True)


class Receiver:
    """A webhook; `status` is what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.status = 200


@contextmanager
def webhook() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.path, json.loads(body)))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield receiver, f"json://127.0.0.1:{server.server_port}/{TOKEN}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def mail() -> Iterator[tuple[list[Any], str]]:
    """An SMTP server that asks for a password; what it was given."""
    aiosmtpd = pytest.importorskip("aiosmtpd.controller")
    from aiosmtpd.smtp import AuthResult

    class Box:
        def __init__(self) -> None:
            self.got: list[Any] = []

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            self.got.append(envelope)
            return "250 taken"

    def authenticator(server: Any, session: Any, envelope: Any, how: str, data: Any) -> Any:
        # Not handled: what was wrong, the server itself says.
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    box = Box()
    controller = aiosmtpd.Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticator,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        where = f"mailto://ops:{PASSWORD}@127.0.0.1:{controller.port}"
        yield box.got, f"{where}?from=quorate@example.org&to=ops@example.org"
    finally:
        controller.stop()


def test_a_webhook_gets_it() -> None:
    with webhook() as (receiver, url):
        notify.send("chat", url, title="office: 1 problem", body="- db", bad=True)
    ((path, body),) = receiver.got
    assert path == f"/{TOKEN}"
    assert (body["title"], body["message"], body["type"]) == (
        "office: 1 problem",
        "- db",
        "failure",
    )


@PLAIN
def test_mail_arrives() -> None:
    with mail() as (got, url):
        notify.send("mail", url, title="office: digest", body="all is well")
        (envelope,) = got
    assert envelope.rcpt_tos == ["ops@example.org"]
    arrived = message_from_bytes(envelope.content, policy=default)
    assert arrived["subject"] == "office: digest"
    text = arrived.get_body(preferencelist=("plain",))
    assert text is not None and "all is well" in text.get_content()
    assert PASSWORD.encode() not in envelope.content


@PLAIN
def test_a_wrong_password_is_said_and_not_shown() -> None:
    with mail() as (got, url), pytest.raises(MachineError) as caught:
        notify.send("mail", url.replace(PASSWORD, "planted-wrong-one"), title="t", body="b")
    assert got == []
    assert "planted" not in " ".join(caught.value.lines())
    assert caught.value.what == "the message to mail was not taken"


@pytest.mark.parametrize("status", [403, 500])
def test_a_webhook_that_refuses_is_said_and_its_address_is_not_shown(status: int) -> None:
    with webhook() as (receiver, url):
        receiver.status = status
        with pytest.raises(MachineError) as caught:
            notify.send("chat", url, title="t", body="b")
    said = " ".join(caught.value.lines())
    assert str(status) in said
    assert TOKEN not in said


def test_what_is_no_address_is_said_and_not_shown() -> None:
    with pytest.raises(MachineError) as caught:
        notify.send("chat", f"nonsense://{TOKEN}/x", title="t", body="b")
    said = " ".join(caught.value.lines())
    assert "nonsense://…" in said and TOKEN not in said


def fleet_with(directory: Path, **urls: str) -> Fleet:
    for name, url in urls.items():
        (directory / name).write_text(url + "\n")
    to = ", ".join(f"{name}: {{file: {name}}}" for name in urls)
    section = f"""\
backup:
  repositories:
    near: {{local: {{server: one, path: /b}}, password: {{environment: P}}}}
    side: {{local: {{server: two, path: /b}}, password: {{environment: P}}}}
  notify: {{to: {{{to}}}}}
"""
    compose = "services: {web: {image: nginx}}\n"
    return read_fleet(written(directory, {"fleet.yaml": FLEET + section, "compose.yaml": compose}))


def until(what: Any) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_post_goes_on_when_one_address_does_not_answer(tmp_path: Path) -> None:
    nobody = f"json://127.0.0.1:{free_port()}/{TOKEN}"
    said: list[str] = []
    with webhook() as (receiver, url):
        post = Post(fleet_with(tmp_path, dead=nobody, chat=url), said.append, rests=(0.1, 0.1))
        post.send(MESSAGE)
        until(lambda: receiver.got and len(said) == 3)
        assert post.troubles()["chat"] == ""
        assert "was not taken" in post.troubles()["dead"]
    assert said[-1].startswith("given up: failure to dead: the message to dead was not taken")
    assert TOKEN not in "".join(said)


def test_a_message_that_was_refused_is_sent_again(tmp_path: Path) -> None:
    with webhook() as (receiver, url):
        receiver.status = 503
        post = Post(fleet_with(tmp_path, chat=url), lambda text: None, rests=(0.2, 0.2, 0.2))
        post.send(MESSAGE)
        until(lambda: receiver.got)
        receiver.status = 200
        until(lambda: len(receiver.got) > 1 and not post.troubles()["chat"])


def test_notify_test_tries_each_address(tmp_path: Path) -> None:
    nobody = f"json://127.0.0.1:{free_port()}/{TOKEN}"
    with webhook() as (receiver, url):
        fleet = fleet_with(tmp_path, chat=url, dead=nobody)
        result = CliRunner().invoke(build(), ["backup", "notify", str(fleet.path), "--test"])
    assert result.exit_code == 4, result.output
    assert "chat: taken" in result.stdout
    assert "dead: the message to dead was not taken" in result.stdout
    assert TOKEN not in result.output
    assert receiver.got[0][1]["title"] == "test: a trial of notifications"


def test_what_came_of_trials_is_there_for_programs(tmp_path: Path) -> None:
    """The same verdicts and exit codes, and no part of an address."""
    nobody = f"json://127.0.0.1:{free_port()}/{TOKEN}"
    with webhook() as (_, url):
        both = fleet_with(tmp_path, chat=url, dead=nobody)
        command = ["backup", "notify", str(both.path), "--test", "--json"]
        bad = CliRunner().invoke(build(), command)
        fleet_with(tmp_path, chat=url)
        good = CliRunner().invoke(build(), command)
    assert (bad.exit_code, good.exit_code) == (4, 0), bad.output + good.output
    made = json.loads(bad.stdout)
    jsonschema.validate(made, schema("backup-notify"))
    assert (made["tested"], made["good"]) == (True, False)
    chat, dead = made["to"]
    assert chat == {"address": "chat", "taken": True, "why": ""}
    assert dead["taken"] is False and "was not taken" in dead["why"]
    assert TOKEN not in bad.output
    assert json.loads(good.stdout)["good"] is True
