"""The example office: where the figures put everything, and that they do it.

The pins of the example are its owner's; without them the same layout must come
out of loads, classes and uptimes alone. It is the layout of the office's own
architecture document.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.model import Fleet, Service
from quorate.fleet.read import read_fleet
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.plan.verify import violations

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"

HOMES = {
    "gmktec": {"production"},
    "hppavilion": {"data", "ci"},
    "wsasus": {"monitoring"},
    "hpr": {"staging"},
}
"""The document's table: the classes each server is for."""


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE)


@pytest.fixture(scope="module")
def plan(office: Fleet) -> Plan:
    return make_plan(office)


def unpinned(office: Fleet, *names: str) -> Fleet:
    """The office without owners' pins and host names (of these services, or of all)."""

    def free(service: Service) -> Service:
        if names and service.id not in names:
            return service
        left = tuple(c for c in service.constraints if "node.hostname" not in c)
        return service.model_copy(update={"pins": (), "constraints": left})

    return office.model_copy(update={"services": tuple(map(free, office.services))})


def with_servers(office: Fleet, **changes: dict[str, object]) -> Fleet:
    servers = tuple(
        server.model_copy(update=changes.get(server.name, {})) for server in office.servers
    )
    return office.model_copy(update={"servers": servers})


def alone(office: Fleet, name: str) -> Fleet:
    """The office with one service wishing to be near nobody."""
    services = tuple(
        service.model_copy(update={"near": ()}) if service.id == name else service
        for service in office.services
    )
    return office.model_copy(update={"services": services})


def classes_elsewhere(office: Fleet, plan: Plan) -> list[str]:
    """Services of one replica whose home is not their class's."""
    classes = {service.id: service.workload_class for service in office.swarm_services()}
    return [
        name
        for name, placement in plan.services.items()
        if name in classes
        and placement.mode == "replicated"
        and len(placement.homes) == 1
        and classes[name] not in HOMES[placement.home]
    ]


def test_the_layout_of_the_document(office: Fleet, plan: Plan) -> None:
    assert plan.status == "optimal"
    assert violations(office, plan) == ()
    odd = classes_elsewhere(office, plan)
    # Pushes figures of backups and is pinned beside them.
    assert set(odd) <= {"backup-metrics"}, odd


def test_every_service_has_reasons(plan: Plan) -> None:
    for placement in plan.services.values():
        assert placement.reasons
        assert len(placement.rejected) == len(plan.servers) - len(set(placement.homes))


def test_any_one_server_may_be_lost(plan: Plan) -> None:
    assert not [text for text in plan.warnings if text.startswith("without")]


def test_without_any_pin_the_layout_is_the_same(office: Fleet) -> None:
    free = unpinned(office)
    plan = make_plan(free, time_limit=60)
    assert plan.status == "optimal"
    assert violations(free, plan) == ()
    assert classes_elsewhere(free, plan) == []


def test_gitlab_is_on_hppavilion_because_of_the_figures(office: Fleet) -> None:
    free = alone(unpinned(office, "gitlab"), "gitlab")
    plan = make_plan(free)
    gitlab = plan.services["gitlab"]
    assert plan.status == "optimal"
    assert gitlab.home == "hppavilion"
    assert any("production services" in reason for reason in gitlab.reasons)
    assert "61 days of uptime for its data" in gitlab.reasons
    assert "bursts beside production services" in gitlab.rejected["gmktec"]


def test_other_figures_put_gitlab_elsewhere(office: Fleet) -> None:
    free = alone(unpinned(office, "gitlab"), "gitlab")
    small = with_servers(free, hppavilion={"memory": 22 * 2**30})
    plan = make_plan(small)
    assert plan.services["gitlab"].home != "hppavilion"
    assert "memory left there" in plan.services["gitlab"].rejected["hppavilion"]
