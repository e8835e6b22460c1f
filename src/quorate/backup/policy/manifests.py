"""What a source said of itself: as a file beside its copy, and compared after a restore. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from quorate.backup.model import Kind, Manifest

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came of a restore. `seconds` is how long it took.

    `kept` names parts that are the target's own and were left as they were (the
    account that restores); they are not compared.
    """

    manifest: Manifest
    seconds: float
    kept: frozenset[str] = frozenset()


def to_json(manifest: Manifest) -> str:
    """A manifest as the text of a file."""
    return json.dumps(
        {
            "format": FORMAT,
            "kind": manifest.kind.value,
            "version": manifest.version,
            "parts": dict(sorted(manifest.parts.items())),
            "findings": list(manifest.findings),
        },
        indent=1,
        ensure_ascii=False,
    )


def from_json(text: str) -> Manifest:
    """A manifest from the text of its file.

    Raises:
        ValueError: it is none, or one of a later format.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("not a manifest of this format")
    try:
        return Manifest(
            kind=Kind(data["kind"]),
            version=str(data["version"]),
            parts={str(key): str(value) for key, value in data["parts"].items()},
            findings=tuple(str(text) for text in data["findings"]),
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"a manifest without {error}") from error


def compare(dumped: Manifest, restored: Restored) -> tuple[str, ...]:
    """What is not the same after a restore, in words; nothing where all is."""
    found = restored.manifest
    if dumped.kind is not found.kind:
        return (f"a {dumped.kind.value} was dumped, and a {found.kind.value} restored",)
    if not dumped.parts:
        return ("nothing was counted when it was dumped, so that nothing can be compared",)
    return tuple(_differences(dumped.parts, found.parts, restored.kept))


def _differences(
    dumped: dict[str, str], restored: dict[str, str], kept: frozenset[str]
) -> Iterator[str]:
    for part in sorted({*dumped, *restored} - kept):
        before, after = dumped.get(part), restored.get(part)
        if before == after:
            continue
        if after is None:
            yield f"{part}: is missing after the restore"
        elif before is None:
            yield f"{part}: was not there when it was dumped"
        else:
            yield f"{part}: {_changed(before, after)}"


def _changed(before: str, after: str) -> str:
    was, _, digest = before.partition(":")
    now, _, other = after.partition(":")
    if was != now:
        return f"{was} when dumped, {now} restored"
    return f"{was} as when dumped, but not the same ({digest} then, {other} now)"
