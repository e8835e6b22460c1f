"""What restic's exit codes and words mean. Pure.

Since 0.17 restic says with exit codes that a repository is missing (10), locked
(11) or refuses the password (12); older ones say it in words only, and with all
of them the words are what tells a full disk from a lost connection. Read in the
outputs of 0.14.0 and 0.18.0, and in restic's own page on scripting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum

from quorate.errors import RepositoryError


class Reason(StrEnum):
    """Why a repository could not be used."""

    MISSING = "missing"
    PASSWORD = "password"
    KEYS = "keys"
    CERTIFICATE = "certificate"
    LOCKED = "locked"
    FULL = "full"
    UNREACHABLE = "unreachable"
    DAMAGED = "damaged"
    SOURCE = "source"
    FORBIDDEN = "forbidden"
    TOO_OLD = "too-old"
    CRASHED = "crashed"
    OTHER = "other"


CODES = {10: Reason.MISSING, 11: Reason.LOCKED, 12: Reason.PASSWORD}

# Go's words of a program that crashed. Of 0.14 one crash is known: where an upload fails, as on a
# full disk, it may stop its workers while one of them still saves a directory.
CRASHED = r"^(?:panic: |fatal error: )"
STACK = r"^goroutine \d+ \["

# A store that refuses the keys, or has another authority, is asked for the repository's
# configuration first: restic then asks whether there is a repository at all.
# The first that matches wins: 0.14 asks "Is there a repository at the following
# location?" of a server that does not answer, too.
WORDS = (
    (Reason.PASSWORD, r"wrong password or no key found|Resolving password failed|empty password"),
    (
        Reason.KEYS,
        r"request signature we calculated does not match|access ?key id you provided does not exist"
        r"|SignatureDoesNotMatch|InvalidAccessKeyId|Stat: Access Denied",
    ),
    (Reason.CERTIFICATE, r"x509: |tls: failed to verify certificate"),
    (Reason.LOCKED, r"repository is already locked"),
    (
        Reason.FULL,
        r"no space left on device|quota exceeded|disk full|insufficient storage|\b507\b"
        r'|"Err": ?28\b',  # ENOSPC of a file, as 0.14 writes it in JSON
    ),
    (
        Reason.UNREACHABLE,
        r"connection refused|connection reset|connection lost|connection closed|broken pipe"
        r"|closed by foreign host"
        r"|no such host|i/o timeout|no route to host|network is unreachable|handshake failed"
        r"|unable to start the sftp session|ssh command exited|host key verification failed"
        r"|context deadline exceeded",
    ),
    (Reason.SOURCE, r"target directories/files do not exist|source directories/files do not exist"),
    (Reason.SOURCE, r"at least one source file could not be read"),
    (
        Reason.DAMAGED,
        r"ciphertext verification failed|repository contains errors|Pack ID does not match"
        r"|invalid data returned|does not match (id|hash)|config or key .* is damaged"
        r"|There were \d+ errors",
    ),
    (
        Reason.MISSING,
        r"repository does not exist|Is there a repository at the following location"
        r"|unable to open config file",
    ),
    (Reason.FORBIDDEN, r"permission denied|read-only file system|append-only|\b403\b"),
    (Reason.CRASHED, rf"{CRASHED}|{STACK}"),
)

ADVICE = {
    Reason.MISSING: (
        "the place is empty, its disk is not mounted, or the path or bucket is wrong",
        "check the place; a repository is made only when told to, never in a place that lost one",
    ),
    Reason.PASSWORD: (
        "the password file is not the one this repository was made with; or the repository has "
        "no keys any more, because its disk is not mounted or somebody emptied it",
        "see that the directory `keys` of the repository has files; if so, put the right password "
        "into the file: without it nothing can be restored",
    ),
    Reason.KEYS: (
        "the access key or the secret key is another one, or may not use this bucket",
        "check both keys, the bucket's rights and the region",
    ),
    Reason.CERTIFICATE: (
        "it was signed by an authority that is not known here, for another name, or has expired",
        "name the authority's certificate (`ca:` of the repository), or mend the server's own",
    ),
    Reason.LOCKED: (
        "another run is busy with it, or was killed and left its lock",
        "wait for it to end; `restic unlock` removes one that is stale, no other",
    ),
    Reason.FULL: (
        "the disk or quota of the repository is full",
        "make room there, forget copies and prune, then run again; what was begun is not counted",
    ),
    Reason.UNREACHABLE: (
        "its server is off, or the network or ssh to it does not work (ssh also where the key, "
        "or the host's own in `known_hosts`, is another)",
        "check that it answers from here, then run again; what was begun is not counted",
    ),
    Reason.DAMAGED: (
        "what is stored is not what was written: a bad disk, or somebody changed it",
        "copy what is still whole elsewhere, then `restic check --read-data` and `restic repair`",
    ),
    Reason.SOURCE: (
        "files vanished, changed or could not be read while they were backed up",
        "check the source, then run again; what was begun is not counted",
    ),
    Reason.FORBIDDEN: (
        "the far side refuses it: rights, a read-only disk, or an append-only server",
        "check the rights there; forget and prune where the repository itself lies",
    ),
    Reason.CRASHED: (
        "a fault of restic's own, or the machine had no memory left",
        "run again; what was begun is not counted; if it crashes again, install a newer restic",
    ),
}


def reason_of(code: int, text: str) -> Reason:
    """Why restic ended with this exit code and these words."""
    if code in CODES:
        return CODES[code]
    for reason, pattern in WORDS:
        if re.search(pattern, text, re.IGNORECASE | re.MULTILINE):
            return reason
    return Reason.OTHER


def explained(what: str, repository: str, code: int, stderr: str) -> RepositoryError:
    """The error for a restic that failed.

    Args:
        what: what it was doing, as `back up to`, before the repository's name.
        repository: how people name it.
        code: its exit code.
        stderr: its words, as JSON lines or plain, secrets masked.
    """
    said = _readable(plain(stderr))
    reason = reason_of(code, said)
    if code == 3 and what.startswith("back up") and reason != Reason.FULL:
        reason = Reason.SOURCE  # whatever the file's own trouble was; reading fills no disk
    cause, todo = ADVICE.get(reason, (None, None))
    if reason == Reason.FULL and what.startswith("restore"):
        cause, todo = "the disk that is restored to is full", "restore to where there is room"
    last = "\n".join(said.strip().splitlines()[-3:])
    return RepositoryError(
        f"could not {what} the repository {repository}: {_WORD[reason]}",
        reason=reason,
        cause=f"{cause}; restic says: {last}" if cause and last else cause or last or None,
        todo=todo,
    )


def _readable(said: str) -> str:
    """What it said; of a crash the first line only, as its stack holds numbers like codes."""
    kept: list[str] = []
    inside = False
    for line in said.splitlines():
        begins = bool(re.match(STACK, line))
        inside = begins or (inside and bool(line.strip()))
        if (begins and not any(re.match(CRASHED, known) for known in kept)) or not inside:
            kept.append(line)
    return "\n".join(line for line in kept if not line.startswith("[signal "))


_WORD = {
    Reason.MISSING: "there is none at its place",
    Reason.PASSWORD: "it refuses the password",
    Reason.KEYS: "it refuses the keys",
    Reason.CERTIFICATE: "its certificate is not trusted",
    Reason.LOCKED: "it is locked",
    Reason.FULL: "no room is left",
    Reason.UNREACHABLE: "it does not answer",
    Reason.DAMAGED: "it is damaged",
    Reason.SOURCE: "not all of the source could be read",
    Reason.FORBIDDEN: "not allowed",
    Reason.TOO_OLD: "restic is too old",
    Reason.CRASHED: "restic crashed",
    Reason.OTHER: "restic failed",
}


def plain(stderr: str) -> str:
    """What restic said, without the JSON that newer versions wrap it in."""
    return "\n".join(_plain_lines(stderr))


def _plain_lines(stderr: str) -> Iterator[str]:
    for line in stderr.splitlines():
        if not line.startswith("{"):
            yield line
            continue
        try:
            said = json.loads(line)
        except ValueError:
            yield line
            continue
        inner = said.get("error")
        message = said.get("message") or (inner.get("message") if isinstance(inner, dict) else "")
        item = f"{said['item']}: " if said.get("item") else ""
        yield f"{item}{str(message or line).strip()}"
