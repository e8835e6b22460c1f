"""What is copied, forgotten, missing or different, from values alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.content import as_listed, lacking, read_manifest, require_whole, written
from quorate.backup.copying import missing
from quorate.backup.filetree import differences
from quorate.backup.model import Kind, Manifest
from quorate.backup.pruning import require_room, spent_marks
from quorate.errors import MachineError, RepositoryError
from quorate.tools.restic_answers import Node, PrunePlan
from tests.unit.backup.making import complete_mark, copy_entry, mark_entry, proof_mark, snapshot

GIB = 2**30


def test_complete_copies_that_are_not_there_are_copied_the_newest_first() -> None:
    here = (snapshot("a"), snapshot("b", hours=2), snapshot("c", complete=False))
    assert [copy.id for copy in missing(here, ())] == ["b", "a"]
    assert missing(here, (snapshot("x", original="a"), snapshot("y", original="b"))) == ()
    assert [copy.id for copy in missing(here, (snapshot("x", original="a", complete=False),))] == [
        "b",
        "a",
    ]


def test_copied_back_a_copy_is_still_the_same() -> None:
    assert missing((snapshot("x", original="a"),), (snapshot("a"),)) == ()
    assert missing((snapshot("x", original="a"),), (snapshot("y", original="a"),)) == ()


def test_marks_are_spent_when_their_copy_is_gone_or_a_later_proof_is_there() -> None:
    entries = (
        copy_entry("a"),
        mark_entry("m", complete_mark("a")),
        mark_entry("n", complete_mark("gone")),
        mark_entry("o", proof_mark("gone", hours=9)),
        mark_entry("p", proof_mark("a", hours=3)),
        mark_entry("q", proof_mark("a", hours=2, ok=False)),
        mark_entry("r", proof_mark("a", hours=1)),
    )
    assert set(spent_marks(entries)) == {"n", "o", "q", "r"}


@pytest.mark.parametrize(("repack", "free", "fits"), [
    (0, 0, True), (GIB, None, True), (GIB, 2 * GIB, True), (GIB, GIB, False)
])  # fmt: skip
def test_room_that_a_prune_needs(repack: int, free: int | None, fits: bool) -> None:
    plan = PrunePlan(repack=repack, remove=5 * GIB)
    if fits:
        require_room("near", plan, free)
        return
    with pytest.raises(MachineError, match="writes 1024 MiB anew"):
        require_room("near", plan, free)


NODES = (
    Node(path="/data", type="dir"),
    Node(path="/data/a", type="file", size=3),
    Node(path="/data/b\ufffd\ufffd", type="file", size=4),
)


def test_what_is_listed_in_its_size_is_not_missing() -> None:
    assert lacking({"data/a": 3, "data/b\udce9\udcff": 4}, ("data",), NODES) == ()


def test_what_is_shorter_or_not_there_is_missing() -> None:
    assert lacking({"data/a": 5}, ("data",), NODES) == ("data/a (5 bytes)",)
    assert lacking({"data/c": 0}, ("data", "more"), NODES) == ("more", "data/c (0 bytes)")


def test_two_names_that_are_listed_alike_must_be_there_twice() -> None:
    alike = {f"data/b{odd}": 4 for odd in ("\udce9\udcff", "\udcff\udce9")}
    assert len(lacking(alike, (), NODES)) == 1


def test_five_are_named_and_the_rest_counted() -> None:
    require_whole("near", ())
    with pytest.raises(RepositoryError) as caught:
        require_whole("near", tuple("abcdefg"))
    assert str(caught.value.cause).endswith("a, b, c, d, e and 2 more")


@given(st.binary())
def test_a_name_is_listed_with_as_many_letters_as_python_has_for_it(name: bytes) -> None:
    text = name.decode("utf-8", "surrogateescape")
    assert len(as_listed(text)) == len(text)
    assert "\udc80" not in as_listed(text)
    as_listed(text).encode()


@given(st.dictionaries(st.text(st.characters(exclude_categories=())), st.text()))
def test_manifests_come_back(parts: dict[str, str]) -> None:
    manifest = Manifest(kind=Kind.VOLUME, version="3", parts=parts)
    text = written(manifest)
    assert read_manifest(text.encode().decode()) == manifest
    assert written(read_manifest(text)) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parts": {}}', '{"parts": {}, "kind": "x"}'])
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(ValueError):
        read_manifest(text)


def changed(was: str, now: str) -> tuple[str, ...]:
    return differences(
        Manifest(kind=Kind.VOLUME, parts={"a": was}), Manifest(kind=Kind.VOLUME, parts={"a": now})
    )


def test_differences_are_told_in_words() -> None:
    was = "5:abc;mode=0644;owner=0:0;attribute=user.note=12"
    assert changed(was, was) == ()
    assert changed(was, was.replace("5:", "4:")) == ("a: 4 bytes instead of 5",)
    assert changed(was, was.replace("abc", "abd")) == ("a: other content",)
    assert changed(was, was.replace("0644", "0600").replace("12", "13")) == (
        "a: other attribute user.note, other mode",
    )
    empty = Manifest(kind=Kind.VOLUME)
    full = Manifest(kind=Kind.VOLUME, parts={"x\udcff": was})
    assert differences(full, empty) == ("x\\udcff is missing",)
    assert differences(empty, full) == ("x\\udcff was not in the source",)
