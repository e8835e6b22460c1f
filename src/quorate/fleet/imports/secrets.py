"""What looks secret, and what is written in its place.

Engines hand out passwords with everything else: in the environment, in commands
and health checks, in labels, in the options of volumes. An import writes none
of them. A name or a value that looks secret becomes a variable without a value;
a harmless value taken for a secret costs a line to fill in, the other mistake
costs the secret, so this errs on that side.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple

MASK = "•••"
SHORTEST = 6
"""Shorter values are too common in ordinary text to be looked for elsewhere."""

_NAME = re.compile(
    r"(^|[_\-.])(PASS|PASSWD|PASSWORD\w*|PASSPHRASE|PWD|PW|SECRET\w*|TOKEN\w*|API_?KEYS?|CREDENTIALS?"
    r"|AUTH|AUTHORIZATION|COOKIE|SALT|PEPPER|JWT|HMAC|SIGNATURE|SIGNING|LICENSE_KEY|WEBHOOK|DSN"
    r"|CONNECTION_?STRING|BASIC_?AUTH\w*|USERS|KEYFILE_CONTENT|PIN)([_\-.]|$|\d)"
    r"|(^|[_\-.])\w*(PRIVATE|SECRET|ACCESS|ENCRYPTION|MASTER|SIGNING|SHARED|SESSION|APP|CRYPT\w*)"
    r"_?KEY(S|_\w+)?$|KEY_?BASE|(^|[_\-.])\w*KEY$|PASSWORD|PASSWD",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"(_FILE|_PATH|_DIR|_TTL|_EXPIRY|_EXPIRATION|_EXPIRES?(_IN)?|_LIFETIME|_LENGTH|_TYPE"
    r"|_ENABLED?|_POLICY|_MIN|_MAX|_HEADER|_ISSUER|_ALGORITHM|_METHOD|_MODE|_HOST|_PORT)$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"|true|false|yes|no|on|off|none|null|\d{1,5}|[a-z]|/[\w./\-]*"
    r"|(md5|scram-sha-256|trust|any|all|basic|jwt|oauth2?|ldap|plain|login|required?|optional)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?P<before>[a-z][a-z0-9+.\-]*://[^/\s:@]*:)(?P<value>[^/\s@]+)(?=@)", re.I)
_ASSIGNED = re.compile(
    r"(?P<before>(?:^|[\s;,&?\"'{\[-])[\w.\-]*?(?:password|passwd|passphrase|pwd|pass|secret|token"
    r"|api_?key|access_?key|private_?key|auth|credentials?|requirepass|masterauth)\w*[\"'\])]*"
    r"\s*(?:=>|:=|[=:])\s*[\"']?)(?P<value>(?:(?:basic|bearer|token)\s+)?[^\s;,&\"'}]+)",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"--?[\w.\-]*(password|passwd|passphrase|secret|token|api-?key|requirepass|masterauth|access-?key"
    r"|credentials?|auth|private-?key)[\w\-]*",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"(glpat-|gldt-|glrt-|gh[pousr]_|github_pat_|sk_live_|sk_test_|rk_live_|sk-[A-Za-z0-9]|xox[abprs]-"
    r"|AKIA[0-9A-Z]{12}|ASIA[0-9A-Z]{12}|AIza[0-9A-Za-z_\-]{20}|ya29\.|eyJ[A-Za-z0-9_\-]{8,}\."
    r"|hv[sb]\.|dop_v1_|SG\.[A-Za-z0-9_\-]{10}|npm_[A-Za-z0-9]{20}|pypi-[A-Za-z0-9]|dckr_pat_"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|age-secret-key-|AGE-SECRET-KEY-|SWMTKN-"
    r"|\$2[abxy]\$\d\d\$|\$apr1\$|\$[156]\$[^$]+\$|\{SHA\}|(Basic|Bearer) [A-Za-z0-9+/=._\-]{8,})"
)
_RANDOM = re.compile(r"(?<![\w+/=.@:\-])[A-Za-z0-9+/=_\-]{20,}(?![\w+/=\-])")
_DIGEST = re.compile(r"sha(256|512)[:\-]\S*")
_ENTROPY = 3.3
"""Bits a character: 20 random characters of base64 have about 4, words with hyphens 3 or less."""


class Piece(NamedTuple):
    """A part of a text; `secret` parts are not written."""

    text: str
    secret: bool


def secret_name(name: str) -> bool:
    """Whether a variable, option or label of that name holds a secret."""
    return bool(_NAME.search(name)) and not _ELSEWHERE.search(name)


def pieces(name: str, value: str) -> list[Piece]:
    """The value of a named thing in pieces, those that look secret marked.

    Where an address or an assignment holds the secret, only that part is one.
    """
    if not value:
        return [Piece(value, False)]
    if secret_name(name) and not _HARMLESS.fullmatch(value):
        address = _split(value, _ADDRESS)
        return address if any(piece.secret for piece in address) else [Piece(value, True)]
    return text_pieces(value)


def text_pieces(value: str) -> list[Piece]:
    """A text without a telling name in pieces, those that look secret marked."""
    if _TOKENS.search(value):
        return [Piece(value, True)]
    parts = _split(value, _ADDRESS)
    parts = [p for part in parts for p in ([part] if part.secret else _split(part.text, _ASSIGNED))]
    return [p for part in parts for p in ([part] if part.secret else _random(part.text))]


def arguments(items: list[str]) -> list[list[Piece]]:
    """The arguments of a command; what follows an option like `--password` is secret."""
    found = []
    before = ""
    for item in items:
        named = before.startswith("-") and _FLAG.fullmatch(before) and not item.startswith("-")
        short = before in ("-a", "-p", "-w") and secretish(item)
        if (named or short) and not _HARMLESS.fullmatch(item):
            found.append([Piece(item, True)])
        else:
            found.append(_short_flag(item) or text_pieces(item))
        before = item
    return found


def secretish(text: str) -> bool:
    """Whether a word could be a password: it is neither a number nor a path nor a plain option."""
    return len(text) >= SHORTEST and not re.fullmatch(r"[\d:.,/]+|/.*|.*/.*|\d+[a-z]?", text)


def _short_flag(item: str) -> list[Piece] | None:
    """`-pSECRET`, as the clients of MySQL and MariaDB take it."""
    match = re.fullmatch(r"(-p)([^-=\s/:]{4,})", item)
    if match is None or re.fullmatch(r"\d+|[a-z]{1,5}", match[2]):
        return None
    return [Piece(match[1], False), Piece(match[2], True)]


def _split(text: str, pattern: re.Pattern[str]) -> list[Piece]:
    found = []
    end = 0
    for match in pattern.finditer(text):
        value = match["value"]
        if _HARMLESS.fullmatch(value) or value.startswith("$"):
            continue
        found += [Piece(text[end : match.start("value")], False), Piece(value, True)]
        end = match.end("value")
    found.append(Piece(text[end:], False))
    return [piece for piece in found if piece.text or piece.secret] or [Piece(text, False)]


def _random(text: str) -> list[Piece]:
    """Long words that look drawn at random, checksums left alone."""
    if _DIGEST.search(text):
        return [Piece(text, False)]
    found = []
    end = 0
    for match in _RANDOM.finditer(text):
        if looks_random(match[0]):
            found += [Piece(text[end : match.start()], False), Piece(match[0], True)]
            end = match.end()
    found.append(Piece(text[end:], False))
    return [piece for piece in found if piece.text] or [Piece(text, False)]


def looks_random(word: str) -> bool:
    """Whether a word of 20 characters or more has the mixture of a key, not of a name."""
    if re.fullmatch(r"[0-9a-fA-F]{32,}", word):
        return True
    kinds = sum(bool(re.search(kind, word)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if kinds < 3 or "/" in word[:1]:
        return False
    counts = Counter(word)
    entropy = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    return entropy >= _ENTROPY
