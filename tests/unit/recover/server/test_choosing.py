"""What is chosen when a server is lost: refusals, copies, what is held, the steps in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Refused
from quorate.backup.model import Kind, Proof, Snapshot
from quorate.errors import QuorateError, RefusedError, UnreachableError, UsageError
from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import ObservedNode
from quorate.recover.membership.model import Machine as Host
from quorate.recover.model import Operation
from quorate.recover.server import refuse
from quorate.recover.server.holding import How
from quorate.recover.server.lost import Choice, Log, chosen, lived_there
from quorate.recover.server.onto import remapped
from quorate.recover.server.sight import Machine, Sight
from quorate.recover.server.steps import needing, operation
from tests.unit.backup.jobs.made import NOW, SECTION, fleet
from tests.unit.fleet.helpers import FLEET, fleet_of

GIB = 2**30
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], networks: [back],
       deploy: {resources: {reservations: {memory: 2G}}}, x-quorate: {state: postgres, pin: one}}
  out: {image: postgres, volumes: ["o:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  many: {image: redis, volumes: ["m:/data"], networks: [back],
         deploy: {mode: global}, x-quorate: {state: redis}}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume, pin: three}}
  web: {image: x, x-quorate: {needs: [db]}}
  shop: {image: x, x-quorate: {needs: [web]}}
networks: {back: }
volumes: {d: , o: , m: , v: }
"""
HOMES = {
    "db": ("one",),
    "out": ("one",),
    "many": ("one", "two", "three"),
    "files": ("three",),
    "web": ("two",),
    "shop": ("two",),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return fleet(tmp_path_factory.mktemp("fleet"), SECTION, COMPOSE)


def node(name: str, *, ready: bool = True, **more: Any) -> ObservedNode:
    state = "ready" if ready else "down"
    reach = "reachable" if ready else "unreachable"
    given: dict[str, Any] = {
        "id": f"id-{name}",
        "hostname": name,
        "role": "manager",
        "state": state,
        "reachability": reach,
    }
    return ObservedNode(**(given | more))


def sight(fleet: Fleet, name: str = "one", target: str = "", **more: Any) -> Sight:
    """`name` is down, and a new machine answers in its place (or `target` does)."""
    target = target or name
    new = Machine(memory=16 * GIB, disk=100 * GIB, node="" if target == name else f"id-{target}")
    given: dict[str, Any] = {
        "fleet": fleet,
        "name": name,
        "target": target,
        "nodes": tuple(node(one, ready=one != name) for one in ("one", "two", "three")),
        "homes": HOMES,
        "running": {key: tuple(s for s in at if s != name) for key, at in HOMES.items()},
        "new": new,
        "old": new if target == name else None,
    }
    return Sight(**(given | more))


def copy(
    source: str, kind: Kind, *, hours: float = 5, proven: bool | None = True, **more: Any
) -> Snapshot:
    taken = NOW - timedelta(hours=hours)
    id = more.pop("id", f"{source}-{hours:g}")
    repository = more.pop("repository", "second")
    proof = None
    if proven is not None:
        proof = Proof(snapshot=id, repository=repository, at=NOW, ok=proven, seconds=12.0)
    return Snapshot(
        id=id,
        source=source,
        kind=kind,
        repository=repository,
        taken=taken,
        received=taken,
        complete=True,
        size=GIB,
        proof=proof,
        **more,
    )


ALL = (copy("db", Kind.POSTGRES), copy("many@one", Kind.REDIS))


def choice(
    seen: Sight,
    *copies: Snapshot,
    unproven: bool = False,
    without: tuple[str, ...] = (),
    logs: Mapping[str, Log] | None = None,
) -> Choice:
    known = Known(snapshots=copies)
    return chosen(seen, known, now=NOW, unproven=unproven, without=without, logs=logs)


def log(**ago: float) -> dict[str, Log]:
    return {"db": Log(server="two", path="/srv/wal/db", until=NOW - timedelta(**ago))}


def steps(seen: Sight, *copies: Snapshot, **more: Any) -> Operation:
    return operation(seen, choice(seen, *copies, **more), now=NOW)


def test_only_what_lay_there_alone_is_lost(office: Fleet) -> None:
    assert [one.source.id for one in lived_there(sight(office))] == ["db", "out", "many@one"]
    assert [one.source.id for one in lived_there(sight(office, "two"))] == ["many@two"]
    seen = sight(office, running={"db": ("two",)})
    assert "db" not in [one.source.id for one in lived_there(seen)]


def test_the_newest_proven_copy_is_taken_and_what_is_lost_is_said(office: Fleet) -> None:
    newer = copy("db", Kind.POSTGRES, hours=1, proven=None)
    bad = copy("db", Kind.POSTGRES, hours=2, proven=False)
    made = steps(sight(office), *ALL, newer, bad)
    lost = {one["source"]: one for one in made.facts["lost"]}
    assert lost["db"]["copy_used"]["id"] == "db-5"
    assert lost["out"]["copy_used"] is None
    assert "db: what was written in the last 5 h" in made.loses
    assert "out: everything" in made.loses
    assert any("`--unproven` takes it" in text for text in made.warnings)
    other = steps(sight(office), *ALL, newer, bad, unproven=True)
    assert {one["source"]: one for one in other.facts["lost"]}["db"]["copy_used"]["id"] == "db-1"


def test_a_database_whose_log_is_elsewhere_comes_out_of_that(office: Fleet) -> None:
    made = steps(sight(office), *ALL, logs=log(seconds=3))
    (found,) = [one for one in made.facts["lost"] if one["source"] == "db"]
    assert found["log"]["server"] == "two" and found["copy_used"]["id"] == "db-5"
    lost = "db: what was written in the last 3 s and is not in its log (the last 5 h, should that"
    assert lost in made.loses
    (restore,) = [step for step in made.steps if step.id == "restore:db"]
    assert "replay the write-ahead log of" in restore.says and "on two to its end" in restore.says
    assert any("move /srv/wal/db on two away" in text for text in made.warnings)


def test_a_log_that_ends_before_the_newest_copy_is_not_used(office: Fleet) -> None:
    found = choice(sight(office), *ALL, logs=log(hours=6))
    (one,) = [one for one in found.lost if one.source == "db"]
    assert one.log is None and one.copy_used is not None
    assert any("ends before its newest copy" in text for text in found.warnings)


def test_a_log_does_without_a_proven_copy_and_says_so(office: Fleet) -> None:
    untried = copy("db", Kind.POSTGRES, proven=None)
    found = choice(sight(office), untried, ALL[1], logs=log(seconds=3))
    (one,) = [one for one in found.lost if one.source == "db"]
    assert not found.problems and one.log is not None and one.copy_used is None and one.restored
    assert any("comes out of its log, or not" in text for text in found.warnings)
    empty = choice(sight(office), *ALL, logs=log(seconds=3), without=("db",))
    assert [one.restored for one in empty.lost if one.source == "db"] == [False]


def test_of_one_copy_in_several_repositories_a_proven_one_is_taken(office: Fleet) -> None:
    first = copy("db", Kind.POSTGRES, proven=None)
    away = copy("db", Kind.POSTGRES, id="x", repository="away", original=first.id)
    found = choice(sight(office), first, away, ALL[1])
    used = found.lost[0].copy_used
    assert used is not None and (used.id, used.repository) == ("x", "away")


def test_no_proven_copy_names_the_best_one_and_its_risk(office: Fleet) -> None:
    seen = sight(office)
    with pytest.raises(RefusedError) as raised:
        steps(seen, copy("db", Kind.POSTGRES, proven=None))
    assert "db: no copy is proven; the best is db-5 in second" in (raised.value.cause or "")
    assert "many@one: no complete copy" in (raised.value.cause or "")
    made = steps(seen, copy("db", Kind.POSTGRES, proven=None), unproven=True, without=("many@one",))
    assert any("may not restore" in text for text in made.warnings)
    assert any("starts empty, as was asked for" in text for text in made.warnings)


def test_a_repository_that_cannot_be_read_is_said(office: Fleet) -> None:
    dark = Refused(what="first", error=QuorateError("one is gone"))
    found = chosen(sight(office), Known(snapshots=ALL, unread=(dark,)), now=NOW, unproven=False)
    assert "first could not be read: one is gone" in found.warnings


def test_the_steps_and_their_order(office: Fleet) -> None:
    made = steps(sight(office), *ALL)
    ids = [step.id for step in made.steps]
    assert ids == [
        *("image", "hold", "forget", "join", "make:first", "start", "restore:db"),
        *("restore:many@one", "home", "verify", "fill:first"),
    ]
    assert "demote it" in made.steps[2].says
    assert made.facts["hold"] == {
        "app_db": How.STOP,
        "app_many": How.AWAY,
        "app_web": How.STOP,
        "app_shop": How.STOP,
    }
    files = steps(
        sight(office, "three"), copy("volume/app_v", Kind.VOLUME), copy("many@three", Kind.REDIS)
    )
    ids = [step.id for step in files.steps]
    assert ids.index("restore:volume/app_v") < ids.index("start") < ids.index("restore:many@three")


def test_the_image_of_jobs_is_there_before_anything_is_changed_or_not_asked_for(
    office: Fleet,
) -> None:
    """Where no registry has it, the swarm is still as it was."""
    made = steps(sight(office), *ALL)
    assert made.steps[0].id == "image" and made.steps[0].says.endswith("image on one")
    assert steps(sight(office, "one", "two"), *ALL).steps[0].says.endswith("image on two")
    nothing = steps(sight(office, "two"), without=("many@two",))
    assert [step.id for step in nothing.steps if step.id.startswith(("image", "restore"))] == [
        "image"  # `second` lay there, and is made by a job
    ]
    plain = office.model_copy(update={"backup": office.backup.model_copy(update=ELSEWHERE)})
    nothing = steps(sight(plain, "two"), without=("many@two",))
    assert [step.id for step in nothing.steps] == ["forget", "join", "home", "verify"]


ELSEWHERE: dict[str, Any] = {"repositories": ()}


def test_the_expected_time_is_what_the_proof_measured(office: Fleet) -> None:
    made = steps(sight(office), *ALL)
    assert next(step for step in made.steps if step.id == "restore:db").seconds == 12.0


def test_what_needs_a_database_is_found_through_others(office: Fleet) -> None:
    assert needing(office, {"db"}) == {"web", "shop"}
    assert needing(office, {"files"}) == set()


LIVES: dict[str, tuple[dict[str, Any], str]] = {
    "ready": ({"nodes": tuple(node(one) for one in ("one", "two", "three"))}, "swarm says"),
    "still a node": ({"old": Machine(memory=1, node="id-one")}, "is still a node of the swarm"),
    "has its data": ({"old": Machine(memory=1, volumes=frozenset({"app_d"}))}, "has the volume"),
    "ssh answers": ({"old": None, "new": None, "ssh": True}, "still answers over ssh"),
}


@pytest.mark.parametrize("case", LIVES)
def test_a_server_that_lives_is_not_recovered(office: Fleet, case: str) -> None:
    more, words = LIVES[case]
    with pytest.raises(RefusedError, match=words):
        steps(sight(office, **more), *ALL)


def test_a_new_machine_without_docker_is_told_what_it_lacks(office: Fleet) -> None:
    with pytest.raises(RefusedError) as raised:
        steps(sight(office, old=None, new=None, ssh=True), *ALL)
    assert "if it is the new machine, start Docker on it" in (raised.value.todo or "")
    with pytest.raises(RefusedError) as raised:
        steps(sight(office, "one", "two", ssh=True), *ALL)
    assert "start Docker" not in (raised.value.todo or "")


BARE = Host(name="one", address="192.0.2.1", system="Debian 13", like=("debian",), root=True)


def test_a_bare_machine_gets_docker_and_its_walls_opened_first(office: Fleet) -> None:
    """Nothing of the fleet has changed before; undoing leaves both."""
    walls = ("one", "three")
    made = steps(sight(office, old=None, ssh=True, bare=BARE, walls=walls), *ALL)
    assert [step.id for step in made.steps][:4] == ["engine", "firewall", "image", "hold"]
    assert "install Docker from the packages of Debian 13" in made.steps[0].says
    assert "on one, three" in made.steps[1].says and made.facts["walls"] == ["one", "three"]
    assert [step.back for step in made.steps[:3]] == ["", "", ""]
    plain = steps(sight(office, walls=("three",)), *ALL)
    assert [step.id for step in plain.steps][:2] == ["firewall", "image"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root": False}, "does not let Quorate be root"),
        ({"like": ("arch",)}, "installs no engine"),
    ],
)
def test_a_bare_machine_that_cannot_be_made_a_server_is_refused(
    office: Fleet, changes: dict[str, Any], words: str
) -> None:
    host = BARE.model_copy(update=changes)
    with pytest.raises(RefusedError, match="cannot be made a server") as raised:
        steps(sight(office, old=None, bare=host), *ALL)
    assert words in (raised.value.cause or "")


