"""The program that asks, as far as it can be tested without a network; and what is asked."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import quorate.drill
from quorate.drill.listening import Target, chosen, listening
from quorate.drill.vantage import Plan, script
from quorate.errors import UsageError
from quorate.fleet.model import Mode, Port, Service
from tests.unit.drill.shop import shop
from tests.unit.plan.builders import fleet, server, service


def program() -> ModuleType:
    path = Path(quorate.drill.__path__[0]) / "assets" / "prober.py"
    spec = importlib.util.spec_from_file_location("prober", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_addresses_of_an_answer() -> None:
    prober = program()
    number, query = prober.question("shop_web")
    assert query[12:] == b"\x08shop_web\0\0\1\0\1"
    name = b"\xc0\x0c"
    records = b"".join(
        name + struct.pack(">HHIH", 1, 1, 600, 4) + bytes([10, 0, 1, last]) for last in (7, 9)
    )
    alias = name + struct.pack(">HHIH", 5, 1, 600, 3) + b"\1x\0"
    head = struct.pack(">6H", number, 0x8180, 1, 3, 0, 0)
    assert prober.addresses(head + query[12:] + alias + records) == ["10.0.1.7", "10.0.1.9"]
    assert prober.addresses(struct.pack(">6H", number, 0x8183, 1, 0, 0, 0) + query[12:]) == []


@pytest.mark.parametrize(
    ("image", "raw", "expected"),
    [
        ("redis:7", {}, ("redis", 6379)),
        ("postgres:16", {}, ("tcp", 5432)),
        ("nginx:1", {"ports": ["8080:80"]}, ("http", 80)),
        ("shop/api:1", {"healthcheck": {"test": "curl http://localhost:7070/ok"}}, ("http", 7070)),
        ("shop/odd:1", {"expose": ["5555"]}, ("tcp", 5555)),
        ("shop/dns:1", {"expose": ["53/udp"]}, None),
        ("shop/worker:1", {}, None),
    ],
)
def test_where_a_service_listens(image: str, raw: dict[str, Any], expected: Any) -> None:
    found = listening(service("x", image=image, raw=raw))
    assert (found and (found.kind, found.port)) == expected


def everywhere(*ports: Port) -> Service:
    made = service("x", image="haproxy:3", mode=Mode.GLOBAL)
    return made.model_copy(update={"ports": ports})


def test_what_has_a_task_everywhere_is_asked_at_the_port_it_publishes() -> None:
    udp = Port(target=53, published=53, protocol="udp", mode="host")
    found = listening(everywhere(udp, Port(target=80, published=8088, mode="host")))
    assert found is not None
    assert (found.port, found.kind, found.local) == (8088, "http", True)
    assert listening(everywhere(udp)) is None
    assert listening(everywhere(Port(target=80, published=0))) is None


def test_a_router_that_says_nobody_answers_is_no_answer() -> None:
    prober = program()
    for line, unanswered in (
        (b"HTTP/1.1 503 Service Unavailable\r\n", True),
        (b"HTTP/1.0 502 Bad", True),
        (b"HTTP/1.1 500 Oops", False),
        (b"HTTP/1.1 200 OK", False),
    ):
        assert bool(prober.UNANSWERED.match(line)) is unanswered


def test_what_is_hit_is_asked_first() -> None:
    made = fleet([server("a")], [service(name, image="redis:7") for name in "pqrs"])
    assert [target.service for target in chosen(made, (), ("r",))] == ["r", "p", "q", "s"]
    assert [target.service for target in chosen(made, ("q",), ("r",))] == ["q"]
    made = fleet([server("a")], [everywhere(Port(target=80, published=80)), *made.services])
    assert [target.service for target in chosen(made, (), ("r",))] == ["r", "p", "q", "s", "x"]
    with pytest.raises(UsageError, match="no service `z`"):
        chosen(made, ("z",), ())
    with pytest.raises(UsageError, match="nothing says where db listens"):
        chosen(shop(), ("db",), ())


def test_a_prober_joins_every_network_and_is_labelled() -> None:
    plan = Plan(
        targets=(Target(service="x", host="s_x", port=80, kind="http"),),
        networks={"a": {"one": (0,), "two": (0,)}, "b": {}},
        image="redis:7",
        rate=10,
        seconds=60,
        drill="d",
    )
    assert (plan.asked("a"), plan.asked("b"), plan.asked("c")) == ((0,), (), ())
    text = script(plan, "a")
    assert "--network one" in text
    assert "docker network connect two quorate-probe" in text
    assert "quorate.drill=d" in text
    assert text.endswith("exec docker start -a -i quorate-probe")


def test_what_is_local_is_asked_at_the_servers_own_address() -> None:
    plan = Plan(
        targets=(Target(service="x", host="s_x", port=80, kind="http", local=True),),
        networks={"a": {"host": (0,)}},
        image="redis:7",
        rate=10,
        seconds=60,
        drill="d",
        addresses={"a": "198.18.0.11"},
    )
    text = script(plan, "a", local=True)
    assert '"host": "198.18.0.11", "port": 80' in text
    assert "--name quorate-probe-port --network host" in text
    assert "network connect" not in text
