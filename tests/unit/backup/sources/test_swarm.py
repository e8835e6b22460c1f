"""A swarm's state asked for, written down, and made anew; on a fake manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.backup.sources import base, copied, swarm
from quorate.backup.sources.swarm import Swarm
from quorate.errors import EngineError, MachineError
from tests.fakes.services import FakeAnswer
from tests.unit.backup.policy.test_swarm_state import ANSWERS

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


class FakeManager:
    """Answers what it is asked for, and remembers what it is to make."""

    base_url, api_version = "http+docker://fake", "1.44"

    def __init__(self, answers: dict[str, Any], *, refuses: str = "") -> None:
        self.answers, self.refuses = answers, refuses
        self.made: list[tuple[str, dict[str, Any]]] = []

    @property
    def api(self) -> FakeManager:
        return self

    def version(self) -> dict[str, str]:
        return {"Version": "28.0.1"}

    def inspect_swarm(self) -> Any:
        return self.answers["swarm"]

    def __getattr__(self, name: str) -> Any:
        if name in ("nodes", "services", "networks", "configs", "secrets"):
            return lambda: self.answers[name]
        raise AttributeError(name)

    def create_config(self, name: str, data: bytes, **more: Any) -> None:
        self.made.append(("config", {"Name": name, "Data": data, **more}))
        listed = {"ID": f"new-{name}", "Spec": {"Name": name}}
        self.answers = {**self.answers, "configs": [*self.answers["configs"], listed]}

    def post(self, url: str, json: dict[str, Any], timeout: float) -> FakeAnswer:
        kind = url.split("/")[-2]
        if json["Name"] == self.refuses:
            return FakeAnswer(500, "no subnet is free")
        self.made.append((kind, json))
        return FakeAnswer(201)


def client(fake: FakeManager) -> DockerClient:
    return cast("DockerClient", fake)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    made = Swarm(client=client(FakeManager(ANSWERS))).dump(tmp_path / "spool")
    assert made.version == "28.0.1"
    assert made.findings == ("the values of 1 secrets are not in it",)
    return tmp_path / "spool"


def empty(**there: Any) -> FakeManager:
    return FakeManager({**dict.fromkeys(ANSWERS, ()), **there})


def test_what_was_written_down_is_proven(spool: Path) -> None:
    source = Swarm(client=client(FakeManager(ANSWERS)))
    assert base.prove(source, spool) == ()
    assert (spool / copied.TREE / "restore.sh").read_text().startswith("#!/bin/sh\n")
    path = spool / copied.TREE / "services/shop_app.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(MachineError, match="is no JSON"):
        base.prove(source, spool)


def test_the_same_swarm_gives_the_same_parts(spool: Path, tmp_path: Path) -> None:
    again = Swarm(client=client(FakeManager(ANSWERS))).dump(tmp_path / "again")
    before = base.manifest(spool)
    files = {name: part for name, part in before.parts.items() if ":directory" not in part}
    assert {name: again.parts[name] for name in files} == files


def test_a_new_swarm_gets_what_it_lacks(spool: Path) -> None:
    new = empty(secrets=[{"ID": "s9", "Spec": {"Name": "shop_key"}}])
    done = swarm.restore(spool, client(new))
    assert done == ("network shop_back", "config shop_conf", "service shop_app")
    kinds = dict(new.made)
    assert kinds["networks"]["IPAM"] == {
        "Config": [{"Gateway": "10.9.0.1", "Subnet": "10.9.0.0/24"}]
    }
    assert kinds["networks"]["Options"] == {"encrypted": ""}
    container = kinds["services"]["TaskTemplate"]["ContainerSpec"]
    assert container["Secrets"][0]["SecretID"] == "s9"
    assert container["Configs"][0]["ConfigID"] == "new-shop_conf"


def test_what_is_there_stays(spool: Path) -> None:
    there = FakeManager(ANSWERS)
    assert swarm.restore(spool, client(there)) == () and there.made == []


def test_without_its_secrets_nothing_is_made(spool: Path) -> None:
    new = empty()
    with pytest.raises(MachineError, match="lacks 1 secrets: shop_key; nothing was made"):
        swarm.restore(spool, client(new))
    assert new.made == []


def test_a_refusal_is_told_in_the_engines_words(spool: Path) -> None:
    new = empty(secrets=ANSWERS["secrets"])
    new.refuses = "shop_back"
    with pytest.raises(EngineError, match="network shop_back could not be made") as caught:
        swarm.restore(spool, client(new))
    assert caught.value.cause == "no subnet is free"
