"""The comparison of wanted and live services, on values and on a recorded engine's answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy import live
from quorate.deploy.desired import desired_services
from quorate.deploy.diff import MASK, Changes, FieldChange, diff
from quorate.deploy.spec import Spec
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.stacks.render import render
from tests.unit.stacks.cases import CASES, rich

RECORDED = json.loads((CASES / "rich.live.json").read_text())


def snapshot() -> Snapshot:
    """What OBSERVE made of the recorded engine, plus a stranger's service."""
    services = [
        ObservedService(
            id=name,
            name=name,
            stack=spec["Labels"]["com.docker.stack.namespace"],
            labels=spec["Labels"],
            spec=spec,
        )
        for name, spec in RECORDED["services"].items()
    ]
    stranger = ObservedService(id="x", name="theirs_x", stack="theirs", spec={})
    return Snapshot(
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        services=(*services, stranger),
        networks=RECORDED["networks"],
    )


def running() -> dict[str, Spec]:
    return live.live_services(snapshot(), fleet="office", stacks=["shop", "tools"])


def wanted() -> dict[str, Spec]:
    return desired_services(render(*rich()))


def changes_of(change: Callable[[Spec], None], name: str = "shop_web") -> tuple[FieldChange, ...]:
    """The field changes after one edit of what is wanted."""
    desired = copy.deepcopy(wanted())
    change(desired[name])
    found = diff(desired, running())
    assert [service.name for service in found.changed] == [name]
    assert not found.added and not found.removed
    return found.changed[0].fields


def test_an_engine_reports_what_was_rendered() -> None:
    assert diff(wanted(), running()) == Changes()


def test_added_removed_and_strangers() -> None:
    desired, current = wanted(), running()
    del desired["shop_web"], current["tools_mailer"]
    found = diff(desired, current)
    assert found.added == ("tools_mailer",) and found.removed == ("shop_web",)
    assert "theirs_x" not in current
    assert found.touched == {"tools_mailer"}


def test_a_service_of_a_stack_no_longer_in_the_fleet_is_found_by_its_label() -> None:
    current = live.live_services(snapshot(), fleet="office", stacks=["tools"])
    assert "shop_web" in current
    assert "shop_web" not in live.live_services(snapshot(), fleet="other", stacks=["tools"])


@pytest.mark.parametrize("name", sorted(wanted()))
def test_equal_services_have_no_difference(name: str) -> None:
    spec = wanted()[name]
    assert not diff({name: spec}, {name: copy.deepcopy(spec)})


EDITS: dict[str, tuple[Callable[[Spec], None], str, bool]] = {
    "image": (lambda s: s.update(image="example/web:2"), "image", True),
    "environment": (lambda s: s["environment"].update(PLAIN="b"), "environment.PLAIN", True),
    "a new variable": (lambda s: s["environment"].update(NEW="b"), "environment.NEW", True),
    "service label": (lambda s: s["labels"].update(owner="me"), "labels.owner", False),
    "container label": (
        lambda s: s["container_labels"].update(tier="back"),
        "container_labels.tier",
        True,
    ),
    "replicas": (lambda s: s.update(replicas=3), "replicas", False),
    "constraints": (
        lambda s: s["placement"].update(constraints=["node.hostname==beta"]),
        "placement.constraints",
        False,
    ),
    "update": (
        lambda s: s["update_config"].update(order="stop-first"),
        "update_config.order",
        False,
    ),
    "restart policy": (
        lambda s: s["restart_policy"].update(delay=9.0),
        "restart_policy.delay",
        True,
    ),
    "reservation": (
        lambda s: s["resources"]["reservations"].update(memory=1),
        "resources.reservations.memory",
        True,
    ),
    "port": (lambda s: s.update(ports=[]), "ports", True),
    "network": (lambda s: s["networks"].update(extra={}), "networks.extra", True),
    "secret": (
        lambda s: s["secrets"]["smtp"].update(name="smtp_password-v2"),
        "secrets.smtp.name",
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_one_edit_shows_as_one_field(edit: str) -> None:
    change, path, restarts = EDITS[edit]
    (field,) = changes_of(change)
    assert (field.name, field.restarts, field.recreates) == (path, restarts, False)
    assert field.before != field.after


def test_a_change_of_mode_means_making_it_anew() -> None:
    (field,) = changes_of(lambda spec: spec.update(mode="global"))
    assert field.recreates


def test_a_digest_is_compared_only_where_one_is_wanted() -> None:
    name = "shop_web"
    base = wanted()[name]
    pinned = {name: {**base, "image": "example/web:1.4@sha256:aa"}}
    assert not diff({name: base}, pinned)
    assert diff(pinned, {name: base})
    assert diff({name: {**base, "image": "example/web:1.5"}}, pinned)


SECRETS: dict[str, Callable[[Spec], None]] = {
    "a variable": lambda s: s["environment"].update(DB_PASSWORD="hunter2"),
    "a url": lambda s: s["environment"].update(DB="postgres://me:hunter2@db/x"),
    "an option": lambda s: s.update(command=["redis-server", "--requirepass", "hunter2"]),
    "an option with =": lambda s: s.update(command=["serve", "--token=hunter2"]),
    "a shell line": lambda s: s.update(command=["sh", "-c", "run --password hunter2 now"]),
    "a label": lambda s: s["labels"].update({"traefik.basicauth.users": "hunter2"}),
    "a health check": lambda s: s["healthcheck"].update(test=["CMD", "redis-cli", "-a", "hunter2"]),
}  # fmt: skip


@pytest.mark.parametrize("where", SECRETS)
def test_nothing_secret_is_shown(where: str) -> None:
    fields = changes_of(SECRETS[where])
    assert "hunter2" not in json.dumps([[f.before, f.after] for f in fields])
    assert MASK in json.dumps([f.after for f in fields], ensure_ascii=False)


@pytest.mark.parametrize("name", ["PASSWORD_FILE", "POSTGRES_PASSWORD_FILE", "KEYBOARD", "AUTHOR"])
def test_what_is_no_secret_is_shown(name: str) -> None:
    (field,) = changes_of(lambda spec: spec["environment"].update({name: "/run/x"}))
    assert field.after == "/run/x"


def test_changes_are_json() -> None:
    desired = copy.deepcopy(wanted())
    desired["shop_web"]["image"] = "example/web:2"
    found = json.loads(json.dumps(diff(desired, running()).as_json()))
    assert found["changed"]["shop_web"] == {
        "restarts": True,
        "recreates": False,
        "fields": [
            {
                "path": ["image"],
                "before": "example/web:1.4",
                "after": "example/web:2",
                "restarts": True,
            }
        ],
    }


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    desired = copy.deepcopy(wanted())
    desired["shop_web"]["command"] = ["say", "open-sesame!"]
    found = diff(desired, running(), hidden=["sesame", ""])
    assert found.changed[0].fields[0].after == ["say", f"open-{MASK}!"]


@given(st.data())
def test_whatever_an_engine_leaves_out_is_no_error(data: st.DataObject) -> None:
    def thin(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fates = data.draw(st.lists(st.sampled_from("kkkkkn-"), min_size=len(value)))
        return {
            key: None if fate == "n" else thin(item)
            for (key, item), fate in zip(value.items(), fates, strict=False)
            if fate != "-"
        }

    spec = thin(RECORDED["services"]["shop_web"])
    assert set(live.normal(spec, {})) == set(live.normal({}, {}))
