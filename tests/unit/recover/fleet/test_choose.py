"""From empty servers to the whole fleet: the steps in order; on which servers, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup.model import Kind
from quorate.errors import RefusedError
from quorate.fleet.model import Fleet
from quorate.recover.fleet.choose import directories, homes_before, kept
from tests.unit.backup.jobs.made import SECTION, fleet
from tests.unit.recover.fleet.made import (
    COPIES,
    NAMES,
    away,
    chosen_operation,
    empty_sight,
    host,
    with_engines,
)
from tests.unit.recover.server.test_choosing import BIND, COMPOSE, GIB, stacks_that_share_names


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return fleet(tmp_path_factory.mktemp("fleet"), SECTION, COMPOSE)


def refusal(fleet: Fleet, **more: object) -> str:
    with pytest.raises(RefusedError) as raised:
        chosen_operation(empty_sight(fleet, **more), *COPIES)
    return "\n".join(raised.value.lines())


def test_the_steps_and_their_order(office: Fleet) -> None:
    made = chosen_operation(empty_sight(office), *COPIES)
    assert [step.id for step in made.steps] == [
        *("reach", "engines", "swarm", "image", "make:first", "make:second"),
        "restore:volume/app_v",
        "databases",
        *("restore:db", "restore:many@one", "restore:many@three", "restore:many@two"),
        *("services", "verify", "fill:first", "fill:second"),
    ]
    assert made.seconds is not None and made.seconds > 5 * 12
    assert not [step for step in made.steps if step.back or step.final]
    assert "db: what was written in the last 5 h" in made.loses
    assert any("old disk" in line for line in made.warnings)


def test_where_docker_is_nothing_is_installed_and_where_a_wall_is_it_is_opened(
    office: Fleet,
) -> None:
    there = with_engines()
    ids = [step.id for step in chosen_operation(empty_sight(office, **there), *COPIES).steps]
    assert "engines" not in ids and "firewall" not in ids
    hosts = {**there["hosts"], "two": host("two", ufw=True)}
    made = chosen_operation(empty_sight(office, hosts=hosts, engines=there["engines"]), *COPIES)
    steps = {step.id: step.says for step in made.steps}
    assert steps["engines"].startswith("install Docker on two")
    assert steps["firewall"].endswith("between them on two")
    assert made.facts["firewalled"] == ["two"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"swarm": "active"}, "two is in a swarm"),
        ({"root": False}, "two does not let Quorate be root"),
        ({"host_name": "debian"}, "two calls itself debian"),
        ({"like": ("fedora",), "system": "Fedora 42"}, "two runs Fedora 42"),
        ({"odd": ("it broke off",)}, "two does not say what it is"),
    ],
)
def test_a_server_that_does_not_fit(office: Fleet, wrong: dict[str, object], words: str) -> None:
    seen = empty_sight(office)
    said = refusal(office, hosts={**seen.hosts, "two": host("two", **wrong)})
    assert words in said and "--into /srv/recovered" in said


def test_every_reason_is_said_at_once(office: Fleet) -> None:
    hosts = {"two": host("two", root=False), "three": host("three", swarm="active")}
    said = refusal(office, hosts=hosts, silent={"one": "no route to host"})
    assert "one does not answer ssh: no route to host" in said
    assert "two does not let" in said and "three is in a swarm" in said


def test_data_that_is_there_is_not_written_over(office: Fleet) -> None:
    said = refusal(office, **with_engines(volumes=frozenset({"app_d", "unknown"})))
    assert "one has the volume app_d: data of this fleet may be on it" in said
    assert "unknown" not in said


def test_what_others_serve_is_known_by_its_name(tmp_path: Path) -> None:
    names = [one.source.id for one in kept(stacks_that_share_names(tmp_path), {})]
    assert [name for name in names if name.startswith("volume/")] == ["volume/wiki_data"]


def test_a_directory_with_files_in_it_is_not_restored_into(tmp_path: Path) -> None:
    office = fleet(tmp_path, SECTION.replace("  exclude: [out]\n", ""), BIND)
    assert directories(office, {}) == ("/data/media",)
    media = away("bind/data/media", Kind.VOLUME, server="one")
    full = {"one": frozenset(("/data/media",))}
    with pytest.raises(RefusedError) as raised:
        chosen_operation(empty_sight(office, occupied=full), media)
    assert "one has files in /data/media" in (raised.value.cause or "")
    asked = chosen_operation(
        empty_sight(office, occupied=full), media, without=("bind/data/media",)
    )
    assert any("starts with what is in it" in text for text in asked.warnings)
    chosen_operation(empty_sight(office, occupied={"two": full["one"]}), media)


def test_a_disk_that_is_too_small(office: Fleet) -> None:
    assert "one is too small" in refusal(office, **with_engines(disk=2**20))


def test_a_machine_that_is_too_small_is_told_of_before_docker_is_installed(office: Fleet) -> None:
    """Afterwards the swarm's own look would refuse it, when it is half made."""
    hosts = {name: host(name, memory=16 * GIB, disk=100 * GIB) for name in NAMES}
    assert chosen_operation(empty_sight(office, hosts=hosts), *COPIES)
    hosts["one"] = host("one", memory=GIB, disk=2**20)
    said = refusal(office, hosts=hosts)
    assert "one is too small: it has 1 GiB of memory, and the fleet file says 16 GiB" in said
    assert "one is too small: 1 MiB of its disk are free" in said and "two is" not in said
    assert chosen_operation(empty_sight(office, hosts={**hosts, "one": host("one")}), *COPIES)
    in_lab = {**hosts, "one": host("one", memory=GIB)}
    assert chosen_operation(empty_sight(office, hosts=in_lab, in_lab=True), *COPIES)