def test_onto_another_an_answer_at_the_old_address_is_refused(office: Fleet) -> None:
    seen = sight(office, "one", "two")
    assert steps(seen, *ALL).facts["target"] == "two"
    with pytest.raises(RefusedError, match="a machine answers"):
        steps(replace(seen, old=Machine(memory=1)), *ALL)
    with pytest.raises(RefusedError, match="still answers over ssh"):
        steps(replace(seen, ssh=True), *ALL)


def test_no_replacement_is_an_error_that_says_what_to_do(office: Fleet) -> None:
    with pytest.raises(UnreachableError, match="a new machine does not answer"):
        steps(sight(office, old=None, new=None), *ALL)
    with pytest.raises(UsageError, match="no server four"):
        steps(sight(office, "one", "four"), *ALL)


def test_a_machine_by_another_host_name_is_refused_before_the_old_entry_goes(
    office: Fleet,
) -> None:
    """Swarm knows nodes by that name alone: it would never be the server of the fleet file."""
    other = Machine(memory=16 * GIB, disk=100 * GIB, host_name="debian")
    with pytest.raises(RefusedError, match="address of one calls itself debian") as raised:
        steps(sight(office, new=other, old=other), *ALL)
    assert "nothing was changed" in raised.value.what
    assert "hostnamectl set-hostname one" in (raised.value.todo or "")
    named = replace(other, host_name="one")
    assert steps(sight(office, new=named, old=named), *ALL).facts["target"] == "one"


