"""One database of a dump, compared under another name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources.postgres_alone import CREATE, compare, former_name, kept_names, parts_of

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
