"""What cannot be asked: every slip is named, with what to do."""

from __future__ import annotations

import pytest

from quorate.errors import UsageError
from quorate.fleet.model import Engine, Fleet, Mode, Stack
from quorate.plan.whatif.changes import Asked, read_changes
from tests.unit.plan.builders import GIB, data, fleet, server, service


def small() -> Fleet:
    return fleet(
        [server("alpha", role="manager"), server("beta"), server("gamma")],
        [
            service("web", replicas=2),
            service("db", **data()),
            service("exporter", mode=Mode.GLOBAL),
            service("idle", replicas=0),
            service("mail", stack="post", engine=Engine.COMPOSE, pins=("alpha",)),
        ],
        stacks=[Stack(name="post", files=(), engine=Engine.COMPOSE, server="alpha")],
    )


BAD = [
    ({}, "nothing was asked", "--move SERVICE=SERVER"),
    ({"move": ("dbb=beta",)}, "no service is called dbb", "did you mean db?"),
    ({"move": ("db=bta",)}, "no server is called bta", "did you mean beta?"),
    ({"move": ("db=nowhere",)}, "no server is called nowhere", "the servers are alpha, beta"),
    ({"move": ("db",)}, "not of the form SERVICE=SERVER", ""),
    ({"move": ("db=",)}, "not of the form SERVICE=SERVER", ""),
    ({"move": ("db=,",)}, "not of the form SERVICE=SERVER", ""),
    ({"move": ("web=beta",)}, "web has 2 tasks, 1 server is named", "--move web=beta,beta"),
    ({"move": ("db=beta,alpha",)}, "db has 1 task, 2 servers are named", ""),
    ({"move": ("exporter=beta",)}, "exporter is global", "--without"),
    ({"move": ("idle=beta",)}, "idle has 0 replicas", ""),
    ({"move": ("post=alpha,beta",)}, "run by docker compose, on one server", ""),
    ({"move": ("db=beta", "db=gamma")}, "--move names db twice", ""),
    ({"move": ("db=beta",), "lose": ("beta",)}, "--move db=beta and --lose beta contradict", ""),
    ({"move": ("post=beta",), "lose": ("beta",)}, "--move post=beta and --lose beta", ""),
    ({"move": ("db=beta",), "without": ("db",)}, "--move db and --without db contradict", ""),
    ({"move": ("db=beta",), "pin": ("db=gamma",)}, "--pin db=gamma and --move db=beta", ""),
    ({"pin": ("db=beta",), "unpin": ("db",)}, "--pin db and --unpin db contradict", ""),
    ({"pin": ("db=beta", "db=gamma")}, "--pin names db twice", ""),
    ({"pin": ("db=beta",), "lose": ("beta",)}, "--pin db=beta and --lose beta contradict", ""),
    ({"pin": ("mail=beta",)}, "mail is run by docker compose", "--move post=SERVER"),
    ({"unpin": ("post/mail",)}, "mail is run by docker compose", ""),
    ({"scale": ("db=-1",)}, "give a number from 0", ""),
    ({"scale": ("db=many",)}, "`many` is not a whole number", ""),
    ({"scale": ("db=99999999",)}, "give a number from 0 to 10000", ""),
    ({"scale": ("exporter=2",)}, "exporter is global", ""),
    ({"scale": ("db=1", "db=2")}, "--scale names db twice", ""),
    ({"scale": ("db=2",), "without": ("db",)}, "--scale db and --without db contradict", ""),
    ({"lose": ("alpha", "beta", "gamma")}, "no server would be left", "leave at least one"),
    ({"lose": ("alhpa",)}, "no server is called alhpa", "did you mean alpha?"),
    ({"add": ("memory=4G,cpus=2",)}, "name= is missing", "name, memory and cpus"),
    ({"add": ("name=x,memory=4G",)}, "cpus= is missing", ""),
    ({"add": ("name=x,memory=-4G,cpus=2",)}, "memory: `-4G` is not a size", ""),
    ({"add": ("name=x,memory=0,cpus=2",)}, "memory: must be above 0", ""),
    ({"add": ("name=x,memory=4G,cpus=-2",)}, "cpus: `-2` is not a number", ""),
    ({"add": ("name=x,memroy=4G,cpus=2",)}, "`memroy` is not known", "did you mean memory?"),
    ({"add": ("name=x,memory=4G,memory=5G,cpus=2",)}, "`memory` is given twice", ""),
    ({"add": ("name=x,memory=4G,cpus=2,kind=tape",)}, "kind is one of nvme, ssd, hdd", ""),
    ({"add": ("name=Alpha,memory=4G,cpus=2",)}, "Alpha is in the fleet", "--resize Alpha="),
    ({"add": ("name=x,memory=4G,cpus=2",) * 2}, "the same name", ""),
    ({"add": ("x",)}, "`x` is not of the form key=value", ""),
    ({"resize": ("beta=-4G",)}, "memory: `-4G` is not a size", ""),
    ({"resize": ("beta=memory=",)}, "`memory=` is not of the form", ""),
    ({"resize": ("beta",)}, "not of the form SERVER=", ""),
    ({"resize": ("btea=4G",)}, "no server is called btea", "did you mean beta?"),
    ({"resize": ("beta=4G",), "lose": ("beta",)}, "--resize beta and --lose beta", ""),
    ({"resize": ("beta=4G", "beta=8G")}, "--resize names beta twice", ""),
    ({"without": ("wbe",)}, "no service is called wbe", "did you mean web?"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "what", "todo"), BAD)
def test_what_cannot_be_asked(options: dict[str, tuple[str, ...]], what: str, todo: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_changes(small(), Asked(**options))
    assert what in caught.value.what
    assert todo in (caught.value.todo or "")
    assert caught.value.exit_code == 2


def test_what_can_be_asked() -> None:
    changes = read_changes(
        small(),
        Asked(
            move=("db=BETA", "web=alpha,gamma"),
            add=("name=new,memory=64G,cpus=16,disk=1T,kind=nvme,role=manager",),
            resize=("beta=32G", "alpha=cpus=8,speed=1.5"),
            scale=("idle=3",),
            unpin=("web",),
        ),
    )
    assert changes.moves == {"db": ("beta",), "web": ("alpha", "gamma")}
    assert changes.added[0].memory == 64 * GIB
    assert changes.added[0].disks[0].kind == "nvme"
    assert changes.resized["beta"].memory == 32 * GIB
    assert changes.resized["alpha"].cpus == 8
    assert changes.scaled == {"idle": 3}


def test_the_new_number_of_replicas_counts_for_a_move() -> None:
    asked = Asked(scale=("web=1",), move=("web=gamma",))
    assert read_changes(small(), asked).moves == {"web": ("gamma",)}


def test_a_stack_and_a_new_server_can_be_named() -> None:
    asked = Asked(move=("post=new",), add=("name=new,memory=4G,cpus=2",))
    assert read_changes(small(), asked).stacks == {"post": "new"}


def test_the_question_reads_as_it_was_asked() -> None:
    assert Asked(move=("a=b",), origin=("a=c",)).lines() == ("--move a=b", "--from a=c")
