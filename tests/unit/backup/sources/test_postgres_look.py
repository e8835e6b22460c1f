"""The SQL of a look at Postgres."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources import postgres_look as look
from quorate.backup.sources.postgres_check import QUOTED


def table(name: str = "t", size: int = 1, oid: int = 1, condition: str = "") -> look.Table:
    return look.Table(
        oid=oid, schema="public", name=name, columns=("a", '"B c"'), size=size, condition=condition
    )


@given(st.text(min_size=1))
def test_any_name_comes_back_from_its_quotes(name: str) -> None:
    (found,) = QUOTED.findall(look.identifier(name))
    assert found.replace('""', '"') == name


@given(st.lists(st.text(min_size=1), min_size=1), st.lists(st.text(min_size=1), min_size=1))
def test_two_parts_are_never_called_the_same(one: list[str], other: list[str]) -> None:
    assert (look.part(*one) == look.part(*other)) == (one == other)


def test_a_table_is_counted_by_its_columns_names_and_alone() -> None:
    assert look.count(3, table(condition="WHERE a > 5")) == (
        'SELECT json_build_array(3, count(*), coalesce(sum(hashtextextended(ROW(a, "B c")::text '
        'COLLATE "C", 0)), 0)::text) FROM ONLY "public"."t" WHERE a > 5;'
    )


def test_a_snapshot_is_imported_before_anything_is_read() -> None:
    lines = look.begin("0000-1").splitlines()
    assert lines[:2] == [
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;",
        "SET TRANSACTION SNAPSHOT '0000-1';",
    ]
    assert "SNAPSHOT" not in look.begin(None)


def test_nothing_to_lock_is_no_statement() -> None:
    assert look.lock([]) == ""
    assert look.lock([table("a"), table("b")]) == (
        'LOCK TABLE ONLY "public"."a", ONLY "public"."b" IN ACCESS SHARE MODE;'
    )


@given(st.integers(min_value=-(2**200), max_value=2**200))
def test_a_digest_has_16_digits(total: int) -> None:
    assert int(look.digest(str(total)), 16) == total % 2**64
    assert len(look.digest(str(total))) == 16


@given(st.lists(st.integers(min_value=0, max_value=10**12)), st.integers(1, 5))
def test_every_table_is_dealt_once_and_none_gets_much_more(sizes: list[int], jobs: int) -> None:
    tables = [table(size=size, oid=number) for number, size in enumerate(sizes)]
    hands = look.shares([each.size for each in tables], jobs)
    assert sorted(number for hand in hands for number in hand) == list(range(len(tables)))
    assert len(hands) == min(jobs, len(sizes))
    loads = [sum(sizes[number] + 1 for number in hand) for hand in hands]
    if loads:
        assert max(loads) - min(loads) <= max(sizes) + 1
