"""Suggested figures written into files, read again, and put back when they do not hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quorate import measuring
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.measured.apply import as_measured
from quorate.measured.model import Measurement
from quorate.measuring import Proposal, propose, write
from quorate.plan.solve import make_plan
from tests.unit.measured.making import MIB, found, seen, signal

ROOT = Path(__file__).parents[3]
SHOP = ROOT / "tests" / "scenarios" / "fleets" / "shop"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the small fleet."""
    return Path(shutil.copytree(SHOP, tmp_path / "shop")) / "fleet.yaml"


def measured(fleet: Fleet) -> Measurement:
    """Every service with figures of its own, far from the declared ones."""
    services = {
        service.id: seen(
            signal((40 + 7 * index) * MIB, (60 + 9 * index) * MIB, (80 + 11 * index) * MIB),
            signal(0.01 * index, 0.02 * index, 0.3),
        )
        for index, service in enumerate(fleet.services)
    }
    return found(fleet, services)


def yes(proposal: Proposal) -> bool:
    return True


def texts(fleet: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in fleet.parent.iterdir()}


def test_files_written_say_what_was_measured(shop: Path) -> None:
    before = read_fleet(shop, environment={})
    proposal = propose(before, measured(before))
    written = write(before, proposal, confirm=yes)
    assert {path.name for path in written} == {
        "fleet.yaml", "data.measured.yaml", "shop.measured.yaml", "watch.measured.yaml"
    }  # fmt: skip
    after = read_fleet(shop, environment={})
    wanted = as_measured(before, proposal.suggestions)
    for service in wanted.services:
        other = after.service(service.id)
        for name in ("load", "reservation_memory", "reservation_cpus", "limit_memory", "assumed"):
            assert getattr(other, name) == getattr(service, name), (service.id, name)


def test_the_plan_after_writing_is_the_plan_as_measured(shop: Path) -> None:
    before = read_fleet(shop, environment={})
    proposal = propose(before, measured(before))
    wanted = make_plan(as_measured(before, proposal.suggestions))
    write(before, proposal, confirm=yes)
    plan = make_plan(read_fleet(shop, environment={}))
    assert plan.objective == wanted.objective
    assert plan.servers == wanted.servers
    assert {n: p.homes for n, p in plan.services.items()} == {
        n: p.homes for n, p in wanted.services.items()
    }


def test_a_second_time_there_is_nothing_to_write(shop: Path) -> None:
    before = read_fleet(shop, environment={})
    measurement = measured(before)
    write(before, propose(before, measurement), confirm=yes)
    again = propose(read_fleet(shop, environment={}), measurement)
    assert again.files == () and again.suggestions == {}


def test_another_measurement_is_merged_into_the_file_there_is(shop: Path) -> None:
    before = read_fleet(shop, environment={})
    write(before, propose(before, measured(before)), confirm=yes)
    second = read_fleet(shop, environment={})
    higher = found(second, {"web": seen(signal(900 * MIB), signal(0.5))})
    proposal = propose(second, higher)
    assert [change.path.name for change in proposal.files] == ["shop.measured.yaml"]
    write(second, proposal, confirm=yes)
    third = read_fleet(shop, environment={})
    assert third.service("web").load.memory == 900 * MIB
    assert third.service("api").load == second.service("api").load
    assert third.service("web").limit_memory >= third.service("web").reservation_memory


def test_only_some_services(shop: Path) -> None:
    fleet = read_fleet(shop, environment={})
    proposal = propose(fleet, measured(fleet), only=("web",))
    assert set(proposal.suggestions) == {"web"}
    assert {change.path.name for change in proposal.files} == {"shop.measured.yaml", "fleet.yaml"}
    assert "api" not in proposal.files[0].after


def test_people_s_own_files_stay_as_they_are(shop: Path) -> None:
    before = texts(shop)
    fleet = read_fleet(shop, environment={})
    write(fleet, propose(fleet, measured(fleet)), confirm=yes)
    after = texts(shop)
    assert {name: text for name, text in after.items() if name in before and name != "fleet.yaml"} \
        == {name: text for name, text in before.items() if name != "fleet.yaml"}  # fmt: skip
    changed = [
        (old, new)
        for old, new in zip(
            before["fleet.yaml"].splitlines(), after["fleet.yaml"].splitlines(), strict=True
        )
        if old != new
    ]
    assert changed[1] == (
        "  shop: {files: [shop.yaml]}",
        "  shop: {files: [shop.yaml, shop.measured.yaml]}",
    )
    assert len(changed) == 3


def test_saying_no_changes_nothing(shop: Path) -> None:
    before = texts(shop)
    fleet = read_fleet(shop, environment={})
    with pytest.raises(RefusedError):
        write(fleet, propose(fleet, measured(fleet)), confirm=lambda _: False)
    assert texts(shop) == before


def test_what_does_not_hold_is_put_back(shop: Path) -> None:
    fleet = read_fleet(shop, environment={})
    # A file merged later has the last word on the web's reservation.
    (shop.parent / "last.yaml").write_text(
        "services: {web: {deploy: {resources: {reservations: {memory: 20M}}}}}\n"
    )
    text = shop.read_text().replace("[shop.yaml]", "[shop.yaml, shop.measured.yaml, last.yaml]")
    shop.write_text(text)
    (shop.parent / "shop.measured.yaml").write_text(
        "# Written by `quorate suggest`\nservices: {web: {}}\n"
    )
    fleet = read_fleet(shop, environment={})
    before = texts(shop)
    with pytest.raises(QuorateError, match="web; all was put back"):
        write(fleet, propose(fleet, measured(fleet)), confirm=yes)
    assert texts(shop) == before


def test_an_interrupt_on_the_way_is_put_back(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = read_fleet(shop, environment={})
    before = texts(shop)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "_require_same", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(fleet, propose(fleet, measured(fleet)), confirm=yes)
    assert texts(shop) == before


def test_a_file_of_that_name_that_is_somebody_else_s(shop: Path) -> None:
    (shop.parent / "shop.measured.yaml").write_text("services: {}\n")
    fleet = read_fleet(shop, environment={})
    with pytest.raises(UsageError, match="not written by"):
        propose(fleet, measured(fleet))


def test_a_fleet_file_that_cannot_be_added_to(shop: Path) -> None:
    shop.write_text(
        "x: &f [shop.yaml]\n".replace("x:", "drills:\n  x:")
        + shop.read_text().replace("[shop.yaml]", "*f")
    )
    fleet = read_fleet(shop, environment={})
    with pytest.raises(UsageError, match="cannot be changed safely") as caught:
        propose(fleet, measured(fleet))
    assert "add shop.measured.yaml to `stacks.shop.files` by hand" in str(caught.value.todo)


def test_a_measurement_is_saved_whole_or_not_at_all(shop: Path, tmp_path: Path) -> None:
    fleet = read_fleet(shop, environment={})
    measurement = measured(fleet)
    measuring.save(measurement, tmp_path / "m.json")
    assert Measurement.model_validate_json((tmp_path / "m.json").read_text()) == measurement
    with pytest.raises(UsageError, match="cannot be written"):
        measuring.save(measurement, tmp_path / "none" / "m.json")
    assert not list(tmp_path.glob(".m.json*"))
