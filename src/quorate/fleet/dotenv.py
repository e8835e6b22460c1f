"""Environment files: `.env`, `env_files` of a stack, `env_file` of a service.

The format is compose's: `KEY=value` lines, `export` allowed, `#` comments,
values in single quotes verbatim, values in double quotes with escapes; what is
not in single quotes may use `${VARIABLE}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from quorate.fleet.interpolate import Interpolator
from quorate.fleet.positions import Mark
from quorate.fleet.problems import Problems

_KEY = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]*)\s*(=|:|$)")
_COMMENT = re.compile(r"\s#.*$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}


def parse_dotenv(
    text: str,
    file: str,
    environment: Mapping[str, str],
    problems: Problems,
    *,
    raw: bool = False,
) -> dict[str, str | None]:
    """The variables of an environment file; None for a bare `KEY`.

    `environment` answers `${VARIABLE}` before the file's own earlier lines do.
    With `raw`, values are taken literally (compose's `format: raw`).
    Lines that cannot be read are reported and skipped.
    """
    found: dict[str, str | None] = {}
    lines = text.removeprefix("\ufeff").splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        mark = Mark(file, number + 1)
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _KEY.match(line)
        if match is None:
            problems.add("Q217", mark, f"this line sets no variable: {_shorten(line)}")
            continue
        key, value = match[1], line[match.end() :].strip()
        if not match[2]:
            found[key] = None
            continue
        if raw:
            found[key] = value
            continue
        if value[:1] in ("'", '"'):
            quote = value[0]
            while _closing(value, quote) is None and number < len(lines):
                value += "\n" + lines[number]
                number += 1
            end = _closing(value, quote)
            if end is None:
                problems.add("Q217", mark, f"the quote of `{key}` is never closed")
                continue
            value = value[1:end]
            if quote == "'":
                found[key] = value.replace("\\'", "'")
                continue
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], "\\" + m[1]), value)
        else:
            value = _COMMENT.sub("", " " + value).strip() if not value.startswith("#") else ""
        known = {**{k: v for k, v in found.items() if v is not None}, **environment}
        found[key] = Interpolator(known, problems, lenient=True).text(value, mark)
    return found


def _closing(value: str, quote: str) -> int | None:
    """The index of the quote that closes the one `value` starts with."""
    index = 1
    while index < len(value):
        if value[index] == "\\":
            index += 2
            continue
        if value[index] == quote:
            return index
        index += 1
    return None


def _shorten(line: str) -> str:
    """The start of a line, never its value: it may be a secret."""
    return f"`{line.split('=', 1)[0].strip()[:20]}…`"
