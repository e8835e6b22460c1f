"""A restore of a Postgres in place, killed at any of its statements: resumed, or undone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.model import Kind, Manifest
from quorate.backup.sources import base
from quorate.backup.sources import postgres_alone as alone
from quorate.backup.sources.postgres import Postgres
from quorate.errors import CommandError, MachineError
from quorate.tools import pg

NAME = r'"((?:[^"]|"")*)"'
OPENED = re.compile(rf"ALTER DATABASE {NAME} WITH ALLOW_CONNECTIONS (\w+);")
RENAMED = re.compile(rf"ALTER DATABASE {NAME} RENAME TO {NAME};")
DROPPED = re.compile(rf"DROP DATABASE IF EXISTS {NAME};")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours reaches the server after it."""


class Server:
    """A server's databases: whether each may be connected to, and what is in it."""

    def __init__(self, **databases: str) -> None:
        self.has = {"template1": "", "postgres": "", **databases}
        self.closed: set[str] = set()
        self.left = 1000
        self.busy = 0

    def query(
        self, server: pg.Server, database: str, script: str, programs: pg.Programs, **_: Any
    ) -> list[Any]:
        self.spend()
        if database not in self.has or database in self.closed:
            raise CommandError(f"{database} does not exist, or accepts no connections")
        if "server_version_num" in script:
            return [150000]
        if found := re.search(r"count\(\*\) FROM pg_database WHERE datname = '(.*)'", script):
            return [int(found[1] in self.has)]
        if "NOT datallowconn" in script:
            return sorted(self.closed)
        if "to_json(datname)" in script:
            return list(self.has)
        if "pg_terminate_backend" in script and self.busy:
            self.busy -= 1
            raise CommandError("database is being accessed by other users")
        self.change(script)
        return []

    def change(self, script: str) -> None:
        for name, allowed in OPENED.findall(script):
            (self.closed.discard if allowed == "true" else self.closed.add)(name)
        for was, now in RENAMED.findall(script):
            assert now not in self.has
            self.has[now] = self.has.pop(was)
        for name in DROPPED.findall(script):
            self.has.pop(name, None)

    def spend(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1

    def fill(self, server: pg.Server, name: str, *_: Any, **__: Any) -> None:
        self.spend()
        self.has[name] = "half"
        self.spend()
        self.has[name] = "then"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Server]:
    """Makes the server that is asked from then on; there is a dump of `shop`."""
    (tmp_path / "database-shop").mkdir()

    def make(**databases: str) -> Server:
        server = Server(**databases)
        monkeypatch.setattr(pg, "query", server.query)
        monkeypatch.setattr(alone, "fill", server.fill)

        def seen(source: Postgres, name: str, programs: pg.Programs) -> dict[str, str]:
            server.query(source.server, name, "", programs)
            return {f"{name}.public.t": server.has[name]}

        monkeypatch.setattr(alone, "_seen", seen)
        return server

    dumped = Manifest(kind=Kind.POSTGRES, version="150000", parts={"shop.public.t": "then"})
    monkeypatch.setattr(base, "manifest", lambda _: dumped)
    programs = [pg.Programs(directory=tmp_path, major=15)]
    monkeypatch.setattr(pg, "installed", lambda places=None: programs)
    return make


def source(own: str) -> Postgres:
    return Postgres(server=pg.Server(host="h", database=own))


def restore(own: str, directory: Path) -> alone.Alone:
    return alone.restore(source(own), directory, "shop", "shop", in_place=True, aside="x")


def killed(server: Server, after: int, work: Callable[[], Any]) -> None:
    """Have it killed after so many statements, or not, if it has fewer."""
    server.left = after
    try:
        work()
    except Killed:
        assert server.left == 0
    server.left = 1000


@pytest.mark.parametrize("own", ["postgres", "shop"])
@pytest.mark.parametrize("after", range(16))
def test_killed_anywhere_it_can_be_resumed(
    made: Callable[..., Server], tmp_path: Path, own: str, after: int
) -> None:
    server = made(shop="now")
    killed(server, after, lambda: restore(own, tmp_path))
    restore(own, tmp_path)
    assert server.has["shop"] == "then" and server.has["shop_before_x"] == "now"
    assert not server.closed


@pytest.mark.parametrize("own", ["postgres", "shop"])
@pytest.mark.parametrize("after", range(16))
@pytest.mark.parametrize("again", range(0, 8, 2))
def test_killed_anywhere_it_can_be_undone(
    made: Callable[..., Server], tmp_path: Path, own: str, after: int, again: int
) -> None:
    server = made(shop="now")
    killed(server, after, lambda: restore(own, tmp_path))
    killed(server, again, lambda: alone.put_back(source(own), "x"))
    alone.put_back(source(own), "x")
    assert server.has["shop"] == "now" and not server.closed


def test_what_was_closed_accepts_connections_again(
    made: Callable[..., Server], tmp_path: Path
) -> None:
    """So a restore that was killed had left them before; what others have closed stays so."""
    server = made(shop="half", shop_before_x="now", other="")
    server.closed = {"shop", "shop_before_x", "other"}
    done = restore("shop", tmp_path)
    assert server.closed == {"other"} and server.has["shop_before_x"] == "now"
    assert server.has[done.half] == "half"
    server.closed = {"shop", "shop_before_x", "other"}
    alone.put_back(source("shop"), "x")
    assert server.closed == {"other"} and server.has["shop"] == "now"


def test_who_connects_meanwhile_is_cut_off_as_well(
    made: Callable[..., Server], tmp_path: Path
) -> None:
    server = made(shop="now")
    server.busy = 2
    assert restore("shop", tmp_path).former == "shop_before_x"
    server.busy = 100
    with pytest.raises(CommandError, match="accessed by other users"):
        alone.put_back(source("shop"), "x")
    assert server.has["shop"] == "then"


LONG = tuple(f"customer_portal_production_tenant_database_{end}" for end in "ab")
TIME = "20260301_020000"


def test_a_name_that_was_cut_is_not_given_back_short(made: Callable[..., Server]) -> None:
    """Killed between the two: the full name is nobody's."""
    formers = [alone.former_name(name, TIME) for name in LONG]
    server = made(**{LONG[1]: "then"}, **dict.fromkeys(formers, "now"))
    with pytest.raises(MachineError, match="cannot be told") as caught:
        alone.put_back(source("postgres"), TIME)
    assert "resume" in str(caught.value.todo) and formers[0] in caught.value.what
    assert server.has[LONG[1]] == "now" and server.has[formers[0]] == "now"
    server.has[LONG[0]] = "then"
    alone.put_back(source("postgres"), TIME)
    assert server.has[LONG[0]] == server.has[LONG[1]] == "now"


@pytest.mark.parametrize("after", range(8))
def test_names_that_are_cut_are_given_back_by_an_undo_that_is_killed(
    made: Callable[..., Server], after: int
) -> None:
    formers = [alone.former_name(name, TIME) for name in LONG]
    server = made(**dict.fromkeys(LONG, "then"), **dict.fromkeys(formers, "now"))
    killed(server, after, lambda: alone.put_back(source("postgres"), TIME))
    alone.put_back(source("postgres"), TIME)
    assert server.has[LONG[0]] == server.has[LONG[1]] == "now"
