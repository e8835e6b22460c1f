"""A lost server as a way in: what no longer answers at its address, and where it does."""

from __future__ import annotations

import pytest

from quorate.entry.cli.output import console
from quorate.entry.cli.predict_view import render
from quorate.entry.web.predict_page import page
from quorate.fleet.model import Fleet, Mode, Port, Role
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.predict.model import ClosedPort, Prediction
from quorate.predict.predict import predict
from tests.unit.plan.builders import data, fleet, server, service

MESH = Port(target=80, published=443)
DIRECT = Port(target=5432, published=5432, mode="host")


def shop() -> tuple[Fleet, Plan]:
    """Three managers and a worker, which holds a database; its other ways in are elsewhere too."""
    servers = [*(server(name, role=Role.MANAGER) for name in "abc"), server("w")]
    made = fleet(
        servers,
        [
            service("web", pins=("a", "b"), ports=(MESH,)),
            service("db", pins=("w",), ports=(DIRECT,), **data("rows")),
            service("api", pins=("a",), needs=("db",), ports=(Port(target=1, published=8443),)),
            service(
                "agent", mode=Mode.GLOBAL, ports=(Port(target=9, published=9100, mode="host"),)
            ),
            service("free", pins=("v", "w"), ports=(Port(target=2, published=82, mode="host"),)),
            service("random", pins=("w",), ports=(Port(target=7, published=0),)),
            service("none", pins=("w",), replicas=0, ports=(Port(target=8, published=88),)),
        ],
    )
    made = made.model_copy(update={"servers": (*made.servers, server("v"))})
    plan = make_plan(made)
    free = plan.services["free"].model_copy(update={"homes": ("w",), "home": "w"})
    return made, plan.model_copy(update={"services": {**plan.services, "free": free}})


@pytest.fixture(scope="module")
def lost() -> Prediction:
    return predict(*shop(), lost=[("w",)], leader="a", courses=20)


def ports(found: Prediction) -> dict[int, ClosedPort]:
    return {port.port: port for port in found.failures[0].ports}


def test_what_is_closed_at_a_lost_servers_address(lost: Prediction) -> None:
    found = ports(lost)
    assert set(found) == {443, 8443, 9100, 5432, 82}
    assert {port.at for port in found.values()} == {("w",)}
    modes = {number: port.mode for number, port in found.items()}
    assert modes == {443: "ingress", 8443: "ingress", 9100: "host", 5432: "host", 82: "host"}


def test_the_mesh_answers_on_every_other_server_at_once(lost: Prediction) -> None:
    web = ports(lost)[443]
    assert web.elsewhere == ("a", "b", "c", "v")
    assert web.answers is not None
    assert web.answers.high == 0.0


def test_a_port_in_host_mode_is_open_where_tasks_are_or_go(lost: Prediction) -> None:
    assert ports(lost)[9100].elsewhere == ("a", "b", "c", "v")
    free = ports(lost)[82]
    assert free.elsewhere == ("v",)
    assert free.answers is not None
    assert free.answers.low > 9.0
    # The database waits for its server; what needs it is open and answers nothing.
    assert (ports(lost)[5432].elsewhere, ports(lost)[5432].answers) == ((), None)
    assert (ports(lost)[8443].elsewhere, ports(lost)[8443].answers) == ((), None)


def test_a_server_without_tasks_of_it_is_a_way_in_to_the_mesh_only() -> None:
    found = ports(predict(*shop(), lost=[("c",)], leader="a", courses=20))
    assert set(found) == {443, 8443, 9100}
    assert found[8443].elsewhere == ("a", "b", "w", "v")


def test_who_is_cut_off_depends_on_where_one_asks_from() -> None:
    assert predict(*shop(), parted=[("w",)], leader="a", courses=20).failures[0].ports == ()


def test_a_server_that_stands_still_is_no_way_in_meanwhile() -> None:
    found = ports(predict(*shop(), frozen=[("w", 5.0)], leader="a", courses=20))
    assert set(found) == {443, 8443, 9100, 5432, 82}
    database = found[5432].answers
    assert database is not None
    assert database.high == 5.0


def test_it_is_told(lost: Prediction, capsys: pytest.CaptureFixture[str]) -> None:
    render(lost, console(), in_full=True)
    said = capsys.readouterr().out
    assert "5, 2 nowhere" in said
    assert "at the address of w" in said
    (line,) = [line for line in said.splitlines() if line.startswith("443/tcp")]
    assert line.split() == ["443/tcp", "web", "ingress", "every", "other", "server", "at", "once"]
    (line,) = [line for line in said.splitlines() if line.startswith("5432/tcp")]
    assert line.split()[:4] == ["5432/tcp", "db", "host", "nowhere"]
    assert "5 ports no longer answer at the address of w" in page(lost)
