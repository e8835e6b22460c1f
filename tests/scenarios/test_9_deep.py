"""What a failure leaves behind, made by hand: found, and mended, on a real swarm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from quorate.lab import nodes
from quorate.observe.deep_names import TASK_LABEL
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

STRAY = "left-behind"
VERDICT = 4
SECONDS = 240.0


@pytest.fixture
def deployed(shop: Office) -> Iterator[Office]:
    """Everything at home; nothing of these tests is left, however they end."""
    steps.given_deployed(shop)
    yield shop
    on(shop, "four", "sh", "-c", f"docker rm -f {STRAY} > /dev/null 2>&1; true")
    on(shop, "one", "docker", "swarm", "update", "--dispatcher-heartbeat", "2s")


def on(office: Office, server: str, *argv: str) -> str:
    return nodes.execute(live.lab_of(office), server, *argv, timeout=120)


def deep(office: Office, *options: str, code: int = 0) -> dict[str, Any]:
    """What `status --deep` says; notes of former scenarios' overlaps left out."""
    said = office.json(
        "status", str(office.fleet), "--lab", "--deep", *options, code=code, timeout=SECONDS
    )
    said["findings"] = [f for f in said["findings"] if f["grade"] != "note"]
    assert isinstance(said, dict)
    return said


def test_a_swarm_that_is_well_has_no_finding(deployed: Office) -> None:
    assert deep(deployed)["findings"] == []


def test_a_container_that_nobody_owns_is_found_and_removed(deployed: Office) -> None:
    image = on(deployed, "four", "sh", "-c", "docker ps --format '{{.Image}}' | head -n 1").strip()
    on(
        *(deployed, "four", "docker", "run", "-d", "--name", STRAY, "--label"),
        *(f"{TASK_LABEL}=nonesuch", "--entrypoint", "sleep", image, "600"),
    )
    (found,) = deep(deployed, code=VERDICT)["findings"]
    assert (found["check"], found["where"]) == ("stray container", "four")
    assert STRAY in found["what"]

    after = deep(deployed, "--mend", "--yes")
    assert [item["check"] for item in after["mended"]] == ["stray container"]
    assert after["findings"] == []
    assert STRAY not in on(deployed, "four", "docker", "ps", "-a", "--format", "{{.Names}}")
    steps.then_all_at_home(deployed)


def test_a_heartbeat_that_drifted_is_found_and_set(deployed: Office) -> None:
    on(deployed, "one", "docker", "swarm", "update", "--dispatcher-heartbeat", "7s")
    (found,) = deep(deployed, code=VERDICT)["findings"]
    assert found["check"] == "settings drifted"
    assert "is 7 s, the fleet file says 2 s" in found["what"]
    assert deep(deployed, "--mend", "--yes")["findings"] == []
    said = on(deployed, "one", "docker", "info", "--format", "{{json .Swarm.Cluster.Spec}}")
    assert '"HeartbeatPeriod":2000000000' in said
    steps.then_no_lock_is_left(deployed)


def test_a_name_that_misses_a_task_is_found_and_mended(deployed: Office) -> None:
    """Of a service that stays on its server: others may cluster when restarted, another fault."""
    name = "docker ps -q --filter label=com.docker.swarm.service.name=data_files"
    on(deployed, "four", "sh", "-c", f"docker network disconnect -f backend $({name})")
    (found,) = deep(deployed, code=VERDICT)["findings"]
    assert (found["check"], found["subject"]) == ("name resolution", "data_files")
    assert "miss" in found["what"]
    assert deep(deployed, "--mend", "--yes")["findings"] == []


def test_without_an_answer_nothing_is_mended(deployed: Office) -> None:
    on(deployed, "one", "docker", "swarm", "update", "--dispatcher-heartbeat", "7s")
    said = deployed.json(
        "status", str(deployed.fleet), "--lab", "--deep", "--mend", code=8, timeout=SECONDS
    )
    assert said["error"] == "RefusedError"
    assert deep(deployed, code=VERDICT)["findings"][0]["check"] == "settings drifted"