STACKS = FLEET.replace(
    "  app: {files: [compose.yaml]}\n",
    "  media: {files: [media.yaml]}\n  wiki: {files: [wiki.yaml]}\n"
    "  my_docs: {files: [docs.yaml]}\n",
)
NFS = """\
services:
  %s: {image: x, volumes: ["data:/d"], x-quorate: {state: volume, pin: %s}}
volumes:
  data: {driver_opts: {type: nfs, o: "addr=198.51.100.7,rw", device: ":/x"}}
"""
WIKI = """\
services:
  wiki: {image: x, volumes: ["data:/d"], x-quorate: {state: volume, pin: one}}
volumes: {data: }
"""


def stacks_that_share_names(path: Path) -> Fleet:
    """Two volumes that others serve, and a local one; all are `data` in their stacks."""
    files = {
        "fleet.yaml": STACKS + SECTION.replace("  exclude: [out]\n", ""),
        "media.yaml": NFS % ("media", "two"),
        "wiki.yaml": WIKI,
        "docs.yaml": NFS % ("docs", "one"),
    }
    return fleet_of(path, files, P="p")


def test_what_others_serve_is_known_by_its_name_and_not_by_that_of_another_stack(
    tmp_path: Path,
) -> None:
    homes = {"media": ("two",), "wiki": ("one",), "docs": ("one",)}
    seen = sight(stacks_that_share_names(tmp_path), homes=homes, running={"media": ("two",)})
    names = [one.source.id for one in lived_there(seen)]
    assert "volume/wiki_data" in names and "volume/my_docs_data" not in names


