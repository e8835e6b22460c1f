"""Results of jobs in a real Pushgateway (Debian's prometheus-pushgateway)."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.alerts.backup_push import Ended, path, text
from quorate.backup.jobs.model import Mounted
from quorate.errors import MachineError, UnreachableError
from quorate.tools.http import Address, parse_address
from quorate.tools.pushgateway import push
from tests.integration.alerts.monitoring import pushgateway
from tests.integration.backup import ground, working
from tests.real_prometheus import free_port

GOOD = Ended(
    fleet="office", source="volume/wiki data", repository="nas", copy="original", code=0,
    taken=1.7e9, size=100, added=40, seconds=7.5, peak=2**20,
)  # fmt: skip
FAILED = Ended(
    fleet="office", source="volume/wiki data", repository="nas", copy="original", code=6, seconds=2
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with pushgateway(tmp_path_factory.mktemp("pushgateway")) as address:
        yield address


def told(address: Address, ended: Ended) -> None:
    push(address, path(ended), text(ended))


def groups(address: Address) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{address}/api/v1/metrics", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]
        return found


def value(group: dict[str, Any], name: str) -> float:
    return float(group[name]["metrics"][0]["value"])


def test_a_good_run_then_a_failed_one(gateway: Address) -> None:
    told(gateway, GOOD)
    (group,) = groups(gateway)
    assert group["labels"] == {
        "job": "quorate-backup",
        "fleet": "office",
        "source": "volume/wiki data",
        "repository": "nas",
        "copy": "original",
    }
    assert value(group, "backup_last_success_timestamp") == 1.7e9
    assert value(group, "backup_last_exit_code") == 0
    told(gateway, FAILED)
    (group,) = groups(gateway)
    assert value(group, "backup_last_exit_code") == 6
    assert value(group, "backup_last_success_timestamp") == 1.7e9  # the last good one's
    other = Ended(fleet="office", source="db", repository="nas", copy="original", code=0)
    told(gateway, other)
    assert len(groups(gateway)) == 2


def test_what_is_no_sample_is_refused_with_the_gateways_words(gateway: Address) -> None:
    with pytest.raises(MachineError, match="status 400") as caught:
        push(gateway, path(GOOD), "no sample at all\n")
    assert caught.value.cause


def test_nobody_there() -> None:
    nowhere = parse_address(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UnreachableError, match="does not answer"):
        told(nowhere, GOOD)


@pytest.mark.timeout(1800)
def test_a_job_tells_the_gateway_itself(gateway: Address, tmp_path: Path) -> None:
    """As its service runs it: nobody follows it."""
    near = working.at(ground.made(tmp_path, "near").place)
    volume = Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted", size=100_000)))
    told_of = {"volumes": (volume,), "push": str(gateway), "fleet": "pushing"}
    said = working.done(working.job("backup", near, **told_of), tmp_path / "spool")
    (group,) = [one for one in groups(gateway) if one["labels"]["fleet"] == "pushing"]
    assert group["labels"]["source"] == "volume/wiki" and group["labels"]["repository"] == "near"
    assert value(group, "backup_last_exit_code") == 0
    (copy,) = said.answer.copies
    assert value(group, "backup_last_success_timestamp") == copy.taken.timestamp()
    gone = volume.model_copy(update={"path": str(tmp_path / "gone")})
    failed = working.run(
        working.job("backup", near, **{**told_of, "volumes": (gone,), "run": "run-2"}),
        tmp_path / "spool",
    )
    assert failed.code != 0
    (group,) = [one for one in groups(gateway) if one["labels"]["fleet"] == "pushing"]
    assert value(group, "backup_last_exit_code") == failed.code
    assert value(group, "backup_last_success_timestamp") == copy.taken.timestamp()


@pytest.mark.timeout(1800)
def test_a_gateway_that_is_not_there_spoils_no_copy(tmp_path: Path) -> None:
    near = working.at(ground.made(tmp_path, "near").place)
    volume = Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted", size=100_000)))
    told_of = {"volumes": (volume,), "push": f"http://127.0.0.1:{free_port()}"}
    said = working.done(working.job("backup", near, **told_of), tmp_path / "spool")
    assert said.answer.copies[0].complete
    assert "not told to the Pushgateway" in said.log
