"""Planted secrets, looked for in everything a swarm, its servers and Quorate show of a backup."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.lab import nodes
from tests.real_prometheus import free_port
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1200)]

COPIES = "/srv/planted"
SERVERS = ("one", "two", "three")
PLANTED = {
    "db-password.txt": "planted-database-password-7Qx",
    "cache-password.txt": "planted-redis-password-7Qx",
    "repository-password.txt": "planted-repository-password-7Qx",
    "chat.txt": "json://127.0.0.1:9/planted-webhook-token-7Qx",
    "heartbeat.txt": "http://127.0.0.1:9/planted-heartbeat-token-7Qx",
    "registry.txt": "planted-registry-password-7Qx",
}
WORD = "planted-"
SECTION = """\
  notify: {to: {chat: {file: chat.txt}}}
  heartbeat: {file: heartbeat.txt}
"""
REGISTRY = "registries:\n  registry.example.org: {user: ops, password: {file: registry.txt}}\n"
QUIET_REDIS = (
    (
        """["sh", "-c", 'exec redis-server --appendonly yes --requirepass """
        """"$$(cat /run/secrets/cache_password)"']""",
        """["sh", "-c", 'umask 077; { printf "requirepass "; cat /run/secrets/cache_password; } """
        """> /tmp/own.conf; exec redis-server /tmp/own.conf --appendonly yes']""",
    ),
    (
        """redis-cli -a "$$(cat /run/secrets/cache_password)" ping""",
        """REDISCLI_AUTH="$$(cat /run/secrets/cache_password)" redis-cli ping""",
    ),
    (
        "    secrets: [cache_password]\n",
        "    secrets: [cache_password]\n"
        "    environment: {REDIS_PASSWORD_FILE: /run/secrets/cache_password}\n",
    ),
)
"""The fleet's own Redis takes its password as an argument, which `ps` shows: that is its owner's
choice, and would hide what Quorate shows."""
SAMPLE = (
    "end=$(($(date +%s) + SECONDS_)); while [ $(date +%s) -lt $end ]; do "
    "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | "
    "grep -a -o -e 'plante[d]-[a-z-]*' -e 'resti[c] ' -e 'rclon[e] '; done | sort -u"
)
"""Its own command line does not hold what it looks for."""


