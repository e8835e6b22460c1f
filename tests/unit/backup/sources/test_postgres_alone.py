"""One database of a dump, compared under another name."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quorate.backup.sources.postgres_alone import (
    CREATE,
    compare,
    former_name,
    kept_names,
    parts_of,
    was_cut,
)

LETTERS = st.characters(exclude_categories=["Cs"])
TEXT, ENDS = st.text(LETTERS, min_size=35, max_size=38), st.text(LETTERS, max_size=3)
PARTS = {
    "shop.public.t": "3:aa",
    "sequence shop.public.s": "1:7+",
    "tables of shop": "1:bb",
    'shop.public."a sequence b"': "4:ff",
    "shop2.public.t": "9:cc",
    "tables of shop2": "1:dd",
    "role shop": "1:ee",
}


def test_the_parts_of_one_database() -> None:
    assert parts_of(PARTS, "shop") == {
        "public.t": "3:aa",
        'public."a sequence b"': "4:ff",
        "sequence public.s": "1:7+",
        "tables": "1:bb",
    }


def test_another_name_is_no_difference() -> None:
    found = {
        '"sh.op".public.t': "3:aa",
        'sequence "sh.op".public.s': "1:7+",
        '"sh.op".public."a sequence b"': "4:ff",
        'tables of "sh.op"': "1:bb",
    }
    assert compare(PARTS, "shop", found, "sh.op") == ()
    found['"sh.op".public.t'] = "2:aa"
    assert compare(PARTS, "shop", found, "sh.op") == ("public.t: 3:aa when dumped, 2:aa restored",)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=63))
def test_the_former_name_fits(name: str) -> None:
    made = former_name(name, "20260301_020000")
    assert len(made.encode()) <= 63 and made.endswith("_before_20260301_020000")


@given(TEXT, ENDS, ENDS)
def test_no_two_names_share_a_former_one(start: str, one: str, other: str) -> None:
    assume(one != other)
    made = {former_name(start + end, "20260301_020000") for end in (one, other)}
    assert len(made) == 2


def test_names_that_fit_stay_as_they_are() -> None:
    assert former_name("a" * 40, "20260301_020000") == "a" * 40 + "_before_20260301_020000"
    cut = former_name("a" * 41, "20260301_020000")
    assert re.fullmatch(r"a{31}_[0-9a-f]{8}_before_20260301_020000", cut)


@pytest.mark.parametrize("name", ["a" * 60, "ü" * 30, "a" * 41])
def test_a_name_that_was_cut_and_that_nothing_has_cannot_be_told(name: str) -> None:
    former = former_name(name, "20260301_020000")
    assert was_cut(former, "20260301_020000")
    assert dict(kept_names([former, name], "20260301_020000")) == {name: former}
    assert not was_cut("a" * 40 + "_before_20260301_020000", "20260301_020000")
    assert not was_cut("shop_0123abcd_before_20260301_020000", "20260301_020000")


def test_what_was_kept_is_known_by_its_name_however_long_that_is() -> None:
    long = "a" * 60
    listed = ["shop", "shop_before_x", "gone_before_x", "other", long, former_name(long, "x")]
    assert dict(kept_names(listed, "x")) == {
        "shop": "shop_before_x",
        "gone": "gone_before_x",
        long: former_name(long, "x"),
    }
    assert kept_names(listed, "y") == ()


def test_how_a_database_is_made_is_read_from_the_dump() -> None:
    script = (
        "-- a comment\n\n"
        "CREATE DATABASE \"sh\"\"op\" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';\n"
    )
    match = CREATE.search(script)
    assert match is not None
    assert match[1] == " WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';"
