"""Prometheus' own tool, and the fleet that the table of alerts is about."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.model import Fleet, Role
from tests.fakes.fleets import make_fleet, make_server
from tests.real_prometheus import Programs, find_programs

SERVICES: dict[str, Any] = {
    "shop": {"services": {"web": {"deploy": {"replicas": 2}}, "cache": {}}},
    "lab": {"services": {"toy": {}}},
}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return find_programs(tmp_path_factory.mktemp("prometheus"))


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """As the table says."""
    servers = [*(make_server(name) for name in "abc"), make_server("d", role=Role.WORKER)]
    fields: dict[str, dict[str, Any]] = {
        "toy": {"workload_class": "staging"},
        "cache": {"recovery_target": 20.0},
    }
    return make_fleet(SERVICES, servers=servers, fields=fields, swarm={"heartbeat": 2.0})