BIND = """\
services:
  media: {image: x, volumes: ["/data/media:/m"], x-quorate: {state: volume, pin: one}}
"""
HOME = {"homes": {"media": ("one",)}, "running": {}, "occupied": frozenset(("/data/media",))}


@pytest.mark.parametrize("target", ["one", "two"])
def test_a_directory_with_files_in_it_is_not_restored_into(tmp_path: Path, target: str) -> None:
    office = fleet(tmp_path, SECTION.replace("  exclude: [out]\n", ""), BIND)
    seen = sight(office, "one", "" if target == "one" else target, **HOME)
    media = copy("bind/data/media", Kind.VOLUME)
    with pytest.raises(RefusedError, match=f"{target} has files in /data/media") as raised:
        steps(seen, media)
    assert "--without bind/data/media" in (raised.value.todo or "")
    made = steps(seen, media, without=("bind/data/media",))
    assert not [step.id for step in made.steps if step.id.startswith("restore:")]
    assert any("starts with what is in it" in text for text in made.warnings)
    assert "restore:bind/data/media" in [
        step.id for step in steps(replace(seen, occupied=frozenset()), media).steps
    ]


def test_a_replacement_that_is_too_small_is_refused(office: Fleet) -> None:
    small = Machine(memory=GIB, disk=100 * GIB)
    with pytest.raises(RefusedError, match="too small: it has 1 GiB of memory"):
        steps(sight(office, new=small, old=small), *ALL)
    full = Machine(memory=16 * GIB, disk=GIB)
    with pytest.raises(RefusedError, match="of its disk are free"):
        steps(sight(office, new=full, old=full), *ALL)
    scaled = sight(office, new=small, old=small, memory_scale=0.25)
    assert refuse.memory_needed(scaled) < GIB


