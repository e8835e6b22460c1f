"""Names are asked by the first container that can, or beside one; what is printed, read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from requests import HTTPError

from quorate.observe.deep_ask import Asker, parse_answers
from quorate.observe.deep_names import questions
from tests.unit.observe.deep_made import DB, NET, SNAPSHOT, WEB, container, task

GETENT = """10.0.1.7        STREAM tasks.shop_web
10.0.1.7        DGRAM
10.0.1.8        STREAM
"""
NSLOOKUP = """Server:\t\t127.0.0.11
Address:\t127.0.0.11:53

Non-authoritative answer:
Name:\ttasks.shop_web
Address: 10.0.1.7
Name:\ttasks.shop_web
Address: 10.0.1.8
"""
OLD_NSLOOKUP = """Server:    127.0.0.11
Address 1: 127.0.0.11

Name:      tasks.shop_web
Address 1: 10.0.1.7 shop_web.1.abc.backend
Address 2: 10.0.1.8 shop_web.2.def.backend
"""
NOT_FOUND = """Server:\t\t127.0.0.11
Address:\t127.0.0.11:53

** server can't find tasks.shop_web: NXDOMAIN
"""


@pytest.mark.parametrize("said", [GETENT, NSLOOKUP, OLD_NSLOOKUP, "10.0.1.7\n10.0.1.8\n"])
def test_the_tools_say_the_same(said: str) -> None:
    assert parse_answers(f"? tasks.shop_web\n{said}.\n") == {
        "tasks.shop_web": ("10.0.1.7", "10.0.1.8")
    }


@pytest.mark.parametrize("said", ["", NOT_FOUND])
def test_a_name_that_is_not_found(said: str) -> None:
    assert parse_answers(f"? a\n{said}.\n? b\n10.0.1.9\n.\n") == {"a": (), "b": ("10.0.1.9",)}


def test_what_is_cut_short_is_no_answer() -> None:
    assert parse_answers("? a\n10.0.1.9\n.\n? b\n10.0.1.7\n") == {"a": ("10.0.1.9",)}


class Api:
    """An engine whose containers answer as they are told to; a number: no shell."""

    def __init__(self, answers: dict[str, bytes | int]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def exec_create(self, container: str, command: list[str], **named: Any) -> dict[str, str]:
        self.asked.append(container)
        if container not in self.answers:
            raise HTTPError("no such container")
        return {"Id": container}

    def exec_start(self, made: str) -> bytes:
        said = self.answers[made]
        return said if isinstance(said, bytes) else b"OCI runtime exec failed"


class Client:
    def __init__(self, answers: dict[str, bytes | int]) -> None:
        self.api = Api(answers)


ALL = "".join(
    f"? {name}\n10.0.1.9\n.\n"
    for name in ("tasks.shop_web", "shop_web", "tasks.shop_db", "shop_db")
).encode()


@pytest.mark.parametrize(
    ("answers", "asked", "words"),
    [
        ({"cw1": ALL}, ["cw1"], ""),
        ({"cw1": 127, "z": ALL}, ["cw1", "z"], ""),
        ({"z": ALL}, ["cw1", "z"], ""),
        ({"cw1": 9, "z": b""}, ["cw1", "z"], "no container there in backend has a shell"),
        ({"cw1": ALL[:40]}, ["cw1"], "3 names were not answered in time"),
    ],
    ids=["first", "no shell", "gone", "none can", "late"],
)
def test_the_first_container_that_can_is_asked(
    answers: dict[str, bytes | int], asked: list[str], words: str
) -> None:
    others = (
        container("cw1", "a", "w1", networks={NET: WEB[0]}),
        container("z", "a", "d1", networks={NET: DB}),
    )
    snapshot = replace(SNAPSHOT, containers=others)
    client = Client(answers)
    found, why = Asker("a", cast(Any, client), questions(snapshot)).go({NET: "backend"})
    assert client.api.asked == asked
    assert words in "; ".join(why) and bool(why) == bool(words)
    assert bool(found) == ("no container" not in words)


OTHER = "net-2"


class HelperApi(Api):
    """One that also runs containers beside others: `said` is what they print."""

    def __init__(self, answers: dict[str, bytes | int], said: bytes) -> None:
        super().__init__(answers)
        self.said = said
        self.host: dict[str, Any] = {}
        self.removed: list[dict[str, Any]] = []

    def create_host_config(self, **given: Any) -> dict[str, Any]:
        return given

    def create_container(self, image: str, command: list[str], **given: Any) -> dict[str, str]:
        self.host = {**given["host_config"], "image": image}
        return {"Id": "helper"}

    def start(self, container: str) -> None:
        if not self.said:
            raise HTTPError("it does not start")

    def wait(self, container: str, *, timeout: float) -> dict[str, int]:
        return {"StatusCode": 0}

    def logs(self, container: str, *, stdout: bool, stderr: bool) -> bytes:
        return self.said

    def remove_container(self, container: str, **given: Any) -> None:
        self.removed.append({"container": container, **given})


@pytest.mark.parametrize("said", [ALL, b""], ids=["answers", "does not start"])
def test_beside_a_container_without_a_shell(said: bytes) -> None:
    """From an image of the same server that could elsewhere; gone afterwards in any case."""
    tasks = (*SNAPSHOT.tasks, task("o1", "s-web", "a", "", addresses={OTHER: ("10.0.2.5",)}))
    networks = {**SNAPSHOT.networks, "side": {**SNAPSHOT.networks["backend"], "id": OTHER}}
    containers = (
        container("mute", "a", "o1", networks={OTHER: "10.0.2.5"}),
        container("cw1", "a", "w1", networks={NET: WEB[0]}, image="able:1"),
    )
    snapshot = replace(SNAPSHOT, tasks=tasks, networks=networks, containers=containers)
    client = Client({"cw1": ALL, "mute": 127})
    client.api = api = HelperApi({"cw1": ALL, "mute": 127}, said)
    asker = Asker("a", cast(Any, client), questions(snapshot))
    found, why = asker.go({NET: "backend", OTHER: "side"})
    assert (api.host["network_mode"], api.host["image"]) == ("container:mute", "able:1")
    assert api.removed == [{"container": "helper", "v": True, "force": True}]
    assert len(found) == (2 if said else 1)
    assert [words.startswith("no container there in side") for words in why] == [True][: not said]
