"""Lines of a writer into figures; what is written to."""

from __future__ import annotations

import pytest

from quorate.drill.listening import Target
from quorate.drill.written import Write, chosen, missing, parse, writable, written
from quorate.errors import UsageError
from quorate.fleet.model import State
from tests.unit.plan.builders import fleet, server, service

DB = Target(service="db", host="s_db", port=5432, kind="postgres")


def writes(text: str) -> list[Write]:
    """One a second from 100 on, ids from 1: `+` ok, `-` failed, `?` unknown, `!` refused."""
    words = {"+": "ok", "-": "failed", "?": "unknown", "!": "refused"}
    return [
        Write(due=100.0 + at, target=0, number=at + 1, status=words[each])
        for at, each in enumerate(text)
    ]


def test_lines() -> None:
    found = parse(
        ["101.0 0 2 ok 3", "100.0 0 1 unknown 1000", "Traceback …", "1 2 3 4", "x 1 1 ok 1"]
    )
    assert [(each.number, each.status) for each in found] == [(1, "unknown"), (2, "ok")]
    assert missing(parse(["1.0 0 3 missing 0", "2.0 0 5 missing 0", "2.0 1 9 ok 1"])) == {0: 5}


def test_lost_is_acknowledged_and_not_there() -> None:
    seen = [writes("++??-+"), writes("+++++-")]
    there = frozenset({"0:1", "0:2", "0:4", "1:1", "1:2", "1:3", "1:4", "1:5"})
    (found,) = written([DB], seen, {0: there}, began=101.0, ended=105.0)
    assert (found.acknowledged, found.failed, found.unknown) == (8, 2, 2)
    assert (found.kept, found.lost) == (1, 1)  # 0:6 was acknowledged
    assert found.longest is None  # at the second no write was acknowledged again
    (first,) = written([DB], seen[:1], {0: there}, began=101.0, ended=105.0)
    assert first.longest == 4.0


def test_what_could_not_be_read_back_is_not_lost() -> None:
    (found,) = written([DB], [writes("++")], {}, began=100.0, ended=101.0)
    assert found.lost is None
    (none,) = written([DB], [writes("--")], {}, began=100.0, ended=101.0)
    assert none.lost == 0
    (refused,) = written([DB], [writes("!")], {}, began=100.0, ended=101.0)
    assert (refused.refused, refused.lost) == (True, 0)


def test_what_is_written_to_by_default_keeps_such_data_and_is_real() -> None:
    made = fleet(
        [server("a")],
        [
            service("cache", image="redis:7", state=State.CACHE),
            service("db", image="postgres:16", state=State.POSTGRES),
            service("odd", image="registry.example.com/postgres:16", state=State.POSTGRES),
            service("queue", image="redis:7", state=State.REDIS),
            service("web", image="nginx:1"),
        ],
    )
    names = [each.service for each in chosen(made, None, ("queue",), upstream=False)]
    assert names == ["queue", "db"]
    assert [each.service for each in chosen(made, None, (), upstream=True)] == [
        "db",
        "odd",
        "queue",
    ]
    assert [each.service for each in chosen(made, ("cache",), (), upstream=False)] == ["cache"]
    assert chosen(made, (), (), upstream=False) == ()
    with pytest.raises(UsageError, match="did you mean `cache`"):
        chosen(made, ("cach",), (), upstream=False)
    with pytest.raises(UsageError, match="web cannot be written to"):
        chosen(made, ("web",), (), upstream=False)


def test_where_a_store_is_written_to() -> None:
    found = writable(service("x", image="valkey/valkey:8"))
    assert found is not None
    assert (found.kind, found.port) == ("redis", 6379)
    assert writable(service("x", image="mariadb:11")) is None
