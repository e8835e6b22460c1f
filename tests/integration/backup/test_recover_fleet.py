"""`quorate recover fleet` with the real restic, age and ssh: from a repository to the steps.

The one server is this machine, by an sshd of the test's own; what the steps do needs a lab.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.bundle import making
from quorate.backup.jobs.model import Mounted
from quorate.backup.model import Kind
from quorate.backup.place import Repository
from quorate.fleet.datasets import BUNDLE
from quorate.fleet.read import read_fleet
from tests.integration.backup import ground, working
from tests.integration.backup.ground import PASSWORD, Sshd
from tests.real_packages import programs
from tests.real_prometheus import free_port

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="servers are reached as root")
QUORATE = Path(sys.executable).with_name("quorate")
SECONDS = 300.0
HOST = platform.node()
PLANTED = "planted-3f60"
FLEET = """\
version: 1
name: shop
servers:
  {host}:
    address: 192.0.2.9
    role: manager
    cpus: 2
    memory: 1G
    ssh: {{port: {port}, config: {config}}}
stacks:
  app: {{files: [app.yaml]}}
secrets:
  spoken: {{command: [sh, say.sh]}}
backup:
  repositories:
    away:
      sftp: {{host: away.example, path: {path}}} # by another name than where it is read here
      password: {{file: {password}}}
      offsite: true
  bundle: {{recipients: [{recipient}]}}
  exclude: [configs, swarm, system/{host}]
"""
APP = """\
services:
  files:
    image: nginx:1.27
    volumes: ["v:/v"]
    secrets: [spoken]
    x-quorate: {state: volume}
volumes: {v: }
secrets: {spoken: {external: true}}
"""


@dataclass(frozen=True, kw_only=True)
class Fire:
    """What is left after one: a repository, its password, a key; and where it is worked."""

    root: Path
    words: tuple[str, ...]
    near: Repository
    key: Path

    @property
    def into(self) -> Path:
        return self.root / "recovered"

    def recover(self, *more: str, code: int = 0, words: tuple[str, ...] | None = None) -> Any:
        """What it prints with `--json`; on an error, its words."""
        done = subprocess.run(
            [
                *(str(QUORATE), "recover", "fleet", *(self.words if words is None else words)),
                *("--into", str(self.into), "--json", *more),
            ],
            env={**os.environ, "XDG_STATE_HOME": str(self.root / "state")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said and PLANTED not in said
        return json.loads(done.stdout) if code == 0 else said


@pytest.fixture(scope="session")
def age(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return programs("age", tmp_path_factory.mktemp("age"), "age", "age-keygen")


def bundled(directory: Path, near: Repository, spool: Path) -> None:
    """The fleet's bundle, and a volume, in the repository; proven."""
    at = working.at(near.place)
    sealed = making.seal(read_fleet(directory / "fleet.yaml"), made=datetime.now(UTC))
    (directory / "sealed").write_bytes(sealed.data)
    data = ground.tree(directory / "data")
    volumes = [Mounted(name="app_v", path=str(data)).model_dump()]
    for said in (
        {"source": BUNDLE, "kind": Kind.CONFIGS, "given": str(directory / "sealed")},
        {"source": "volume/app_v", "kind": Kind.VOLUME, "volumes": volumes},
    ):
        working.done(working.job("backup", at, **said), spool)
        working.done(working.job("prove", at, **said), spool)


@pytest.fixture
def fire(tmp_path: Path, age: tuple[Path, ...], near: Repository, sshd: Sshd) -> Fire:
    key, directory = tmp_path / "recovery.key", tmp_path / "fleet"
    subprocess.run([str(age[1]), "-o", str(key)], check=True, capture_output=True)
    directory.mkdir()
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (directory / "fleet.yaml").write_text(
        FLEET.format(
            host=HOST,
            port=sshd.port,
            config=sshd.directory / "ssh_config",
            path=near.place.location,
            password=tmp_path / "password",
            recipient=key.read_text().partition("public key: ")[2].split()[0],
        )
    )
    (directory / "app.yaml").write_text(APP)
    (directory / "say.sh").write_text(f"echo {PLANTED}\n")
    bundled(directory, near, tmp_path / "spool")
    for path in directory.iterdir():
        if path.is_file():
            path.unlink()
    words = (
        *("--from", f"sftp://127.0.0.1:{sshd.port}/{near.place.location}"),
        *("--password-file", str(tmp_path / "password"), "--identity", str(key)),
        *("--ssh-config", str(sshd.directory / "ssh_config")),
    )
    return Fire(root=tmp_path, words=words, near=near, key=key)


