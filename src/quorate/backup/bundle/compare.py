"""Whether a bundle still holds what the fleet needs, without a look at any value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from quorate.backup.bundle.archive import Record
from quorate.backup.bundle.content import Item
from quorate.fleet.base import Model


class Word(StrEnum):
    """How something in a bundle is beside the fleet as it is now.

    `missing`: not in it. `old`: another value now. `extra`: in it, and no longer needed; harms
    nothing. `unread`: the fleet has no value for it now, so nobody can compare. `unknown`: the
    swarm has it, and no file of the fleet's says where it comes from.
    """

    MISSING = "missing"
    OLD = "old"
    EXTRA = "extra"
    UNREAD = "unread"
    UNKNOWN = "unknown"


class Difference(Model):
    """One of them."""

    word: Word
    path: str = Field(description="In the bundle; of a secret nobody knows its name.")
    uses: tuple[str, ...] = Field((), description="What it is for.")
    why: str = Field("", description="Why there is no value to compare with.")


class BundleCheck(Model):
    """What a look into a bundle came to."""

    fleet: str
    made: datetime
    files: int = Field(description="How many it holds.")
    differences: tuple[Difference, ...]
    good: bool = Field(description="Whether it holds all that the fleet needs, as it is now.")


class BundleSummary(Model):
    """A bundle that was made or opened: what it is for, never what is in it."""

    fleet: str
    made: datetime
    where: str = Field(description="The file, or the directory it was restored to.")
    files: dict[str, tuple[str, ...]] = Field(description="What each file is for, by its path.")
    unknown: tuple[str, ...] = Field(
        description="Secrets that are in the swarm alone: no file says where they come from."
    )


def summary(record: Record, where: str) -> BundleSummary:
    """A bundle as a report."""
    return BundleSummary(
        fleet=record.fleet,
        made=record.made,
        where=where,
        files={path: listed.uses for path, listed in record.files.items()},
        unknown=record.unknown,
    )


def check(
    record: Record,
    items: Iterable[Item],
    digests: Mapping[str, str],
    unread: Mapping[str, str],
    unknown: Iterable[str] = (),
) -> BundleCheck:
    """Compare a bundle with the fleet.

    Args:
        items: what belongs into it.
        digests: of the values as they are now, by path.
        unread: why there is no value now, by path.
        unknown: secrets of the swarm whose value nobody has.
    """
    differences = tuple(_differences(record, tuple(items), digests, unread, unknown))
    return BundleCheck(
        fleet=record.fleet,
        made=record.made,
        files=len(record.files),
        differences=differences,
        good=all(one.word is Word.EXTRA for one in differences),
    )


def _differences(
    record: Record,
    items: tuple[Item, ...],
    digests: Mapping[str, str],
    unread: Mapping[str, str],
    unknown: Iterable[str],
) -> Iterator[Difference]:
    for item in items:
        there, now = record.files.get(item.path), digests.get(item.path)
        if item.path in unread:
            why = unread[item.path]
            yield Difference(word=Word.UNREAD, path=item.path, uses=item.uses, why=why)
        elif there is None and now is not None:
            yield Difference(word=Word.MISSING, path=item.path, uses=item.uses)
        elif there is not None and now is not None and there.digest != now:
            yield Difference(word=Word.OLD, path=item.path, uses=item.uses)
    needed = {item.path for item in items if item.path in digests or item.path in unread}
    for path, listed in record.files.items():
        if path not in needed:
            yield Difference(word=Word.EXTRA, path=path, uses=listed.uses)
    for name in unknown:
        yield Difference(word=Word.UNKNOWN, path=name, uses=(f"secret {name}",))
