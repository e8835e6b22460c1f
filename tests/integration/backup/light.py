"""Repositories of real restic whose password is checked at once.

restic makes a password as slow to try as the machine allows (scrypt, half a second of a processor
that is idle), and pays that at every call. Here the very same repository gets a key of its own
form that costs nothing to try, so that tests spend their time on what they are about. What it
takes: a key of a repository is its master key, encrypted by one that scrypt makes of the password
(https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

N, R, P = 2, 1, 1
"""The least that restic takes of scrypt."""
MAC, IV = 16, 16
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
PRIME = (1 << 130) - 5
MEMORY = 1 << 30


@dataclass(frozen=True)
class Keys:
    """What encrypts and what signs."""

    encrypt: bytes
    k: bytes
    r: bytes

    @classmethod
    def of_password(cls, password: str, salt: bytes, n: int, r: int, p: int) -> Keys:
        made = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=64, maxmem=MEMORY)
        return cls(made[:32], made[32:48], made[48:])

    @classmethod
    def of_master(cls, text: bytes) -> Keys:
        found = json.loads(text)
        parts = (found["encrypt"], found["mac"]["k"], found["mac"]["r"])
        return cls(*map(base64.b64decode, parts))

    def opened(self, box: bytes) -> bytes:
        """What was encrypted; it is as it was written."""
        iv, inner, mac = box[:IV], box[IV:-MAC], box[-MAC:]
        assert self._mac(iv, inner) == mac, "not encrypted with this key, or damaged"
        return self._stream(iv, inner)

    def closed(self, plain: bytes) -> bytes:
        iv = os.urandom(IV)
        inner = self._stream(iv, plain)
        return iv + inner + self._mac(iv, inner)

    def _stream(self, iv: bytes, text: bytes) -> bytes:
        return _openssl(text, "-aes-256-ctr", "-K", self.encrypt.hex(), "-iv", iv.hex())

    def _mac(self, iv: bytes, text: bytes) -> bytes:
        """Poly1305-AES, as its author has it: D. J. Bernstein, 2005."""
        pad = int.from_bytes(_openssl(iv, "-aes-128-ecb", "-nopad", "-K", self.k.hex()), "little")
        r = int.from_bytes(self.r, "little") & CLAMP
        total = 0
        for at in range(0, len(text), 16):
            piece = text[at : at + 16]
            total = (total + int.from_bytes(piece + b"\1", "little")) * r % PRIME
        return ((total + pad) % (1 << 128)).to_bytes(16, "little")


def lighten(directory: Path, password: str) -> None:
    """Give a repository in a directory a key that costs nothing to try, for the same password."""
    for path in list((directory / "keys").iterdir()):
        key = json.loads(path.read_text())
        _write_key(directory, key, password, _master(key, password))
        path.unlink()


def write_lock(directory: Path, password: str, *, host: str, since: datetime) -> str:
    """A lock as restic on another host would have left it; its id."""
    (path,) = (directory / "keys").iterdir()
    keys = Keys.of_master(_master(json.loads(path.read_text()), password))
    said = {"time": since.isoformat(), "exclusive": True, "hostname": host, "username": "root"}
    box = keys.closed(json.dumps({**said, "pid": 7}).encode())
    id = hashlib.sha256(box).hexdigest()
    (directory / "locks" / id).write_bytes(box)
    return id


def copy_of(program: str, directory: Path, password: str) -> None:
    """A new repository: what `restic init` makes, with an id of its own."""
    template = _template(program)
    shutil.copytree(template.directory, directory, ignore=shutil.ignore_patterns("keys", "config"))
    (directory / "keys").mkdir(mode=0o700)
    _write_key(directory, template.key, password, template.master)
    config = {**template.config, "id": os.urandom(32).hex()}
    keys = Keys.of_master(template.master)
    (directory / "config").write_bytes(keys.closed(json.dumps(config).encode()))


@dataclass(frozen=True)
class _Template:
    directory: Path
    key: dict[str, Any]
    master: bytes
    config: dict[str, Any]


@cache
def _template(program: str) -> _Template:
    """A repository that restic has made, once for each process."""
    place, password = Path(mkdtemp(prefix="quorate-restic-")), "template"
    made = place / "made"
    environment = {**os.environ, "RESTIC_PASSWORD": password}
    subprocess.run([program, "-q", "-r", str(made), "init"], env=environment, check=True)
    (path,) = (made / "keys").iterdir()
    key = json.loads(path.read_text())
    master = _master(key, password)
    config = json.loads(Keys.of_master(master).opened((made / "config").read_bytes()))
    return _Template(made, key, master, config)


def _master(key: dict[str, Any], password: str) -> bytes:
    salt = base64.b64decode(key["salt"])
    opener = Keys.of_password(password, salt, key["N"], key["r"], key["p"])
    return opener.opened(base64.b64decode(key["data"]))


def _write_key(directory: Path, former: dict[str, Any], password: str, master: bytes) -> None:
    salt = os.urandom(64)
    data = Keys.of_password(password, salt, N, R, P).closed(master)
    light = {"N": N, "r": R, "p": P, "salt": _text(salt), "data": _text(data)}
    said = json.dumps({**former, **light}).encode()
    place = directory / "keys" / hashlib.sha256(said).hexdigest()
    place.touch(mode=0o600)
    place.write_bytes(said)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _openssl(text: bytes, *arguments: str) -> bytes:
    argv = ["openssl", "enc", *arguments]
    return subprocess.run(argv, input=text, check=True, capture_output=True).stdout