def test_the_steps_are_shown_and_nothing_is_left(fire: Fire) -> None:
    plan = fire.recover("--dry-run", "--servers", f"{HOST}=127.0.0.1")
    ids = [step["id"] for step in plan["steps"] if step["id"] != "engines"]
    assert ids == ["reach", "swarm", "image", "restore:volume/app_v", "services", "verify"]
    restore = next(step for step in plan["steps"] if step["id"] == "restore:volume/app_v")
    assert f"on {HOST} from" in restore["says"] and restore["seconds"] > 0
    assert plan["facts"]["origin"] == "away" and plan["subject"] == "shop"
    assert "volume/app_v: what was written in the last" in plan["loses"]
    assert not fire.into.exists() and not list(fire.root.glob(".recovered*"))


def test_servers_that_do_not_answer_leave_the_files_to_go_on_from(fire: Fire) -> None:
    said = fire.recover("--yes", "--servers", f"{HOST}=127.0.0.9", code=8)
    assert f"{HOST} does not answer ssh" in said and f"--into {fire.into}" in said
    assert fire.into.stat().st_mode & 0o777 == 0o700
    text = (fire.into / "fleet/fleet.yaml").read_text()
    assert "address: 127.0.0.9" in text and "../values/secret-spoken" in text
    assert (fire.into / "values/secret-spoken").read_text().strip() == PLANTED
    recovered = read_fleet(fire.into / "fleet/fleet.yaml")
    assert recovered.secrets["spoken"].file is not None
    password = recovered.backup.repository("away").password.file
    assert password is not None and (fire.into / "fleet" / password).read_text().strip() == PASSWORD
    assert "nothing was begun" in fire.recover("--yes", words=(), code=2)
    plan = fire.recover("--dry-run", code=8)  # from what is laid out: the address is kept
    assert f"{HOST} does not answer ssh" in plan


def test_a_server_that_is_too_small_is_told_of_before_anything_is_done_to_it(fire: Fire) -> None:
    """By what the machine itself says, whether it has Docker or not."""
    fire.recover("--yes", "--servers", f"{HOST}=127.0.0.9", code=8)
    laid = fire.into / "fleet/fleet.yaml"
    text = laid.read_text().replace("127.0.0.9", "127.0.0.1")
    laid.write_text(text.replace("memory: 1G", "memory: 4000G"))
    said = fire.recover("--dry-run", code=8)  # from what is laid out
    assert f"{HOST} is too small: it has" in said and "the fleet file says" in said
    assert "nothing was changed" in said and f"--into {fire.into}" in said
    laid.write_text(text)
    assert fire.recover("--dry-run")["subject"] == "shop"


def test_a_repository_that_does_not_answer_is_told_and_nothing_is_laid_out(fire: Fire) -> None:
    dead = ("--from", f"sftp://127.0.0.1:{free_port()}/{fire.near.place.location}")
    said = fire.recover("--yes", words=(*dead, *fire.words[2:]), code=6)
    assert f"the repository 127.0.0.1:{fire.near.place.location}: it does not answer" in said
    assert "refused" in said.lower() and '"todo": "' in said
    assert not fire.into.exists() and not list(fire.root.glob(".recovered*"))


def test_another_key_another_password_and_nothing_there(fire: Fire, age: tuple[Path, ...]) -> None:
    other, wrong = fire.root / "other.key", fire.root / "wrong"
    subprocess.run([str(age[1]), "-o", str(other)], check=True, capture_output=True)
    wrong.write_text("wrong\n")
    assert "cannot be opened" in fire.recover("--dry-run", "--identity", str(other), code=6)
    said = fire.recover("--dry-run", "--password-file", str(wrong), code=6)
    assert "password" in said
    assert "--identity" in fire.recover("--dry-run", words=fire.words[:4], code=2)
    for one in fire.near.restic.snapshots():
        if any(BUNDLE in tag for tag in one.tags):
            fire.near.restic.forget([one.id])
    assert "has no recovery bundle" in fire.recover("--dry-run", code=8)
    fire.into.mkdir()
    (fire.into / "mine").write_text("mine")
    assert "is not empty" in fire.recover("--yes", code=8)
    assert (fire.into / "mine").read_text() == "mine"
