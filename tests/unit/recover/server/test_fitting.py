"""Whether what is left of a fleet holds what lived on a lost server: found out before anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import InfeasibleError, RefusedError
from quorate.fleet.model import Fleet
from quorate.plan.solve import make_plan
from quorate.recover.server import refuse
from quorate.recover.server.fitting import bound, fleet_after, with_plan
from quorate.recover.server.lost import lived_there
from quorate.recover.server.sight import Machine
from tests.unit.backup.jobs.made import SECTION, fleet
from tests.unit.recover.server.test_choosing import ALL, COMPOSE, GIB, HOMES, sight, steps

LOOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres}}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume},
          deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}}
  many: {image: redis, volumes: ["m:/data"], deploy: {mode: global}, x-quorate: {state: redis}}
  web: {image: x}
volumes: {d: , m: , v: }
"""
AT: dict[str, Any] = {
    "homes": {
        "db": ("one",),
        "files": ("one", "two"),
        "many": ("one", "two", "three"),
        "web": ("one",),
    },
    "running": {"files": ("two",), "many": ("two", "three")},
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return fleet(tmp_path_factory.mktemp("fleet"), SECTION, COMPOSE)


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    section = SECTION.replace("  exclude: [out]\n", "")
    return fleet(tmp_path_factory.mktemp("loose"), section, LOOSE)


def with_services(office: Fleet, **changes: dict[str, Any]) -> Fleet:
    services = tuple(one.model_copy(update=changes.get(one.id, {})) for one in office.services)
    return office.model_copy(update={"services": services})


@pytest.mark.parametrize("target", ["two", "three"])
def test_a_service_without_a_pin_goes_where_its_data_goes(loose: Fleet, target: str) -> None:
    """Anywhere else it would start empty, while its data lies on the other server."""
    seen = sight(loose, "one", target, **AT)
    assert bound(seen)["db"] == (target,)
    assert "web" not in bound(seen) and "many" not in bound(seen)
    planned = with_plan(seen).after
    assert planned is not None and planned["db"] == (target,)
    assert "one" not in {server for at in planned.values() for server in at}
    assert bound(sight(loose, **AT)) == {} and fleet_after(sight(loose, **AT)) is loose


def test_what_the_other_server_has_of_its_own_is_not_written_over(loose: Fleet) -> None:
    """A service with a task on every server: the other one's data is in use."""
    there = frozenset({"app_m"})
    own = Machine(memory=16 * GIB, disk=100 * GIB, node="id-two", volumes=there)
    seen = sight(loose, "one", "two", **(AT | {"new": own}))
    assert [one.source.id for one in lived_there(seen)] == ["db"]
    copies = [one for one in ALL if one.source == "db"]
    made = steps(seen, *copies)
    assert "restore:many@one" not in [step.id for step in made.steps]
    assert any("many@one" in text and "two has its own" in text for text in made.warnings)
    assert made.facts["bound"] == {"db": ["two"]}


def test_a_volume_that_the_other_server_has_already_is_not_written_over(loose: Fleet) -> None:
    there = Machine(memory=16 * GIB, disk=100 * GIB, volumes=frozenset({"app_d"}))
    copies = [one for one in ALL if one.source == "db"]
    with pytest.raises(RefusedError, match="two has the volume app_d") as raised:
        steps(sight(loose, "one", "two", **(AT | {"new": there})), *copies)
    assert "nothing was changed" in raised.value.what


def test_a_fleet_that_does_not_fit_without_the_lost_server_is_refused(office: Fleet) -> None:
    big = with_services(office, db={"reservation_memory": 12 * GIB, "limit_memory": 12 * GIB})
    with_plan(sight(big, "one", "two"))
    with pytest.raises(RefusedError) as raised:
        with_plan(sight(big, "one", "three"))
    assert "three cannot take the place of one" in raised.value.what
    assert "nothing was changed" in raised.value.what
    assert "db" in (raised.value.cause or "") and "memory" in (raised.value.cause or "")
    assert "--onto" in (raised.value.todo or "")


def test_a_label_that_the_other_server_lacks_is_refused_and_named(office: Fleet) -> None:
    asking = with_services(office, db={"constraints": ("node.labels.disk == fast",)})
    with pytest.raises(RefusedError) as raised:
        with_plan(sight(asking, "one", "two"))
    assert "node.labels.disk == fast" in (raised.value.cause or "")
    assert "labels: {disk: fast}" in (raised.value.todo or "")
    servers = tuple(one.model_copy(update={"labels": {"disk": "fast"}}) for one in asking.servers)
    fit = asking.model_copy(update={"servers": servers})
    planned = with_plan(sight(fit, "one", "two")).after
    assert planned is not None and planned["db"] == ("two",)
    free = with_services(
        office, web={"constraints": ("node.labels.disk == fast",)}, db={"pins": ("two",)}
    )
    with pytest.raises(RefusedError, match="cannot take the place") as raised:
        with_plan(sight(free, "one", "three"))  # `web` has no data, and no server is left for it
    assert "labels: {disk: fast}" in (raised.value.todo or "")


def test_a_fleet_file_that_has_no_placement_is_found_out_on_a_new_machine_too(
    office: Fleet,
) -> None:
    asking = with_services(office, web={"constraints": ("node.labels.gpu == yes",)})
    with pytest.raises(InfeasibleError):
        with_plan(sight(asking))


def test_room_is_looked_for_where_the_plan_has_things(office: Fleet) -> None:
    """What can live elsewhere then takes nothing of the other server."""
    seen = with_plan(sight(office, "one", "two"))
    assert seen.after is not None and "two" in seen.after["db"]
    only = replace(seen, after={**seen.after, "db": ("three",)})
    assert refuse.memory_needed(only) < refuse.memory_needed(seen)
    same = with_plan(sight(office))
    assert same.after == {
        name: one.homes for name, one in make_plan(office, current=HOMES).services.items()
    }


def test_a_stack_that_runs_by_compose_on_the_lost_server_is_no_obstacle(tmp_path: Path) -> None:
    from tests.unit.fleet.helpers import FLEET, fleet_of

    files = {
        "fleet.yaml": FLEET
        + "  mail: {files: [mail.yaml], engine: compose, server: one}\n"
        + SECTION,
        "compose.yaml": COMPOSE,
        "mail.yaml": "services:\n  sql: {image: mariadb}\n",
    }
    planned = with_plan(sight(fleet_of(tmp_path, files), "one", "two")).after
    assert planned is not None and planned["db"] == ("two",)
