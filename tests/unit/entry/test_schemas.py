"""What the verbs that change something print fits the schemas that are published."""

from __future__ import annotations

import json

import jsonschema
import pytest

from quorate.deploy.diff import Changes, FieldChange, ServiceChange
from quorate.deploy.failures import Failure
from quorate.deploy.labels import LabelChange
from quorate.deploy.prepare import Foreseen
from quorate.deploy.preview import Preview
from quorate.deploy.record import RecordEntry
from quorate.deploy.run import UpResult
from quorate.entry.schemas import schema
from quorate.losing import Loss
from quorate.plan.model import Placement, Plan
from quorate.stacks.model import Rendered

CHANGES = Changes(
    added=("web_front",),
    removed=("web_old",),
    changed=(
        ServiceChange(
            name="web_back",
            fields=(FieldChange(path=("image",), before="a:1", after="a:2", restarts=True),),
        ),
    ),
)


@pytest.fixture
def result() -> UpResult:
    """An `up` in which something of every kind happened."""
    front = Placement(
        id="front", stack="web", name="front", home="a", homes=("a",), pool=("a", "b")
    )
    plan = Plan(
        fleet="f", fleet_digest="d", made_at="", status="optimal", objective=1, bound=1,
        services={"front": front}, servers={},
    )  # fmt: skip
    foreseen = Foreseen(
        rendered=Rendered(stacks=()),
        secrets={},
        configs={},
        images={},
        networks=("shared",),
        labels=(LabelChange(server="a", node_id="1", put={"disk": "ssd"}, drop=("old",)),),
    )
    failure = Failure(swarm_name="web_front", why="exit 1", log=("bad",), todo="mend it")
    return UpResult(
        outcome="failed",
        preview=Preview(plan=plan, foreseen=foreseen, steps=("join b",), changes=CHANGES, moves={}),
        record=3,
        failures=(failure,),
        away={"web_front": ("b",)},
        where={"web_front": ("b",)},
        seconds=1.26,
    )


@pytest.mark.parametrize("verb", ["up", "rollback"])
def test_up_and_rollback(verb: str, result: UpResult) -> None:
    printed = json.loads(json.dumps(result.as_json()))
    jsonschema.validate(printed, schema(verb))
    jsonschema.validate(printed["preview"]["changes"], schema("diff"))
    del printed["failures"][0]["why"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(printed, schema(verb))


def test_history() -> None:
    entry = RecordEntry(number=1, fleet="f", time="t", who="me", outcome="healthy")
    printed = {"deployments": [entry.model_dump(mode="json")]}
    jsonschema.validate(printed, schema("history"))


def test_a_measured_loss() -> None:
    loss = Loss(
        server="a", leader=True, noticed=None, recovered={"x": 2.5}, missing=("y",), stayed=(),
        target=2.0, late=("x",),
    )  # fmt: skip
    jsonschema.validate(json.loads(json.dumps(loss.as_json())), schema("lab-power-off"))
