"""The recovery bundle with the real age: made, checked, opened, damaged, killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.fleet.read import read_fleet
from tests.real_packages import programs

QUORATE = Path(sys.executable).with_name("quorate")
SECONDS = 300.0
PASSPHRASE = "correct horse bättery staple"
PLANTED = ("planted-file-7c1f", "planted-environment-9a2e", "planted-command-41d0")
FLEET = """\
version: 1
name: shop
servers:
  one: {{address: one, role: manager, cpus: 4, memory: 8G}}
  two: {{address: two, cpus: 4, memory: 8G}}
stacks:
  shop: {{files: [shop.yaml]}}
secrets:
  plain: {{file: secrets/plain.txt}}
  spoken: {{command: [sh, say.sh]}}
registries:
  registry.example: {{user: ci, password: {{environment: REGISTRY_PASSWORD}}}}
backup:
  repositories:
    nas:
      local: {{server: two, path: /srv/backups}}
      password: {{file: secrets/nas.txt}}
    away:
      sftp: {{host: away.example, path: /q, identity: {{file: {key}}}}}
      offsite: true
      password: {{environment: REGISTRY_PASSWORD}}
  bundle: {bundle}
"""
SHOP = """\
services:
  web:
    image: nginx
    secrets: [plain, spoken, own]
    configs: [page]
secrets:
  plain: {external: true}
  spoken: {external: true}
  own: {file: ./secrets/own.txt}
configs:
  page: {file: ./page.html}
