"""What the history keeps: all that was deployed before, and what was adopted beside it."""

from __future__ import annotations

from quorate.deploy.record import RecordContent
from quorate.recover.adopt.noting import with_adopted


def content(*services: str, stack: str = "app", label: str = "a") -> RecordContent:
    document = {
        "version": "3.8",
        "services": {name: {"image": name} for name in services},
        "volumes": {f"v-{name}": {} for name in services},
    }
    return RecordContent(
        fleet="test",
        fleet_digest=label,
        stacks={stack: document},
        homes={name: ("one",) for name in services},
        labels={"one": {label: "yes"}},
        secrets={label: f"{label}-v1"},
        plan={"fleet_digest": label, "services": {name: {"id": name} for name in services}},
    )


def test_the_first_deployment_is_what_was_adopted() -> None:
    assert with_adopted(None, content("db")) == content("db")


def test_nothing_of_the_last_deployment_is_left_out() -> None:
    found = with_adopted(content("web", "db", label="a"), content("db", "cache", label="b"))
    document = found.stacks["app"]
    assert set(document["services"]) == {"web", "db", "cache"}
    assert set(document["volumes"]) == {"v-web", "v-db", "v-cache"}
    assert set(found.homes) == set(found.plan["services"]) == {"web", "db", "cache"}
    assert found.labels == {"one": {"a": "yes", "b": "yes"}}
    assert found.secrets == {"a": "a-v1", "b": "b-v1"}
    assert (found.fleet_digest, found.plan["fleet_digest"]) == ("b", "b")


def test_other_stacks_stay() -> None:
    found = with_adopted(content("x", stack="other"), content("db"))
    assert set(found.stacks) == {"other", "app"}
