"""What a fleet keeps is found from its files: databases, volumes, its own files, its servers."""

from __future__ import annotations

from pathlib import Path

from quorate.fleet.datasets import data_sets, ids_named
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from tests.unit.fleet.helpers import fleet_of

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"


def fleet(directory: Path, compose: str) -> Fleet:
    return fleet_of(directory, {"compose.yaml": compose})


def found(one: Fleet) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Kind, servers and volumes of each, without what every fleet has."""
    return {
        item.id: (item.kind, item.servers, item.volumes)
        for item in data_sets(one)
        if item.kind not in ("configs", "swarm", "system")
    }


def test_every_state_that_keeps_data(tmp_path: Path) -> None:
    one = fleet(
        tmp_path,
        """\
        services:
          pg:
            image: postgres:16
            volumes: [pg:/var/lib/postgresql/data, extra:/extra]
            x-quorate: {state: postgres, pin: one, data_size: 4G}
          odd:
            image: postgres:16
            volumes: [odd:/odd/place]
            x-quorate: {state: postgres, pin: one}
          elsewhere:
            image: postgres:16
            environment: {PGDATA: /srv/pg/data}
            volumes: [elsewhere:/srv/pg, more:/more]
            x-quorate: {state: postgres, pin: one}
          maria:
            image: mariadb
            volumes: [m:/var/lib/mysql]
            x-quorate: {state: mariadb, pin: one}
          red: {image: redis, x-quorate: {state: redis, pin: two}}
          lab:
            image: gitlab
            volumes: ["c:/etc/gitlab", "d:/var/opt/gitlab", "l:/var/log/gitlab"]
            x-quorate: {state: gitlab, pin: two}
          files:
            image: x
            volumes: [files:/files, read:/read:ro, /srv/here:/here, /var/run/x.sock:/x]
            x-quorate: {state: volume, pin: two, data_size: 10G}
          twin: {image: x, volumes: ["files:/there"], x-quorate: {state: volume, pin: two}}
          quick: {image: x, volumes: ["quick:/q"], x-quorate: {state: cache}}
        volumes:
          {pg: , extra: , odd: , elsewhere: , more: , m: , c: , d: , l: , files: , read: , quick: }
        """,
    )
    assert found(one) == {
        "pg": ("postgres", ("one",), ("app_pg",)),
        "odd": ("postgres", ("one",), ("app_odd",)),
        "elsewhere": ("postgres", ("one",), ("app_elsewhere",)),
        "maria": ("mariadb", ("one",), ("app_m",)),
        "red": ("redis", ("two",), ()),
        "lab": ("gitlab", ("two",), ("app_c", "app_d", "app_l")),
        "volume/app_extra": ("volume", ("one",), ("app_extra",)),
        "volume/app_more": ("volume", ("one",), ("app_more",)),
        "volume/app_files": ("volume", ("two",), ("app_files",)),
        "bind/srv/here": ("volume", ("two",), ("/srv/here",)),
    }
    sizes = {item.id: item.size for item in data_sets(one) if item.size}
    assert sizes["pg"] == 4 * 2**30
    assert sizes["volume/app_files"] == sizes["bind/srv/here"] == 5 * 2**30
    users = {item.id: item.services for item in data_sets(one)}
    assert users["volume/app_files"] == ("files", "twin")


def test_the_fleets_own(tmp_path: Path) -> None:
    one = fleet(tmp_path, "services: {web: {image: 'x:1'}}\n")
    kinds = [(item.id, item.kind, item.servers) for item in data_sets(one)]
    assert kinds == [
        ("configs", "configs", ()),
        ("swarm", "swarm", ()),
        ("system/one", "system", ("one",)),
        ("system/two", "system", ("two",)),
        ("system/three", "system", ("three",)),
    ]


def test_what_volumes_are_called(tmp_path: Path) -> None:
    one = fleet(
        tmp_path,
        """\
        services:
          files:
            image: x
            volumes: [plain:/a, named:/b, outside:/c, old:/d]
            x-quorate: {state: volume, pin: one}
        volumes:
          plain:
          named: {name: mine}
          outside: {external: true}
          old: {external: {name: older}}
        """,
    )
    assert list(found(one)) == ["volume/app_plain", "volume/mine", "volume/outside", "volume/older"]


def test_data_on_several_servers_is_several_sources(tmp_path: Path) -> None:
    one = fleet(
        tmp_path,
        """\
        services:
          agent:
            image: x
            volumes: [agent:/a]
            deploy: {mode: global, placement: {constraints: [node.hostname != three]}}
            x-quorate: {state: volume}
          two-of:
            image: x
            volumes: [pair:/a]
            deploy: {replicas: 2}
            x-quorate: {state: volume}
        volumes: {agent: , pair: }
        """,
    )
    assert list(found(one)) == [
        *("volume/app_agent@one", "volume/app_agent@two"),
        *("volume/app_pair@one", "volume/app_pair@two", "volume/app_pair@three"),
    ]
    homes = {"two-of": ("three", "two")}
    ids = [item.id for item in data_sets(one, homes) if "pair" in item.id]
    assert ids == ["volume/app_pair@three", "volume/app_pair@two"]
    named = ids_named(data_sets(one))
    assert named["volume/app_agent"] == ("volume/app_agent@one", "volume/app_agent@two")
    assert named["volume/app_agent@one"] == ("volume/app_agent@one",)


def test_shared_storage_lies_on_its_server(tmp_path: Path) -> None:
    one = fleet(
        tmp_path,
        """\
        services:
          files:
            image: x
            volumes: [shared:/a, far:/b]
            deploy: {replicas: 2}
            x-quorate: {state: volume}
        volumes:
          shared: {driver_opts: {type: nfs, o: "addr=192.0.2.2", device: ":/srv"}}
          far: {driver_opts: {type: nfs, o: "addr=198.51.100.1", device: ":/srv"}}
        """,
    )
    assert found(one) == {
        "volume/app_shared": ("volume", ("two",), ("app_shared",)),
        "volume/app_far": ("volume", ("one", "two", "three"), ("app_far",)),
    }


def test_one_that_may_move_lies_where_it_is(tmp_path: Path) -> None:
    one = fleet(
        tmp_path,
        "services: {f: {image: x, volumes: ['v:/v'], x-quorate: {state: volume}}}\n"
        "volumes: {v: }\n",
    )
    (anywhere,) = (item for item in data_sets(one) if item.services)
    assert anywhere.servers == ("one", "two", "three")
    (here,) = (item for item in data_sets(one, {"f": ("two",)}) if item.services)
    assert here.servers == ("two",)


def test_the_office_has_no_volume_twice_and_none_left_out() -> None:
    office = read_fleet(OFFICE, environment={})
    sets = data_sets(office)
    volumes = [name for item in sets for name in item.volumes]
    assert len(volumes) == len(set(volumes)) == 27
    assert len({item.id for item in sets}) == len(sets) == 32
    groups = {item.group for item in sets if item.group}
    assert groups == {"appwrite", "mailcow"}
    sizes = sum(item.size for item in sets)
    declared = sum(s.data_size for s in office.services if s.state.keeps_data)
    assert abs(sizes - declared) < 0.01 * declared