@dataclass
class Seen:
    """Texts by where they are from."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        """Keep a text."""
        self.texts[f"{len(self.texts)} {name}"] = text

    def leaks(self) -> list[str]:
        """Where a planted secret is."""
        return [
            f"{name}: {text[max(0, at - 60) : at + 40]!r}"
            for name, text in self.texts.items()
            if (at := text.find(WORD)) >= 0
        ]


@pytest.fixture(scope="module")
def planted(vault: Office) -> Iterator[Office]:
    """The fleet with planted secrets, not deployed yet; as it was before, afterwards."""
    directory = vault.fleet.parent
    before = {path: path.read_text() for path in directory.glob("*.*")}
    for name, value in PLANTED.items():
        (directory / name).write_text(value + "\n")
    text = before[vault.fleet].replace("path: /srv/copies", f"path: {COPIES}")
    vault.fleet.write_text(f"{REGISTRY}{text}{SECTION}")
    compose = before[directory / "data.yaml"]
    for old, new in QUIET_REDIS:
        assert old in compose, old
        compose = compose.replace(old, new)
    (directory / "data.yaml").write_text(compose)
    yield vault
    for path in directory.glob("*.*"):
        path.unlink()
    for path, text in before.items():
        path.write_text(text)
    steps.up(vault)
    with_its_secret(vault)


def with_its_secret(office: Office) -> None:
    """The database has the password of its secret, also where it was made with another one."""
    change = (
        'printf "alter user postgres password \'%s\'" "$(cat /run/secrets/db_password)" '
        "| psql -v ON_ERROR_STOP=1 -qU postgres"
    )
    office.quorate("exec", "--fleet", str(office.fleet), "--lab", "db", "--", "sh", "-ec", change)


@contextmanager
def sampled(office: Office, seen: Seen, seconds: int) -> Iterator[None]:
    """Every command line on every server, as fast as it can be read, beside the block."""
    lab = live.lab_of(office)

    def sample(server: str) -> None:
        script = SAMPLE.replace("SECONDS_", str(seconds))
        seen.add(
            f"ps on {server}", nodes.execute(lab, server, "sh", "-c", script, timeout=seconds + 60)
        )

    threads = [threading.Thread(target=sample, args=(server,)) for server in SERVERS]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(timeout=seconds + 120)


def what_engines_show(office: Office, seen: Seen) -> None:
    """Services, tasks, configs, secrets as a manager has them; containers and logs of each node."""
    with live.connected(office) as connections:
        api = connections.manager().client.api
        for name in ("services", "tasks", "configs", "secrets", "networks", "nodes"):
            seen.add(f"docker {name}", json.dumps(getattr(api, name)()))
    lab = live.lab_of(office)
    script = (
        "for id in $(docker ps -aq); do docker inspect $id; docker logs $id 2>&1 | tail -n 500; "
        "done; docker service ls -q 2>/dev/null | xargs -r docker service inspect 2>/dev/null || :"
    )
    for server in SERVERS:
        seen.add(f"containers on {server}", nodes.execute(lab, server, "sh", "-c", script))


def what_is_written(office: Office, seen: Seen) -> None:
    """Journals, records, plans: all below the fleet's directory and the state of the person."""
    own = {office.fleet.parent / name for name in PLANTED}
    for root in (office.fleet.parent, Path(office.environment["XDG_STATE_HOME"])):
        for path in root.rglob("*"):
            if path.is_file() and path not in own and not path.is_socket():
                with suppress(OSError):
                    seen.add(str(path.relative_to(root)), path.read_text(errors="replace"))


def what_the_controller_shows(office: Office, seen: Seen) -> None:
    """A few rounds of `quorate serve`: its page, its log."""
    port = free_port()
    process = office.start(
        *("serve", str(office.fleet), "--lab", "--listen", f"127.0.0.1:{port}", "--every", "2s")
    )
    try:
        deadline = time.monotonic() + 120
        text = ""
        while "quorate_backup_state" not in text and time.monotonic() < deadline:
            time.sleep(2)
            with suppress(OSError):
                url = f"http://127.0.0.1:{port}/metrics"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    text = answer.read().decode()
        assert "quorate_backup" in text
        seen.add("the page of metrics", text)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        code, said = steps.its_end(process, within=60)
    seen.add("the controller's log", said)
    assert code == 0, said


def test_no_planted_secret_shows_anywhere(planted: Office) -> None:
    office, seen = planted, Seen()
    fleet = str(office.fleet)
    with sampled(office, seen, 100):
        seen.add("up", steps.up(office))
        with_its_secret(office)
        nodes.execute(live.lab_of(office), "three", "mkdir", "-m", "700", "-p", COPIES)
        for arguments in (
            ("backup", "run", "--fleet", fleet, "--lab", "--json"),
            ("backup", "list", "--fleet", fleet, "--lab", "--json"),
            ("status", fleet, "--lab", "--json"),
            ("history", fleet, "--lab", "--json"),
        ):
            done = office.quorate(*arguments, timeout=300)
            seen.add(" ".join(arguments), done.stdout + done.stderr)
    what_engines_show(office, seen)
    what_the_controller_shows(office, seen)
    seen.add("render", office.quorate("render", fleet, "-o", "rendered").stdout)
    what_is_written(office, seen)
    assert len(seen.texts) > 20
    sampled_lines = [text for name, text in seen.texts.items() if "ps on" in name]
    assert len(sampled_lines) == len(SERVERS) and any("rclone" in text for text in sampled_lines)
    assert seen.leaks() == []
