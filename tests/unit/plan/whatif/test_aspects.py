"""Each aspect: the better side follows the figures, and turns when they do."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.backup import Backup, Repository
from quorate.fleet.model import (
    Disk,
    Engine,
    Fleet,
    Isolation,
    Role,
    SecretSource,
    Server,
    Service,
    Stack,
    VolumeUse,
)
from quorate.plan.whatif import settle
from quorate.plan.whatif.model import Verdict, Winner
from tests.unit.plan.builders import GIB, data, fleet, server, service
from tests.unit.plan.whatif.asking import Present, ask, aspect, winners

HERE: Present = {"x": ("a",), "other": ("b",), "web": ("a",)}


def two(x: dict[str, Any] | None = None, *more: Service, **there: Any) -> Fleet:
    """Servers a and b, service x on a; b with other figures."""
    return fleet(
        [server("a", uptime_days=30.0), server("b", **{"uptime_days": 30.0, **there})],
        [service("x", **(x or {})), *more],
    )


def better(one: Fleet, name: str, **options: Any) -> Winner:
    return winners(ask(one, HERE, **({"move": "x=b"} | options)))[name]


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [
        ("memory", {"memory": 32}, Winner.AFTER),
        ("memory", {"memory": 8}, Winner.BEFORE),
        ("memory", {}, Winner.TIE),
        ("cpu", {"cpus": 8}, Winner.AFTER),
        ("cpu", {"speed": 0.5}, Winner.BEFORE),
        ("cpu", {"cpus": 8, "speed": 0.5}, Winner.TIE),
        ("stability", {"uptime_days": 300.0}, Winner.AFTER),
        ("stability", {"reliability": 0.9}, Winner.BEFORE),
        ("stability", {}, Winner.TIE),
        ("disk", {"disks": (Disk(name="d", size=900 * GIB),)}, Winner.AFTER),
        ("disk", {"disks": (Disk(name="d", size=90 * GIB),)}, Winner.BEFORE),
        ("disk", {"disks": ()}, Winner.TIE),
    ],
)
def test_figures_of_the_server(name: str, there: dict[str, Any], expected: Winner) -> None:
    assert better(two(None, **there), name) is expected


def test_peaks() -> None:
    heavy = {"load": {"memory_peak": 10 * GIB, "cpu_peak": 3.0}}
    one = two(heavy, memory=8, cpus=2)
    assert better(one, "memory-peaks") is Winner.BEFORE
    assert better(one, "cpu-peaks") is Winner.BEFORE
    assert better(two(heavy), "memory-peaks") is Winner.TIE


def spiky(**there: Any) -> Fleet:
    """x bursts; web, which the policy protects, runs on a."""
    one = fleet(
        [server("a"), server("b", **there)],
        [
            service("x", workload_class="ci", load={"cpu_peak": 2.0, "spiky": True}),
            service("web", workload_class="production", cpu=1.0),
            service("other", workload_class="production", cpu=0.5),
        ],
        isolation=(Isolation(spiky="ci", away_from="production"),),
    )
    return one


def test_isolation_and_bursts() -> None:
    answer = ask(spiky(), HERE, move="x=b")
    assert winners(answer)["isolation"] is winners(answer)["bursts"] is Winner.AFTER
    isolation = aspect(answer, "isolation")
    assert isolation.before.figure == pytest.approx(1.0)
    assert isolation.after.figure == pytest.approx(0.5)
    bursts = aspect(answer, "bursts")
    # A burst of 1.9 threads on a server of 4.
    assert bursts.before.figure == pytest.approx(1.0 * 1.9 / 4)
    assert bursts.after.figure == pytest.approx(0.5 * 1.9 / 4)


def test_a_large_server_feels_a_burst_less() -> None:
    """Isolation and the impact of bursts are two things: here they disagree."""
    answer = ask(spiky(cpus=1), HERE, move="x=b")
    assert winners(answer)["isolation"] is Winner.AFTER
    assert winners(answer)["bursts"] is Winner.BEFORE


def test_a_protected_service_that_moves_away_from_the_spiky_one() -> None:
    answer = ask(spiky(), HERE, move="web=b")
    assert winners(answer)["isolation"] is Winner.AFTER


def test_co_location_and_traffic() -> None:
    one = two({"needs": ("other",), "load": {"network": 2e6}}, service("other"))
    answer = ask(one, HERE, move="x=b")
    assert aspect(answer, "co-location").before.figure == 1
    assert aspect(answer, "co-location").after.figure == 0
    assert aspect(answer, "traffic").before.figure == pytest.approx(2e6)
    assert aspect(answer, "traffic").after.figure == 0
    assert winners(answer)["co-location"] is winners(answer)["traffic"] is Winner.AFTER


def test_network_of_the_others_there() -> None:
    one = two(None, service("other", load={"network": 5e6}))
    assert aspect(ask(one, HERE, move="x=b"), "network").after.figure == pytest.approx(5e6)
    assert better(one, "network") is Winner.BEFORE


def test_data_to_move_and_its_down_time() -> None:
    check = {"healthcheck": {"start_period": "1m"}}
    one = two({**data(), "data_size": 10 * GIB, "raw": check})
    answer = ask(one, HERE, move="x=b", link=100e6)
    (copy,) = answer.transfers
    assert copy.limited_by == "the network"
    assert copy.seconds == pytest.approx(10 * GIB / 90e6, abs=0.1)
    assert copy.down == pytest.approx(copy.seconds + 60, abs=0.1)
    assert copy.down_warm == pytest.approx(copy.seconds / 20 + 60, abs=0.1)
    assert winners(answer)["data"] is winners(answer)["mounts"] is Winner.BEFORE


def test_a_slow_disk_limits_the_copy() -> None:
    slow = (Disk(name="d", size=500 * GIB, kind="hdd"),)
    one = two({**data(), "data_size": 12 * GIB}, disks=slow)
    (copy,) = ask(one, HERE, move="x=b", link=1e9).transfers
    assert copy.limited_by == "the disk of b"
    assert copy.seconds == pytest.approx(12 * GIB / 120e6, abs=0.1)


def test_the_disk_a_bind_mount_is_on() -> None:
    disks = (
        Disk(name="system", size=100 * GIB, kind="nvme"),
        Disk(name="slow", size=400 * GIB, kind="hdd", mount="/srv"),
    )
    bind = (VolumeUse(kind="bind", source="/srv/x", target="/data"),)
    one = two({**data(), "volumes": bind, "data_size": GIB}, disks=disks)
    answer = ask(one, HERE, move="x=b", link=1e9)
    assert answer.transfers[0].limited_by == "the disk of b"
    assert "/srv/x must exist on b" in aspect(answer, "mounts").after.text


def test_data_of_unknown_size_is_said_to_be_unknown() -> None:
    answer = ask(two(data()), HERE, move="x=b")
    assert answer.transfers[0].size is None
    assert "size of x unknown" in aspect(answer, "data").after.text
    assert any("no data_size is given for x" in text for text in answer.assumptions)


def test_a_stateless_service_is_only_restarted() -> None:
    answer = ask(two(), HERE, move="x=b")
    assert answer.transfers == ()
    assert "1 task restarted" in aspect(answer, "data").after.text
    first = {"deploy": {"update_config": {"order": "start-first"}}}
    assert better(two({"raw": first}), "data") is Winner.TIE


def repository(server: str) -> Repository:
    return Repository(
        name=f"on-{server}",
        place="local",
        server=server,
        path="/backups",
        password=SecretSource(environment="PASSWORD"),
    )


def test_backups_go_elsewhere_when_their_repository_is_on_the_new_server() -> None:
    kept = Backup(repositories=(repository("b"), repository("a")))
    one = two(data()).model_copy(update={"backup": kept})
    text = aspect(ask(one, HERE, move="x=b"), "mounts").after.text
    assert "backups of volume/app_data go to on-a from then on" in text
    assert "must follow" not in text


def test_backups_that_would_lie_beside_their_source() -> None:
    one = two(data()).model_copy(update={"backup": Backup(repositories=(repository("b"),))})
    text = aspect(ask(one, HERE, move="x=b"), "mounts").after.text
    assert "every repository for the backups of volume/app_data is on b too" in text


def test_redundancy() -> None:
    answer = ask(two(), HERE, scale="x=2")
    assert winners(answer)["redundancy"] is Winner.AFTER
    assert answer.recommendation.verdict is Verdict.EITHER
    assert "possible" in answer.recommendation.headline


def test_more_replicas_than_there_is_room_for() -> None:
    answer = ask(two({"memory": 9}), HERE, scale="x=3")
    assert answer.pending == ("x",)
    assert winners(answer)["running"] is Winner.BEFORE
    assert answer.recommendation.verdict is Verdict.STAY


def test_a_server_too_small_breaks_a_rule() -> None:
    answer = ask(two({"memory": 6}, memory=4), HERE, move="x=b")
    assert answer.recommendation.verdict is Verdict.STAY
    assert winners(answer)["rules"] is Winner.BEFORE
    assert any("b has" in words for words in answer.broken)


def test_what_a_smaller_server_forces() -> None:
    one = two({"memory": 6}, service("web", memory=6))
    answer = ask(one, HERE, resize="a=8G")
    assert answer.broken == ()
    moved = [change for change in answer.services if change.cause == "forced"]
    assert len(moved) == 1
    assert moved[0].after == ("b",)
    assert moved[0].id in answer.after_is


def test_needs_nobody_meets() -> None:
    one = two({"needs": ("other",)}, service("other"))
    answer = ask(one, HERE, without="other")
    assert winners(answer)["needs"] is Winner.BEFORE
    assert "other, needed by 1 service" in aspect(answer, "needs").after.text
    assert answer.recommendation.verdict is Verdict.STAY


def test_taking_out_what_nobody_needs_is_for_the_asker_to_weigh() -> None:
    answer = ask(two(None, service("other")), HERE, without="other")
    assert answer.recommendation.verdict is Verdict.EITHER


def test_one_servers_loss() -> None:
    one = two(data("x"), service("other", **data("y")))
    answer = ask(one, HERE, move="x=b")
    assert aspect(answer, "concentration").before.figure == 1
    assert aspect(answer, "concentration").after.figure == 2
    assert winners(answer)["concentration"] is Winner.BEFORE


def test_a_compose_stack_moves_whole() -> None:
    one = fleet(
        [server("a"), server("b", memory=32)],
        [
            service("mail", stack="post", engine=Engine.COMPOSE, pins=("a",)),
            service("imap", stack="post", engine=Engine.COMPOSE, pins=("a",)),
        ],
        stacks=[Stack(name="post", files=(), engine=Engine.COMPOSE, server="a")],
    )
    answer = ask(one, move="post=b")
    assert {change.id: change.after for change in answer.services} == {
        "mail": ("b",),
        "imap": ("b",),
    }
    assert winners(answer)["memory"] is Winner.AFTER


def test_an_added_server_and_a_new_plan() -> None:
    one = two({"memory": 7}, service("web", memory=7), memory=2)
    answer = ask(one, HERE, add="name=c,memory=64G,cpus=16,disk=1T,kind=nvme", replan=True)
    assert answer.servers["c"].before is None
    assert answer.servers["c"].after is not None
    assert "planned anew" in answer.after_is
    assert {change.cause for change in answer.services} == {"replanned"}
    assert answer.recommendation.verdict is Verdict.CHANGE


def test_a_pin_and_no_pin() -> None:
    one = two({"pins": ("a",)}, memory=64, cpus=16, uptime_days=400.0)
    pinned = ask(one, HERE, pin="x=b")
    assert pinned.services[0].after == ("b",)
    assert pinned.broken == ()
    stays = ask(one, HERE, unpin="x")
    assert stays.services == ()
    assert "--replan" in stays.after_is


def test_without_figures_nothing_is_invented() -> None:
    servers: list[Server] = [server("a"), server("b")]
    answer = ask(fleet(servers, [service("x")]), HERE, move="x=b")
    stability = aspect(answer, "stability")
    assert stability.winner is Winner.TIE
    assert "no figure given" in stability.before.text


def test_what_runs_is_taken_as_it_runs_even_against_a_pin() -> None:
    one = two({"pins": ("b",)}, service("other"))
    answer = ask(one, {"x": ("a",), "other": ("b",)}, scale="other=2")
    found = {change.id: change for change in answer.services}
    assert (found["x"].before, found["x"].after) == (("a",), ("b",))
    assert found["x"].cause == "forced"
    assert winners(answer)["rules"] is Winner.AFTER


def test_rules_are_mended_without_the_solver_where_it_would_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settle, "LARGEST", 0)
    monkeypatch.setattr(settle, "MOST_WEIGHED", 1)
    one = two({"memory": 3}, service("web", memory=5), service("other"), memory=32)
    answer = ask(one, HERE, resize="a=4G")
    assert answer.broken == ()
    assert {change.id: change.after for change in answer.services} == {"web": ("b",)}


def test_the_fleet_as_a_whole_is_judged_by_its_tightest_server() -> None:
    one = two({"memory": 4, "cpu": 1.0}, service("other", memory=2, cpu=0.5))
    memory = aspect(ask(one, HERE, resize="a=8G"), "memory")
    assert memory.unit == "share"
    assert memory.before.figure == pytest.approx(12 / 16)
    assert memory.after.figure == pytest.approx(4 / 8)
    assert memory.winner is Winner.BEFORE
    cpu = aspect(ask(one, HERE, resize="a=cpus=8"), "cpu")
    assert cpu.before.figure == pytest.approx(3 / 4)
    assert cpu.after.figure == pytest.approx(7 / 8)


def test_survivability_before_and_after() -> None:
    """Three servers of 8 GiB: with y on b too, what b holds fits nowhere when it is lost."""
    servers = [server(n, memory=8, role=Role.MANAGER) for n in "abc"]
    services = [service("x", memory=5), service("y", memory=3), service("z", memory=4)]
    one = fleet(servers, services, survive=1)
    present: Present = {"x": ("a",), "y": ("b",), "z": ("c",)}
    found = aspect(ask(one, present, scale="z=2"), "survivability")
    assert found.before.figure == 0
    assert found.after.figure
    assert found.winner is Winner.BEFORE
    assert found.after.lines
    answer = ask(one, present, scale="z=2")
    assert answer.recommendation.verdict is Verdict.STAY
    assert "survivability" in answer.recommendation.decided_by