"""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A fleet, a pair of keys, and an age that notes how it was called."""

    root: Path
    fleet: Path
    key: Path
    recipient: str
    calls: Path
    environment: dict[str, str]

    @property
    def bundle(self) -> Path:
        return self.root / "out" / "recovery.age"

    def write(self, bundle: str) -> None:
        """The fleet file, with this `bundle:`."""
        self.fleet.write_text(FLEET.format(bundle=bundle, key=self.root / "ssh/backup-key"))

    def quorate(self, *words: str, code: int = 0, **environment: str) -> str:
        """What it prints; neither it nor age's arguments may have a planted secret."""
        done = subprocess.run(
            [str(QUORATE), "backup", "bundle", *words],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said
        called = self.calls.read_text() if self.calls.exists() else ""
        for secret in (*PLANTED, PASSPHRASE):
            assert secret not in said and secret not in called
        return said

    def differences(self, *words: str, code: int = 4, **environment: str) -> dict[str, str]:
        """What a check finds: path → word."""
        said = self.quorate(
            str(self.fleet), "--check", str(self.bundle), "--json", *words, code=code, **environment
        )
        found: dict[str, Any] = json.loads(said)
        return {one["path"]: one["word"] for one in found["differences"]}


@pytest.fixture(scope="session")
def age(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return programs("age", tmp_path_factory.mktemp("age"), "age", "age-keygen")


@pytest.fixture
def ground(tmp_path: Path, age: tuple[Path, ...]) -> Ground:
    program, keygen = age
    for name in ("out", "tmp", "bin", "ssh", "fleet/secrets"):
        (tmp_path / name).mkdir(parents=True)
    key = tmp_path / "recovery.key"
    subprocess.run([str(keygen), "-o", str(key)], check=True, capture_output=True)
    recipient = key.read_text().partition("public key: ")[2].split()[0]
    calls = tmp_path / "calls"
    wrapper = tmp_path / "bin/age"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    fleet = tmp_path / "fleet"
    files = {
        "shop.yaml": SHOP,
        "page.html": "<p>hello</p>",
        "say.sh": f"echo {PLANTED[2]}",
        "secrets/plain.txt": PLANTED[0],
        "secrets/own.txt": PLANTED[0],
        "secrets/nas.txt": PLANTED[0],
        "passphrase.txt": f"{PASSPHRASE}\n",
    }
    for name, text in files.items():
        (fleet / name).write_text(text)
    (tmp_path / "ssh/backup-key").write_text(PLANTED[0])
    environment = {
        "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "REGISTRY_PASSWORD": PLANTED[1],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    made = Ground(
        root=tmp_path, fleet=fleet / "fleet.yaml", key=key, recipient=recipient, calls=calls,
        environment=environment,
    )  # fmt: skip
    made.write(f"{{recipients: [{recipient}]}}")
    return made


def plaintext_in(*places: Path) -> list[Path]:
    """Files below these with a planted secret in them."""
    secrets = [secret.encode() for secret in PLANTED]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_made_checked_and_restored(ground: Ground) -> None:
    said = ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    assert "10 files of shop" in said, said
    assert stat.S_IMODE(ground.bundle.stat().st_mode) == 0o600
    assert ground.bundle.read_bytes().startswith(b"age-encryption.org/v1\n")
    key = ("--identity", str(ground.key))
    assert ground.differences(*key, code=0) == {}

    into = ground.root / "restored"
    ground.quorate("--restore", str(into), "--from", str(ground.bundle), *key)
    assert stat.S_IMODE(into.stat().st_mode) == 0o700
    assert (into / "environment/REGISTRY_PASSWORD").read_text() == PLANTED[1]
    assert (into / "values/secret-spoken").read_text() == PLANTED[2]
    assert (into / f"elsewhere{ground.root}/ssh/backup-key").read_text() == PLANTED[0]
    for path in into.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    again = read_fleet(into / "fleet/fleet.yaml", environment={})
    assert again.digest == read_fleet(ground.fleet, environment={}).digest
    page = (into / "README.txt").read_text()
    assert "STEP 6." in page and not any(secret in page for secret in PLANTED)
    said = ground.quorate("--restore", str(into), "--from", str(ground.bundle), *key, code=8)
    assert "not empty" in said
    assert plaintext_in(ground.root / "out", ground.root / "tmp") == []


def test_what_has_changed_is_told(ground: Ground) -> None:
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    key = ("--identity", str(ground.key))
    (ground.fleet.parent / "secrets/nas.txt").write_text("another one")
    text = ground.fleet.read_text().replace("stacks:", "  three: {address: three}\nstacks:")
    ground.fleet.write_text(
        text.replace("{address: three}", "{address: three, cpus: 4, memory: 8G}")
    )
    assert ground.differences(*key) == {"fleet/secrets/nas.txt": "old", "fleet/fleet.yaml": "old"}
    ground.fleet.write_text(
        ground.fleet.read_text().replace(
            "secrets:\n",
            "secrets:\n  new: {file: secrets/nas.txt}\n  more: {environment: MORE}\n",
            1,
        )
    )
    found = ground.differences(*key, MORE="planted")
    assert found["environment/MORE"] == "missing"
    assert ground.differences(*key)["environment/MORE"] == "unread"


def test_by_passphrase(ground: Ground) -> None:
    ground.write("{passphrase: {file: passphrase.txt}}")
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    assert ground.differences(code=0) == {}  # the fleet file knows the passphrase
    wrong = ground.root / "wrong.txt"
    wrong.write_text("something else\n")
    into = ground.root / "restored"
    words = ("--restore", str(into), "--from", str(ground.bundle))
    said = ground.quorate(*words, "--passphrase-file", str(wrong), code=6)
    assert "incorrect passphrase" in said
    ground.quorate(*words, "--passphrase-file", str(ground.fleet.parent / "passphrase.txt"))
    assert (into / "values/secret-spoken").read_text() == PLANTED[2]
    assert not (into / "fleet/passphrase.txt").exists()


def test_opened_without_quorate(ground: Ground, age: tuple[Path, ...]) -> None:
    """As the page says it: by age and tar alone."""
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    opened = subprocess.run(
        [str(age[0]), "--decrypt", "--identity", str(ground.key), str(ground.bundle)],
        capture_output=True,
        check=True,
    )
    into = ground.root / "by-hand"
    into.mkdir()
    subprocess.run(["tar", "-x", "-C", str(into)], input=opened.stdout, check=True)
    assert (into / "fleet/secrets/plain.txt").read_text() == PLANTED[0]


@pytest.mark.fault(
    "wrong password",
    injected="another key for the recovery bundle, and a damaged one",
    seen="an error for each",
)
def test_a_wrong_key_and_a_damaged_bundle(ground: Ground, age: tuple[Path, ...]) -> None:
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    other = ground.root / "other.key"
    subprocess.run([str(age[1]), "-o", str(other)], check=True, capture_output=True)
    check = (str(ground.fleet), "--check", str(ground.bundle))
    said = ground.quorate(*check, "--identity", str(other), code=6)
    assert "cannot be opened" in said and "no identity matched" in said
    said = ground.quorate(*check, code=2)
    assert "--identity" in said
    data = bytearray(ground.bundle.read_bytes())
    data[-10] ^= 1
    ground.bundle.write_bytes(data)
    said = ground.quorate(*check, "--identity", str(ground.key), code=6)
    assert "cannot be opened" in said


def test_a_lacking_value_leaves_the_old_bundle(ground: Ground) -> None:
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    before = ground.bundle.read_bytes()
    (ground.fleet.parent / "secrets/nas.txt").unlink()
    said = ground.quorate(str(ground.fleet), "-o", str(ground.bundle), code=2, REGISTRY_PASSWORD="")
    assert "secrets/nas.txt" in said and "REGISTRY_PASSWORD" in said
    assert ground.bundle.read_bytes() == before
    assert [path.name for path in ground.bundle.parent.iterdir()] == ["recovery.age"]


def test_without_age_it_says_what_to_install(ground: Ground) -> None:
    bare = ground.root / "bare"
    bare.mkdir()
    (bare / "sh").symlink_to("/bin/sh")
    said = ground.quorate(str(ground.fleet), "-o", str(ground.bundle), code=6, PATH=str(bare))
    assert "age is not installed here" in said and "install the package age" in said
    assert list(ground.bundle.parent.iterdir()) == []


HOLDING = """\
#!/bin/sh
{{ head -c 1048576; echo holding > {holding}; sleep {seconds}; }} | {program} "$@"
"""
HELD_SECONDS = 5.0


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL while the recovery bundle is made",
    seen="the old bundle stays; nothing can be read of the new one",
)
@pytest.mark.slow
def test_killed_half_way_it_leaves_nothing_that_can_be_read(
    ground: Ground, age: tuple[Path, ...]
) -> None:
    """SIGKILL in the midst of it: no plaintext anywhere, and the old bundle is still there."""
    ground.quorate(str(ground.fleet), "-o", str(ground.bundle))
    before = ground.bundle.read_bytes()
    large = (PLANTED[0].encode() + b" ") * (8 * 2**20 // 20)
    (ground.fleet.parent / "secrets/plain.txt").write_bytes(large)
    holding = ground.root / "holding"
    wrapper = ground.root / "bin/age"
    wrapper.write_text(HOLDING.format(holding=holding, seconds=HELD_SECONDS, program=age[0]))
    shared = Path("/dev/shm")
    known = set(shared.iterdir()) if shared.is_dir() else set()
    process = subprocess.Popen(
        [str(QUORATE), "backup", "bundle", str(ground.fleet), "-o", str(ground.bundle)],
        env=ground.environment,
        start_new_session=True,
    )
    deadline = time.monotonic() + SECONDS
    while not holding.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    time.sleep(HELD_SECONDS)  # age, in a session of its own, comes to its end
    new = set(shared.iterdir()) - known if shared.is_dir() else set()
    places = (ground.root / "out", ground.root / "tmp", *(path for path in new if path.is_dir()))
    assert plaintext_in(*places) == []
    assert ground.bundle.read_bytes() == before
    for draft in ground.bundle.parent.iterdir():
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
