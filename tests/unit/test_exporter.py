"""When is looked at what, what is shown meanwhile, and that nothing broken ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate import exporter
from quorate.alerts import metrics
from quorate.alerts.metrics import METRICS, Sample
from quorate.errors import NoQuorumError, UnreachableError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.observe.deep_model import ServerFacts
from quorate.observe.gather import Gathered
from tests.unit.observe.deep_made import NOW, SNAPSHOT, fleet, server

WELL = Gathered(snapshot=SNAPSHOT, swarm=True)
SILENT = Gathered(
    snapshot=Snapshot(taken_at=NOW, unreachable=dict.fromkeys("abc", "silent")),
    swarm=False,
    why=UnreachableError("no manager of the fleet answers"),
)
LEADERLESS = replace(SILENT, why=NoQuorumError("the swarm has no quorum"))


class Play:
    """What is gathered, look by look; time passes only by waiting, and by what looks take."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *looks: Gathered, takes: float = 0.0
    ) -> None:
        self.looks, self.takes, self.time = list(looks), takes, 0.0
        self.done: list[str] = []
        self.shown: list[tuple[Sample, ...]] = []
        self.said: list[str] = []
        for name, use in {
            "gather": self.gather,
            "look_at_servers": self.servers,
            "read_settings": lambda gathered: (None, {}),
            "Connections": self.connections,
        }.items():
            monkeypatch.setattr(exporter, name, use)
        monkeypatch.setattr("quorate.exporter.clock.monotonic", lambda: self.time)
        monkeypatch.setattr("quorate.exporter.clock.sleep", self.sleep)

    def connections(self, fleet: Fleet, patience: float | None = None) -> Play:
        self.fleet = fleet
        return self

    def __enter__(self) -> Play:
        return self

    def __exit__(self, *exc: object) -> None:
        self.done.append("closed")

    def renew(self) -> None:
        self.done.append("renew")

    def gather(self, connections: object) -> Gathered:
        self.done.append("swarm")
        self.time += self.takes
        return self.looks.pop(0)

    def servers(self, connections: object, snapshot: Snapshot) -> dict[str, ServerFacts]:
        self.done.append("servers")
        return {name: server(name) for name in "abc" if name not in snapshot.unreachable}

    def sleep(self, seconds: float) -> None:
        self.done.append(f"sleep {seconds:g}")
        self.time += seconds
        if not self.looks:
            raise KeyboardInterrupt

    def run(self, every: float = 15.0) -> None:
        with pytest.raises(KeyboardInterrupt):
            exporter.keep_observing(
                fleet(), every=every, show=self.shown.append, say=self.said.append
            )


def value(shown: tuple[Sample, ...], metric: metrics.Metric) -> float | None:
    return next((s.value for s in shown if s.metric is metric), None)


def test_servers_are_looked_at_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, *[WELL] * 6)
    play.run()
    rounds = " ".join(play.done).split(" renew sleep 15")
    assert rounds == ["swarm servers", *[" swarm"] * 3, " swarm servers", " swarm", " closed"]


def test_a_server_that_answers_again_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    without = replace(WELL, snapshot=replace(SNAPSHOT, unreachable={"b": "silent"}))
    play = Play(monkeypatch, without, without, WELL, WELL)
    play.run(every=10.0)
    rounds = " ".join(play.done).split(" renew sleep 10")
    assert rounds == ["swarm servers", " swarm", " swarm servers", " swarm", " closed"]


def test_the_swarm_is_shown_before_the_servers_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, WELL, WELL)
    play.run()
    nothing, swarm, both, later = play.shown
    assert [s.metric for s in nothing] == [metrics.OBSERVATION_OK]
    assert value(swarm, metrics.QUORUM) == 1 and value(swarm, metrics.DISK_FREE) is None
    assert value(both, metrics.DISK_FREE) is not None
    assert value(later, metrics.DISK_FREE) == value(both, metrics.DISK_FREE)


def test_what_takes_long_is_rested_from(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, WELL, WELL, takes=40.0)
    play.run()
    assert [step for step in play.done if step.startswith("sleep")] == ["sleep 1", "sleep 1"]


def test_no_answer_and_no_quorum_are_told_and_do_not_end_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play = Play(monkeypatch, WELL, LEADERLESS, LEADERLESS, SILENT, WELL)
    play.run(every=10.0)
    shown = [seen for seen in play.shown if value(seen, metrics.OBSERVED) is not None]
    assert [value(seen, metrics.OBSERVATION_OK) for seen in shown[1:]] == [1, 0, 0, 0, 1]
    assert [value(seen, metrics.QUORUM) for seen in shown[1:]] == [1, 0, 0, None, 1]
    assert play.said == [
        "the swarm has no quorum",
        "no manager of the fleet answers",
        "the swarm can be asked again",
    ]


def test_once_gives_all(monkeypatch: pytest.MonkeyPatch) -> None:
    Play(monkeypatch, WELL)
    found = exporter.once(fleet())
    assert value(found, metrics.DISK_FREE) is not None
    assert value(found, metrics.NODE_UP) == 1


def test_families_keep_the_order_of_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    Play(monkeypatch, WELL)
    found = exporter.families(exporter.once(fleet()))
    order = [metric.name for metric in METRICS]
    assert [family.name for family in found] == sorted(
        (family.name for family in found), key=order.index
    )
    for family in found:
        assert family.labels[0] == "fleet"
        assert all(len(labels) == len(family.labels) for labels, _ in family.samples)