def test_what_an_engine_tells_of_its_machine_counts(office: Fleet) -> None:
    small = with_engines(memory=2 * GIB)
    assert "one is too small: it has 2 GiB of memory" in refusal(office, **small)


def test_no_copy_or_none_that_is_known_to_restore(office: Fleet) -> None:
    seen = empty_sight(office)
    others = COPIES[1:]
    with pytest.raises(RefusedError, match="1 of what the fleet keeps") as raised:
        chosen_operation(seen, *others)
    assert "db: no complete copy" in str(raised.value.cause)
    with pytest.raises(RefusedError) as raised:
        chosen_operation(seen, away("db", Kind.POSTGRES, proven=None), *others)
    assert "no copy is proven; the best is" in str(raised.value.cause)
    risky = (away("db", Kind.POSTGRES, proven=None), *others)
    assert "restore:db" in [s.id for s in chosen_operation(seen, *risky, unproven=True).steps]
    empty = chosen_operation(seen, *others, without=("db",))
    assert "restore:db" not in [step.id for step in empty.steps]
    assert "db: everything" in empty.loses


def test_services_go_where_their_data_was(office: Fleet) -> None:
    found = homes_before(office, COPIES)
    assert found == {"db": ("one",), "many": ("one", "three", "two"), "files": ("three",)}
    gone = (replace(COPIES[0], server="a-server-of-before"), replace(COPIES[4], complete=False))
    assert homes_before(office, gone) == {}


BUILT = COMPOSE.replace("  web: {image: x,", '  web: {image: "w:1", build: .,').replace(
    "x-quorate: {needs: [db]}}", "x-quorate: {needs: [db], pin: two}}"
)


def test_images_are_loaded_before_services_start(tmp_path: Path) -> None:
    built = fleet(tmp_path, SECTION, BUILT)
    saved = away("images/two", Kind.IMAGES, server="two", proven=None)
    made = chosen_operation(empty_sight(built), *COPIES, saved)
    steps = {step.id: step for step in made.steps}
    ids = list(steps)
    assert ids.index("image") < ids.index("restore:images/two") < ids.index("databases")
    assert steps["restore:images/two"].says.startswith("load images/two on two from ")
    assert steps["restore:images/two"].lane == "two" and "images" not in made.loses


def test_images_without_a_copy_hold_nothing_up(tmp_path: Path) -> None:
    made = chosen_operation(empty_sight(fleet(tmp_path, SECTION, BUILT)), *COPIES)
    assert "restore:images/two" not in [step.id for step in made.steps]
    assert any(line.startswith("images/two has no copy") for line in made.warnings)
