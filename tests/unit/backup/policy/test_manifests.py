"""Manifests: as text and back, and compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy import manifests
from quorate.backup.policy.manifests import Restored

PARTS = st.dictionaries(st.text(), st.text())


def manifest(**parts: str) -> Manifest:
    return Manifest(kind=Kind.POSTGRES, version="150018", parts=parts)


def compared(dumped: Manifest, found: Manifest, *kept: str) -> tuple[str, ...]:
    return manifests.compare(dumped, Restored(manifest=found, seconds=1.0, kept=frozenset(kept)))


@given(st.sampled_from(Kind), st.text(), PARTS, st.lists(st.text()))
def test_a_manifest_comes_back_from_its_text(
    kind: Kind, version: str, parts: dict[str, str], findings: list[str]
) -> None:
    made = Manifest(kind=kind, version=version, parts=parts, findings=tuple(findings))
    assert manifests.from_json(manifests.to_json(made)) == made


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2}', '{"format": 1, "kind": "postgres"}', '{"format": 1,'
     ' "kind": "oracle", "version": "", "parts": {}, "findings": []}',
     '{"format": 1, "kind": "redis", "version": "", "parts": [], "findings": []}'],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        manifests.from_json(text)


@given(PARTS.filter(bool))
def test_the_same_is_no_difference(parts: dict[str, str]) -> None:
    assert compared(manifest(**parts), manifest(**parts)) == ()


@given(PARTS.filter(bool), st.data())
def test_any_change_is_one_difference_that_names_its_part(
    parts: dict[str, str], data: st.DataObject
) -> None:
    part = data.draw(st.sampled_from(sorted(parts)))
    changed = {**parts, part: parts[part] + "x"}
    less = {name: value for name, value in parts.items() if name != part}
    for dumped, found in ((parts, changed), (changed, parts), (parts, less)):
        if dumped:
            (said,) = compared(manifest(**dumped), manifest(**found))
            assert said.startswith(f"{part}: ")


def test_differences_are_said_in_words() -> None:
    dumped = manifest(a="1000:aa", b="7:bb", gone="1:cc", mine="1:dd")
    found = manifest(a="999:ab", b="7:b0", new="1:ee", mine="1:00")
    assert compared(dumped, found, "mine") == (
        "a: 1000 when dumped, 999 restored",
        "b: 7 as when dumped, but not the same (bb then, b0 now)",
        "gone: is missing after the restore",
        "new: was not there when it was dumped",
    )


def test_nothing_counted_proves_nothing() -> None:
    (said,) = compared(manifest(), manifest())
    assert "nothing can be compared" in said


def test_kinds_are_not_mixed() -> None:
    (said,) = compared(manifest(a="1:a"), Manifest(kind=Kind.REDIS, parts={"a": "1:a"}))
    assert said == "a postgres was dumped, and a redis restored"
