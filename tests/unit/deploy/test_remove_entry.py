"""A dead node's entry is removed, whether raft still counts it or not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quorate.deploy.swarm_setup import remove_entry
from quorate.errors import EngineError
from quorate.tools import docker


class Refusal(Exception):
    """What the fake engine raises: the SDK's own errors are not to be had without a socket."""


@pytest.fixture(autouse=True)
def refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "engine_errors", lambda: (Refusal,))


class FakeNodes:
    """A fake engine's calls on nodes: refuses to remove a member of raft, demotes nobody else."""

    def __init__(self, *, member: bool, refusal: str = "") -> None:
        self.member, self.refusal = member, refusal
        self.calls: list[str] = []

    def remove_node(self, identity: str, *, force: bool) -> None:
        self.calls.append("remove")
        if self.refusal or self.member:
            raise Refusal(self.refusal or "It must be demoted to worker before removal")

    def inspect_node(self, identity: str) -> dict[str, Any]:
        return {"Spec": {"Role": "manager"}, "Version": {"Index": 7}}

    def update_node(self, identity: str, version: int, spec: dict[str, Any]) -> None:
        assert self.member, "can't find manager in raft memberlist"
        self.calls.append(f"{spec['Role']} at {version}")
        self.member = False


@pytest.mark.parametrize(
    ("member", "calls"), [(False, ["remove"]), (True, ["remove", "worker at 7", "remove"])]
)
def test_only_a_member_of_raft_is_demoted_before(member: bool, calls: list[str]) -> None:
    api = FakeNodes(member=member)
    client: Any = SimpleNamespace(api=api)
    remove_entry(client, "id-one", "one")
    assert api.calls == calls


def test_another_refusal_is_told() -> None:
    client: Any = SimpleNamespace(api=FakeNodes(member=False, refusal="no leader"))
    with pytest.raises(EngineError, match="entry of one could not be removed"):
        remove_entry(client, "id-one", "one")
