"""What can be wrong before anything is deployed: said clearly, and nothing is changed.

These come first, while the lab's engines are in no swarm yet: each trouble must
leave them so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.lab import nodes
from tests.scenarios import live

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

FILES, MACHINE = 2, 6  # exit codes, docs/reference/cli.md


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """The file with one piece of text replaced, as it was after the block."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def up_fails(office: Office, code: int, *words: str, lab: bool = True) -> str:
    """`up` ends with this code, an error with these words, and no engine is in a swarm."""
    options = ["--lab"] if lab else []
    done = office.quorate("up", str(office.fleet), "--yes", *options, timeout=120, code=code)
    assert "error: " in done.stderr
    for word in words:
        assert word in done.stderr, f"{word!r} is not in:\n{done.stderr}"
    return done.stderr


def then_no_engine_is_in_a_swarm(office: Office, *, without: str = "") -> None:
    with live.connected(office, without=without) as connections:
        answers = connections.each(lambda server, client: live.swarm_words(client))
    assert not answers.errors
    assert {words.state for words in answers.results.values()} == {"inactive"}


def test_a_secret_without_a_value(shop: Office) -> None:
    password = shop.fleet.with_name("password.txt")
    aside = password.rename(password.with_suffix(".aside"))
    try:
        up_fails(shop, FILES, "db_password", "password.txt")
    finally:
        aside.rename(password)
    then_no_engine_is_in_a_swarm(shop)


def test_no_managers(shop: Office) -> None:
    with changed(shop.fleet, "role: manager", "role: worker"):
        up_fails(shop, FILES, "fleet.yaml:", "manager")


def test_an_engine_that_is_too_old(shop: Office) -> None:
    with changed(shop.fleet, "heartbeat: 2s", "heartbeat: 2s\n  minimum_engine: '99.1'"):
        up_fails(shop, MACHINE, "one", "four", "99.1", "minimum_engine")
    then_no_engine_is_in_a_swarm(shop)


def test_a_key_that_a_server_refuses(shop: Office, tmp_path: Path) -> None:
    """Without --lab: the lab's override would put its own key in the place of ours."""
    key = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    config = live.lab_of(shop).ssh_config
    stranger = tmp_path / "ssh_config"
    stranger.write_text(f"Host three\n  IdentityFile {key}\n  IdentitiesOnly yes\n")
    known = config.read_text().replace("Host *\n", "Host * !three\n", 1)
    rest = config.read_text().partition("Host *\n")[2].partition("\n")[2]
    stranger.write_text(f"{stranger.read_text()}{rest}{known}")
    ssh = f"ssh: {{user: root, config: {stranger}}}"
    text = shop.fleet.read_text()
    for name, number in (("one", 21), ("two", 22), ("three", 23), ("four", 24)):
        old = f"{name}: {{address: 192.0.2.{number}"
        assert old in text
        text = text.replace(old, f"{name}: {{{ssh}, address: {name}")
    with changed(shop.fleet, shop.fleet.read_text(), text):
        said = up_fails(shop, MACHINE, "three refuses the ssh key", "Permission denied", lab=False)
    assert "one refuses" not in said
    then_no_engine_is_in_a_swarm(shop)


def test_an_image_that_no_registry_has(shop: Office) -> None:
    with changed(shop.fleet.with_name("shop.yaml"), "redis:7", "redis:no-such-version"):
        up_fails(shop, MACHINE, "redis:no-such-version")
    then_no_engine_is_in_a_swarm(shop)


def test_a_full_disk(shop: Office) -> None:
    """The engine's data is put on a small disk in memory: the machine's own stays as it is."""
    lab = live.lab_of(shop)
    small = "mount -t tmpfs -o size=64M full /var/lib/docker && fallocate -l 60M {}/fill"
    script = "/lab/engine stop && " + small.format("/var/lib/docker") + " && /lab/engine start"
    nodes.execute(lab, "four", "sh", "-ec", script, timeout=120)
    try:
        said = up_fails(shop, MACHINE, "four", "disk is full", "docker system df")
        assert "one: its disk" not in said
        then_no_engine_is_in_a_swarm(shop)
    finally:
        undo = "/lab/engine stop; umount -l /var/lib/docker; /lab/engine start"
        nodes.execute(lab, "four", "sh", "-ec", undo, timeout=120)
        nodes.wait_ready(lab, lab.node("four"))


@pytest.mark.parametrize("server", ["one", "four"])
def test_a_server_that_is_off(shop: Office, server: str) -> None:
    """A manager, and a worker."""
    shop.quorate("lab", "power-off", server, str(shop.fleet), timeout=120)
    try:
        up_fails(shop, MACHINE, f"{server} does not answer ssh")
        then_no_engine_is_in_a_swarm(shop, without=server)
    finally:
        shop.quorate("lab", "power-on", server, str(shop.fleet), timeout=180)
