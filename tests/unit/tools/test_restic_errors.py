"""Exit codes and words of restic, as reasons: what 0.14.0 and 0.18.0 really said."""

from __future__ import annotations

import json

import pytest

from quorate.tools.restic_errors import Reason, explained, plain, reason_of

ASKED = "\nIs there a repository at the following location?\nnope"
SAID = [
    (1, f"Fatal: unable to open config file: stat nope/config: no such file{ASKED}", "missing"),
    (10, '{"message_type":"exit_error","code":10,"message":"Fatal: whatever"}', "missing"),
    (1, "Fatal: wrong password or no key found", "password"),
    (12, "", "password"),
    (
        1,
        "unable to create lock in backend: repository is already locked by PID 6296 on vm by root "
        "(UID 0, GID 0)\nlock was created at 2026-11-26 15:50:06 (6.1s ago)",
        "locked",
    ),
    (11, "", "locked"),
    (1, "Fatal: unable to save snapshot: write r/data/c9/c992: no space left on device", "full"),
    (
        1,
        'Fatal: unable to open config file: client.Head: Head "http://127.0.0.1:1/config": '
        f"dial tcp 127.0.0.1:1: connect: connection refused{ASKED}",
        "unreachable",
    ),
    (
        1,
        "subprocess ssh: ssh: connect to host 127.0.0.1 port 1: Connection refused\n"
        "Fatal: unable to open repository at sftp:x: unable to start the sftp session, error: EOF",
        "unreachable",
    ),
    (
        1,
        "Fatal: unable to open config file: Stat: The request signature we calculated does not "
        f"match the signature you provided. Check your key and signing method.{ASKED}",
        "keys",
    ),
    (1, f"Fatal: unable to open config file: Stat: Access Denied.{ASKED}", "keys"),
    (
        1,
        "Fatal: create repository at s3:https://h/b failed: client.BucketExists: The AWS Access "
        "Key Id you provided does not exist in our records.",
        "keys",
    ),
    (
        1,
        f"Fatal: unable to open config file: Stat: The specified bucket does not exist.{ASKED}",
        "missing",
    ),
    (
        1,
        'Fatal: unable to open config file: Stat: Get "https://h/b/?location=": '
        f"x509: certificate signed by unknown authority{ASKED}",
        "certificate",
    ),
    (1, "Fatal: all target directories/files do not exist", "source"),
    (1, "Fatal: all source directories/files do not exist", "source"),
    (1, "ignoring error for /a: ciphertext verification failed", "damaged"),
    (1, "Fatal: There were 1 errors", "damaged"),
    (1, "Fatal: repository contains errors", "damaged"),
    (1, "Fatal: unexpected", "other"),
]


@pytest.mark.parametrize(("code", "words", "reason"), SAID)
def test_reasons(code: int, words: str, reason: str) -> None:
    assert reason_of(code, plain(words)) == reason


def test_files_that_could_not_be_read_are_the_sources_trouble() -> None:
    """Whatever the trouble was: it is not the repository that forbids."""
    said = '{"message_type":"error","error":{"message":"open x: permission denied"},"item":"/x"}'
    assert explained("back up to", "near", 3, said).reason == Reason.SOURCE
    assert explained("open", "near", 1, said).reason == Reason.FORBIDDEN


def test_a_disk_that_is_full_is_no_trouble_of_the_source() -> None:
    """restic 0.14 may take it for a file's own trouble, and goes on without the file."""
    full = {"Op": "write", "Path": "r/data/c9/c992", "Err": 28}
    said = {"message_type": "error", "error": full, "during": "archival", "item": "/v/big"}
    assert explained("back up to", "near", 3, json.dumps(said)).reason == Reason.FULL


def test_a_full_disk_is_the_one_restored_to() -> None:
    error = explained("restore from", "near", 1, "write /x: no space left on device")
    assert error.reason == Reason.FULL
    assert "restored to is full" in str(error.cause)


def test_an_error_says_what_happened_why_and_what_to_do() -> None:
    error = explained("list", "near", 1, "Fatal: wrong password or no key found")
    assert error.exit_code == 6
    assert error.lines() == [
        "could not list the repository near: it refuses the password",
        "likely cause: the password file is not the one this repository was made with; or the "
        "repository has no keys any more, because its disk is not mounted or somebody emptied it; "
        "restic says: Fatal: wrong password or no key found",
        "what to do: see that the directory `keys` of the repository has files; if so, put the "
        "right password into the file: without it nothing can be restored",
    ]


@pytest.mark.parametrize("line", ["{", "{}", "[]", json.dumps({"error": "x"}), "plain"])
def test_words_survive_whatever_they_are_wrapped_in(line: str) -> None:
    assert plain(line)
