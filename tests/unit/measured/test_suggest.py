"""The rule of docs/adr/0015, as a table and as properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quorate.fleet.model import Engine, Service
from quorate.measured.apply import as_measured
from quorate.measured.model import Figures, Seen, Signal
from quorate.measured.suggest import ENOUGH, Suggestion, suggest, suggestion
from tests.unit.measured.making import GIB, MIB, found, seen, signal
from tests.unit.plan.builders import fleet, server, service


def declared(**fields: Any) -> Service:
    """1 GiB and 0.1 threads, reserved and in use."""
    return service("web", **fields)


def given_by(one: Suggestion) -> dict[str, Any]:
    return {name: value for name, value in one if value is not None and name != "service"}


CASES: dict[str, tuple[Service, Seen, dict[str, Any]]] = {
    "near enough to what is declared: nothing": (
        declared(),
        seen(signal(0.92 * GIB), signal(0.092)),
        {},
    ),
    "a new reservation: the load is written too, else it would follow": (
        declared(),
        seen(signal(GIB), signal(0.092)),
        {"reservation_memory": 1184 * MIB, "memory": GIB, "memory_peak": GIB},
    ),
    "far less memory: p95 and 15%, up to 16 MiB": (
        declared(),
        seen(signal(100 * MIB, 200 * MIB, 300 * MIB), signal(0.092)),
        {"reservation_memory": 240 * MIB, "memory": 100 * MIB, "memory_peak": 300 * MIB},
    ),
    "more CPU: the reservation in threads, the load in threads of speed 1.0": (
        declared(load={"memory_peak": GIB}),
        seen(signal(0.92 * GIB), signal(0.2, 0.4, 0.8), work=signal(0.4, 0.8, 1.6)),
        {"reservation_cpus": 0.46, "cpu": 0.4, "cpu_peak": 1.6},
    ),
    "an idle service still reserves something": (
        declared(),
        seen(signal(0.92 * GIB), signal(0.0)),
        {"reservation_cpus": 0.01, "cpu": 0.001, "cpu_peak": 0.001},
    ),
    "too few samples: nothing": (
        declared(),
        seen(signal(1.0, samples=ENOUGH - 1), signal(5.0, samples=ENOUGH - 1)),
        {},
    ),
    "no CPU figures: memory only": (
        declared(),
        seen(signal(100 * MIB)).model_copy(update={"cpu": None, "work": None}),
        {"reservation_memory": 128 * MIB, "memory": 100 * MIB, "memory_peak": 100 * MIB},
    ),
    "near its limit: the limit goes up, 100 MiB at least": (
        declared(memory=0.25, limit_memory=256 * MIB),
        seen(signal(236 * MIB, 236 * MIB, 250 * MIB), signal(0.092)),
        {"limit_memory": 352 * MIB, "memory": 256 * MIB, "memory_peak": 256 * MIB},
    ),
    "far from its limit: the limit stays": (
        declared(memory=0.25, limit_memory=GIB),
        seen(signal(236 * MIB, 236 * MIB, 250 * MIB), signal(0.092)),
        {},
    ),
    "no reservation above a limit: it goes up with it": (
        declared(memory=0.25, limit_memory=280 * MIB),
        seen(signal(256 * MIB, 260 * MIB, 260 * MIB), signal(0.092)),
        {"reservation_memory": 304 * MIB, "limit_memory": 304 * MIB,
         "memory": 256 * MIB, "memory_peak": 256 * MIB},
    ),
    "no CPU reservation above a CPU limit": (
        declared(limit_cpus=0.5),
        seen(signal(0.92 * GIB), signal(0.1, 0.49, 0.5)),
        {"reservation_cpus": 0.5, "cpu": 0.1, "cpu_peak": 0.5},
    ),
    "what docker compose runs gets loads only": (
        declared(engine=Engine.COMPOSE, limit_memory=100 * MIB),
        seen(signal(100 * MIB), signal(0.2)),
        {"memory": 100 * MIB, "memory_peak": 100 * MIB, "cpu": 0.2, "cpu_peak": 0.2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_suggestion(case: str) -> None:
    written, measured, wanted = CASES[case]
    assert given_by(suggestion(written, measured)) == wanted


def test_the_mean_task_is_the_load_and_the_busiest_the_reservation() -> None:
    busiest = Figures(p50=GIB, p95=GIB, peak=2 * GIB)
    mean = Figures(p50=GIB / 4, p95=GIB / 4, peak=GIB / 4)
    uneven = Signal(busiest=busiest, mean=mean, total=busiest, samples=100)
    one = suggestion(declared(memory=0.5), seen(uneven, signal(0.092)))
    assert one.memory == GIB // 4
    assert one.memory_peak == 2 * GIB
    assert one.reservation_memory == 1184 * MIB


MEMORY = some.integers(0, 64 * GIB)
CPU = some.floats(0, 64)


@some.composite
def signals(draw: some.DrawFn, amounts: some.SearchStrategy[float]) -> Signal:
    p50, p95, peak = sorted(draw(amounts) for _ in range(3))
    return signal(p50, p95, peak, samples=draw(some.sampled_from([1, ENOUGH - 1, ENOUGH, 2000])))


@some.composite
def services(draw: some.DrawFn) -> Service:
    memory, cpu = draw(some.integers(MIB, 64 * GIB)), draw(CPU)
    limit = draw(some.sampled_from([0, memory, 2 * memory]))
    return declared(
        engine=draw(some.sampled_from(list(Engine))),
        load={
            "memory": memory,
            "memory_peak": draw(some.sampled_from([memory, memory * 2])),
            "cpu": cpu,
            "cpu_peak": cpu * 2,
        },
        reservation_memory=draw(some.sampled_from([0, memory])),
        reservation_cpus=draw(some.sampled_from([0.0, cpu])),
        limit_memory=limit,
        limit_cpus=draw(some.sampled_from([0.0, 2 * cpu])),
    )


@given(services(), signals(MEMORY), signals(CPU))
def test_properties(written: Service, memory: Signal, cpu: Signal) -> None:
    one = suggestion(written, seen(memory, cpu))
    if memory.samples < ENOUGH and cpu.samples < ENOUGH:
        assert one.empty
    reserved = one.reservation_memory or written.reservation_memory
    limit = one.limit_memory or written.limit_memory
    if written.engine is Engine.SWARM and limit:
        assert reserved <= limit, "engines refuse a reservation above its limit"
    if one.reservation_memory is not None:
        assert one.reservation_memory >= memory.busiest.p95
        assert one.reservation_memory % (16 * MIB) == 0
    if one.reservation_cpus is not None and not written.limit_cpus:
        assert one.reservation_cpus >= cpu.busiest.p95
    if one.limit_memory is not None:
        assert one.limit_memory > written.limit_memory > 0, "limits are raised, never made up"
    for low, high in ((one.memory, one.memory_peak), (one.cpu, one.cpu_peak)):
        assert (low is None) == (high is None)
        assert low is None or high is None or low <= high


@given(services(), signals(MEMORY), signals(CPU))
def test_once_written_there_is_nothing_more_to_suggest(
    written: Service, memory: Signal, cpu: Signal
) -> None:
    before = fleet([server("a")], [written])
    measured = found(before, {"web": seen(memory, cpu)})
    after = as_measured(before, suggest(before, measured))
    assert suggest(after, measured) == {}


def test_as_measured_leaves_the_rest_and_what_was_assumed_goes() -> None:
    before = fleet(
        [server("a")],
        [
            declared(
                assumed=("memory 1 GiB (no reservation and no load)", "needs db (depends_on)")
            ),
            service("other"),
        ],
    )
    after = as_measured(before, suggest(before, found(before, {"web": seen(signal(5 * GIB))})))
    assert after.service("web").load.memory == 5 * GIB
    assert after.service("web").assumed == ("needs db (depends_on)",)
    assert after.service("other") == before.service("other")
    assert after.servers == before.servers
