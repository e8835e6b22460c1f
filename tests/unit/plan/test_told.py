"""What a plan tells of many services and servers: counted rightly, and not without end."""

from __future__ import annotations

import pytest

from quorate.entry.cli.output import console
from quorate.entry.cli.plan_view import render
from quorate.fleet.model import Isolation
from quorate.plan.solve import make_plan
from tests.unit.plan.builders import data, fleet, server, service


def test_who_is_kept_away_from_is_counted_without_those_on_the_same_server() -> None:
    made = fleet(
        [server("a"), server("b")],
        [
            service(
                "build", workload_class="ci", pins=("a",), load={"cpu_peak": 2.0, "spiky": True}
            ),
            service("beside", pins=("a",), cpu=0.5),
            service("far", pins=("b",), cpu=0.25),
            service("twice", pins=("b",), cpu=0.5, replicas=2),
            service("other", pins=("b",), workload_class="staging"),
        ],
        isolation=(Isolation(spiky="ci", away_from="production"),),
    )
    (told,) = [
        text for text in make_plan(made).services["build"].reasons if text.startswith("away from")
    ]
    assert told.startswith("away from 2 production services (1.25 threads in use)")


def test_of_many_servers_a_few_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"s{number:02}" for number in range(14)]
    made = fleet(
        [server(name) for name in names],
        [
            service("few", pins=tuple(names[:4])),
            service("many", pins=tuple(names[:12])),
            service("kept", pins=("s13",), **data()),
        ],
    )
    render(make_plan(made), console())
    told = " ".join(capsys.readouterr().out.split())
    assert "and 7 more" in told
    assert "waits for it" in told
