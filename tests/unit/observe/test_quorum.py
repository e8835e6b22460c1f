"""A lost quorum is told apart from a manager that is silent, or in no swarm."""

from __future__ import annotations

from typing import Any, cast

import pytest

from quorate.errors import EngineError, NoQuorumError, QuorateError, UnreachableError
from quorate.observe import gather
from quorate.observe.connect import Connections, Manager, no_manager, require_working
from tests.fakes.fleets import make_server

LEADERLESS = "rpc error: code = Unknown desc = The swarm does not have a leader."
SILENT = UnreachableError("b does not answer ssh")
NO_QUORUM = NoQuorumError("the swarm has no quorum: a finds no leader")
NO_SWARM = EngineError("c is not in a swarm")


class Engine:
    """An engine that says this of its swarm."""

    def __init__(self, **swarm: Any) -> None:
        self.swarm = {"LocalNodeState": "active", "ControlAvailable": True, **swarm}

    @property
    def api(self) -> Engine:
        return self

    def info(self) -> dict[str, Any]:
        return {"Swarm": self.swarm}


@pytest.mark.parametrize(
    ("swarm", "raised"),
    [
        ({"Error": LEADERLESS}, NoQuorumError),
        ({"Cluster": None}, NoQuorumError),
        ({"Cluster": {"ID": "x"}, "Error": "certificate has expired"}, EngineError),
        ({"LocalNodeState": "inactive"}, EngineError),
        ({"ControlAvailable": False}, EngineError),
    ],
)
def test_what_a_manager_says(swarm: dict[str, Any], raised: type[QuorateError]) -> None:
    with pytest.raises(raised) as caught:
        require_working("a", cast("Any", Engine(**swarm)))
    assert type(caught.value) is raised


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        ((SILENT, NO_SWARM, NO_QUORUM), NoQuorumError),
        ((SILENT, NO_SWARM), EngineError),
        ((SILENT,), UnreachableError),
        ((), EngineError),
    ],
)
def test_of_all_reasons_a_lost_quorum_leads(
    reasons: tuple[QuorateError, ...], kind: type[QuorateError]
) -> None:
    error = no_manager({str(n): reason for n, reason in enumerate(reasons)})
    assert type(error) is kind


@pytest.mark.parametrize(
    ("said", "kind"), [(LEADERLESS, NoQuorumError), ("read timed out", EngineError)]
)
def test_a_leader_lost_while_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, said: str, kind: type[QuorateError]
) -> None:
    """It had one when it was chosen."""

    class Chosen:
        def manager(self) -> Manager:
            return Manager(server=make_server("a"), client=cast("Any", None))

    def observe(client: object) -> None:
        raise EngineError("the swarm cannot be observed", cause=said)

    monkeypatch.setattr(gather, "observe", observe)
    manager, snapshot, why = gather._swarm(cast("Connections", Chosen()))
    assert (manager, snapshot, type(why)) == (None, None, kind)


def test_a_manager_that_is_still_called_failed_and_answers_for_its_swarm_works() -> None:
    """26.1.5 goes on calling a node that which failed once, and came back by itself."""
    engine = Engine(LocalNodeState="error", Cluster={"ID": "x"}, Error="")
    require_working("a", cast("Any", engine))
    engine.swarm["Error"] = "its log is damaged"
    with pytest.raises(EngineError, match="not in a swarm"):
        require_working("a", cast("Any", engine))
