"""Copies derived from what a repository lists."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.catalogue import derive
from quorate.backup.model import Snapshot
from quorate.tools.restic_answers import Entry
from tests.unit.backup.making import (
    LABEL,
    at,
    complete_mark,
    copy_entry,
    mark_entry,
    proof_mark,
)


def derived(*entries: Entry) -> tuple[Snapshot, ...]:
    return derive(entries, "near", {})


def test_only_what_a_mark_names_is_complete() -> None:
    (copy,) = derived(copy_entry("a"))
    assert not copy.complete and (copy.size, copy.added) == (7, 0) and copy.received == at(0)
    (copy,) = derived(copy_entry("a"), mark_entry("m", complete_mark("a"), hours=2))
    assert copy.complete and (copy.size, copy.added) == (9, 3) and copy.received == at(2)


def test_the_repositorys_own_clock_comes_first() -> None:
    entries = (copy_entry("a"), mark_entry("m", complete_mark("a"), hours=2))
    assert derive(entries, "near", {"a": at(9)})[0].received == at(9)


def test_marks_of_another_copy_or_tree_say_nothing() -> None:
    (copy,) = derived(
        copy_entry("a"),
        mark_entry("m", complete_mark("b")),
        mark_entry("n", complete_mark("a", tree="other")),
        mark_entry("o", proof_mark("a", hours=3, tree="other")),
    )
    assert not copy.complete and copy.proof is None


def test_a_copy_that_was_copied_or_tagged_keeps_its_marks() -> None:
    tagged = replace(copy_entry("new"), original="a")
    (copy,) = derived(
        tagged, mark_entry("m", complete_mark("a")), mark_entry("p", proof_mark("a", hours=3))
    )
    assert copy.proven and (copy.id, copy.original) == ("new", "a")
    assert copy.proof is not None and copy.proof.snapshot == "new"


def test_one_lasting_id_counts_once() -> None:
    """A `restic tag` that was killed leaves the old snapshot beside the new one."""
    copies = derived(
        copy_entry("a"), replace(copy_entry("b"), original="a"), mark_entry("m", complete_mark("a"))
    )
    assert [copy.complete for copy in copies] == [True, False]


def test_the_last_proof_counts_and_a_failed_one_before_one_that_held() -> None:
    base = (copy_entry("a"), mark_entry("m", complete_mark("a")))
    held, failed = proof_mark("a", hours=5), proof_mark("a", hours=6, ok=False)
    (copy,) = derived(*base, mark_entry("p", failed), mark_entry("q", held))
    assert not copy.proven
    (copy,) = derived(*base, mark_entry("p", replace(failed, at=at(4))), mark_entry("q", held))
    assert copy.proven
    (copy,) = derived(*base, mark_entry("q", held), mark_entry("p", replace(failed, at=at(5))))
    assert not copy.proven


def test_a_proof_with_differences_is_none_that_held() -> None:
    lying = replace(proof_mark("a", hours=5), differences=("x is missing",))
    (copy,) = derived(copy_entry("a"), mark_entry("m", complete_mark("a")), mark_entry("p", lying))
    assert not copy.proven


def test_a_proof_alone_completes_nothing() -> None:
    (copy,) = derived(copy_entry("a"), mark_entry("p", proof_mark("a", hours=5)))
    assert not copy.complete and not copy.proven


@pytest.mark.parametrize("tags", [(), ("daily",), ("quorate=7", "source=x")])
def test_strangers_are_left_out(tags: tuple[str, ...]) -> None:
    assert derived(Entry(id="s", time=at(0), tree="t", tags=tags)) == ()


ENTRIES = st.lists(
    st.one_of(
        st.builds(copy_entry, st.sampled_from("ab"), hours=st.integers(0, 9)),
        st.builds(
            lambda original: replace(copy_entry("c"), original=original), st.sampled_from("ab")
        ),
        st.builds(lambda of: mark_entry(f"m{of}", complete_mark(of)), st.sampled_from("abc")),
        st.builds(
            lambda of, hours, ok: mark_entry(f"p{of}", proof_mark(of, hours=hours, ok=ok)),
            st.sampled_from("abc"),
            st.integers(0, 9),
            st.booleans(),
        ),
    ),
    unique_by=lambda entry: (entry.id, entry.time),
)


@given(ENTRIES, st.randoms())
def test_the_order_restic_lists_them_in_says_nothing(entries: list[Entry], random: Random) -> None:
    other = list(entries)
    random.shuffle(other)
    assert set(derived(*other)) == set(derived(*entries))
    lasting = [copy.original or copy.id for copy in derived(*entries) if copy.complete]
    assert len(lasting) == len(set(lasting))


def test_what_the_label_says_is_kept() -> None:
    (copy,) = derived(copy_entry("a", label=replace(LABEL, taken=at(-5), run="r9")))
    assert (copy.taken, copy.run, copy.server, copy.source) == (at(-5), "r9", "box1", "volume/wiki")
