"""A plan says where services were at home when it was made."""

from __future__ import annotations

from quorate.plan.model import snapshot_of
from quorate.plan.solve import make_plan
from tests.unit.plan.builders import fleet, server, service

FLEET = fleet([server("a"), server("b")], [service("web", replicas=2), service("worker")])


def test_from_the_files_alone_it_is_empty() -> None:
    assert make_plan(FLEET).snapshot == {}


def test_homes_are_recorded_whatever_their_order() -> None:
    current = {"worker": ("a",), "web": ("b", "a")}
    recorded = make_plan(FLEET, current=current).snapshot
    assert recorded == {"web": "a,b", "worker": "a"}
    assert recorded == snapshot_of({"web": ("a", "b"), "worker": ("a",)}, ["a", "b"])


def test_servers_and_services_that_are_gone_are_left_out() -> None:
    current = {"web": ("a", "gone"), "worker": ("gone",)}
    assert make_plan(FLEET, current=current).snapshot == {"web": "a"}


def test_another_home_is_another_snapshot() -> None:
    assert snapshot_of({"web": ("a",)}, ["a", "b"]) != snapshot_of({"web": ("b",)}, ["a", "b"])