@given(lost=st.integers(0, 6), managers=st.integers(1, 7))
def test_a_manager_is_taken_out_only_where_the_rest_has_quorum(lost: int, managers: int) -> None:
    nodes = [node("one", ready=False)]
    nodes += [node(f"m{n}", ready=n >= min(lost, managers - 1)) for n in range(managers - 1)]
    left = sum(one.ready for one in nodes)
    seen = Sight(fleet=NOBODY, name="one", target="one", nodes=tuple(nodes), homes={}, running={})
    if 2 * left > managers:
        refuse.require_quorum(seen)
        assert 2 * left > managers - 1  # after it is taken out
    else:
        with pytest.raises(RefusedError, match="no quorum"):
            refuse.require_quorum(seen)


NOBODY = Fleet(name="x", path=Path("fleet.yaml"), servers=(), stacks=(), services=(), files=())


def test_another_server_takes_the_pins_and_repositories(office: Fleet) -> None:
    found = remapped(office, "one", "two")
    assert [server.name for server in found.servers] == ["two", "three"]
    assert found.service("db").pins == ("two",) and found.service("files").pins == ("three",)
    assert found.backup.repository("first").server == "two"
    assert remapped(office, "one", "one") is office
    made = steps(sight(office, "one", "two"), *ALL)
    assert any("pin db, out to two" in text for text in made.warnings)
    assert any("2 managers are left" in text for text in made.warnings)


def test_nothing_is_proven_or_rehearsed_on_a_server_that_is_gone(office: Fleet) -> None:
    backup = office.backup
    named = backup.model_copy(
        update={
            "proving": backup.proving.model_copy(update={"servers": ("one", "three")}),
            "rehearsing": backup.rehearsing.model_copy(update={"servers": ("three", "one")}),
        }
    )
    found = remapped(office.model_copy(update={"backup": named}), "one", "two").backup
    assert found.proving.servers == found.rehearsing.servers == ("three",)


def test_a_worker_is_removed_without_being_demoted(office: Fleet) -> None:
    nodes = (node("one", ready=False, role="worker", reachability=None), node("two"), node("three"))
    made = steps(sight(office, nodes=nodes), *ALL)
    (forget,) = [step for step in made.steps if step.id == "forget"]
    assert forget.says.startswith("remove the dead node")
    assert office.server("one").role is Role.MANAGER
    gone = steps(sight(office, nodes=nodes[1:]), *ALL)
    assert "forget" not in [step.id for step in gone.steps]


def test_a_database_that_runs_by_compose_is_left_to_a_person(tmp_path: Path) -> None:
    mail = "mail: {files: [mail.yaml], engine: compose, server: one}\n"
    files = {
        "fleet.yaml": FLEET + f"  {mail}" + SECTION,
        "compose.yaml": COMPOSE,
        "mail.yaml": "services:\n  sql: {image: mariadb, volumes: ['s:/var/lib/mysql'], "
        "x-quorate: {state: mariadb}}\nvolumes: {s: }\n",
    }
    copies = (*ALL, copy("sql", Kind.MARIADB))
    made = steps(sight(fleet_of(tmp_path, files)), *copies)
    assert "restore:sql" not in [step.id for step in made.steps]
    assert "sql: what was written in the last 5 h" in made.loses
    assert any("the stack mail runs by compose" in text for text in made.warnings)
    assert "mail_sql" not in made.facts["hold"]


def test_images_that_no_registry_has_come_back_with_their_server(tmp_path: Path) -> None:
    compose = COMPOSE.replace("  web: {image: x,", '  web: {image: "w:1", build: .,')
    built = fleet(tmp_path, SECTION, compose)
    saved = copy("images/one", Kind.IMAGES, proven=None)
    made = steps(sight(built), *ALL, saved)
    ids = [step.id for step in made.steps]
    assert ids.index("join") < ids.index("restore:images/one") < ids.index("start")
    assert made.facts["hold"] == steps(sight(built), *ALL).facts["hold"], "nothing waits for them"
    assert "images" not in made.loses
    without = steps(sight(built), *ALL)
    assert "restore:images/one" not in [step.id for step in without.steps]
    assert any(line.startswith("images/one has no copy") for line in without.warnings)
