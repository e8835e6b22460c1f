"""What the tags of restic's snapshots say: the catalogue, kept where the copies are. Pure.

A copy carries what it is a copy of. Whether it is complete, and whether it was
proven, stands in *marks*: tiny snapshots of their own, which name the copy by its
lasting id (the one that stays when restic tags or copies it) and by its tree, so
that a mark never vouches for other content (docs/adr/0023).

Tags are `key=value`; restic splits at commas and strips blanks, so values are
percent-encoded. Unknown keys are left for those who know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, unquote

from quorate.backup.model import Kind, Proof

FORMAT = "1"
SAFE = "/:+@"
# Restic lists every snapshot's tags each time; all differences are in the mark's own file.
SHOWN_DIFFERENCES = 5
SHOWN_LENGTH = 200


class MarkKind(StrEnum):
    """What a mark says of a copy."""

    COMPLETE = "complete"
    PROOF = "proof"


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a copy says of itself; `manifest` is the digest of the manifest inside it."""

    source: str
    kind: Kind
    taken: datetime
    run: str = ""
    server: str = ""
    version: str = ""
    manifest: str = ""
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was found out about a copy, named by its lasting id and its tree.

    `files` and `size` are what was listed in the repository, `added` what it cost.
    """

    kind: MarkKind
    of: str
    tree: str
    files: int = 0
    size: int = 0
    added: int = 0
    ok: bool = True
    at: datetime | None = None
    seconds: float = 0.0
    server: str = ""
    differences: tuple[str, ...] = ()


def label_tags(label: Label) -> tuple[str, ...]:
    """The tags of a copy."""
    return _written(
        quorate=FORMAT,
        source=label.source,
        kind=label.kind,
        taken=_time(label.taken),
        run=label.run,
        server=label.server,
        version=label.version,
        manifest=label.manifest,
        size=str(label.size),
    )


def read_label(tags: Iterable[str]) -> Label | None:
    """The label in a snapshot's tags; None for strangers', marks, and newer formats."""
    said = _read(tags)
    if said.get("quorate") != FORMAT or "mark" in said:
        return None
    try:
        return Label(
            source=said["source"],
            kind=Kind(said["kind"]),
            taken=_moment(said["taken"]),
            run=said.get("run", ""),
            server=said.get("server", ""),
            version=said.get("version", ""),
            manifest=said.get("manifest", ""),
            size=int(said.get("size", "0")),
        )
    except (KeyError, ValueError, OverflowError):
        return None


def mark_tags(mark: Mark) -> tuple[str, ...]:
    """The tags of a mark."""
    common = {"quorate": FORMAT, "mark": mark.kind, "of": mark.of, "tree": mark.tree}
    if mark.kind == MarkKind.COMPLETE:
        counts = {"files": mark.files, "size": mark.size, "added": mark.added}
        return _written(**common, **{key: str(value) for key, value in counts.items()})
    at = {"at": _time(mark.at)} if mark.at else {}
    verdict = {"ok": "yes" if mark.ok else "no", "seconds": f"{mark.seconds:.3f}"}
    differences = [f"difference={_quoted(text)}" for text in shown(mark.differences)]
    return (*_written(**common, **at, **verdict, server=mark.server), *differences)


def read_mark(tags: Iterable[str]) -> Mark | None:
    """The mark in a snapshot's tags; None for copies and strangers'.

    A proof that does not say `ok=yes` is none that held.
    """
    listed = tuple(tags)
    said = _read(listed)
    if said.get("quorate") != FORMAT or "mark" not in said:
        return None
    try:
        return Mark(
            kind=MarkKind(said["mark"]),
            of=said["of"],
            tree=said["tree"],
            files=int(said.get("files", "0")),
            size=int(said.get("size", "0")),
            added=int(said.get("added", "0")),
            ok=said.get("ok", "yes" if said["mark"] == MarkKind.COMPLETE else "no") == "yes",
            at=_moment(said["at"]) if "at" in said else None,
            seconds=float(said.get("seconds", "0")),
            server=said.get("server", ""),
            differences=tuple(
                unquote(tag.removeprefix("difference="), errors="surrogatepass")
                for tag in listed
                if tag.startswith("difference=")
            ),
        )
    except (KeyError, ValueError, OverflowError):
        return None


def mark_of(proof: Proof, *, lasting: str, tree: str) -> Mark:
    """The mark that records a proof."""
    return Mark(
        kind=MarkKind.PROOF,
        of=lasting,
        tree=tree,
        ok=proof.ok,
        at=proof.at,
        seconds=proof.seconds,
        server=proof.server,
        differences=proof.differences,
    )


def shown(differences: tuple[str, ...]) -> tuple[str, ...]:
    """The first few, shortened, and how many more there are."""
    first = tuple(text[:SHOWN_LENGTH] for text in differences[:SHOWN_DIFFERENCES])
    more = len(differences) - len(first)
    return (*first, f"and {more} more") if more > 0 else first


def _written(**said: str) -> tuple[str, ...]:
    return tuple(f"{key}={_quoted(value)}" for key, value in said.items() if value)


def _read(tags: Iterable[str]) -> Mapping[str, str]:
    pairs = (tag.split("=", 1) for tag in tags if "=" in tag)
    return {key: unquote(value, errors="surrogatepass") for key, value in pairs}


def _quoted(text: str) -> str:
    return quote(text, safe=SAFE, errors="surrogatepass")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
