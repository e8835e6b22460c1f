"""Shared storage on a server of the fleet: whoever runs elsewhere cannot do without it."""

from __future__ import annotations

from quorate.fleet.model import Fleet, Role, VolumeUse
from quorate.plan.solve import make_plan
from quorate.predict.model import Failure, Fate
from quorate.predict.predict import predict
from quorate.predict.storage import storage_servers
from tests.unit.plan.builders import fleet, server, service


def shared(at: str) -> tuple[VolumeUse, ...]:
    return (VolumeUse(kind="shared", source="files", target="/files", server=at),)


def office() -> Fleet:
    servers = [server(name, role=Role.MANAGER) for name in "abc"] + [server("nas"), server("w")]
    return fleet(
        servers,
        [
            service("files", pins=("w", "c"), volumes=shared("nas")),
            service("web", pins=("a",), needs=("files",)),
            service("elsewhere", pins=("b",), volumes=shared("nas.example.com")),
            service("other", pins=("b",)),
        ],
    )


def lost(*servers: str) -> Failure:
    (failure,) = predict(office(), make_plan(office()), lost=[servers], courses=20).failures
    return failure


def fates(failure: Failure) -> dict[str, Fate]:
    return {fate.service: fate for fate in failure.fates}


def test_servers_are_known_by_name_and_by_address() -> None:
    made = office()
    assert storage_servers(made) == {"files": ("nas",)}
    addressed = [
        each.model_copy(update={"address": f"192.0.2.{number}"})
        for number, each in enumerate(made.servers)
    ]
    by_address = fleet(addressed, [service("x", volumes=shared("192.0.2.3"))])
    assert storage_servers(by_address) == {"x": ("nas",)}


def test_what_runs_elsewhere_cannot_answer_without_its_storage() -> None:
    found = fates(lost("nas"))
    assert set(found) == {"files", "web"}
    files = found["files"]
    assert (files.lost, files.stops, files.answers, files.storage) == (0, True, None, ("nas",))
    assert (found["web"].through, found["web"].answers) == (("files",), None)


def test_where_the_storage_is_there_it_moves_and_answers_with_its_data() -> None:
    home = make_plan(office()).services["files"].home
    assert home is not None
    files = fates(lost(home))["files"]
    assert files.answers is not None
    assert (files.storage, files.empty) == ((), ())


def test_moved_and_without_storage_it_does_not_answer() -> None:
    home = make_plan(office()).services["files"].home
    assert home is not None
    files = fates(lost(home, "nas"))["files"]
    assert (files.lost, files.answers, files.storage) == (1, None, ("nas",))
