"""A fleet handed over to the controller: no source of a secret is outside, no value inside."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.bundle.archive import Sealed
from quorate.backup.jobs.repositories import reached
from quorate.backup.services.given import (
    bundle_secret,
    files_secret,
    fleet_secret,
    read_bundle,
    read_given,
    value_secrets,
)
from quorate.deploy.registries import credentials
from quorate.deploy.values import read_value
from quorate.errors import UsageError
from quorate.fleet.datasets import DataSet, data_sets
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from tests.unit.backup.jobs.made import COMPOSE, SECTION
from tests.unit.fleet.helpers import FLEET, fleet_of, written

MORE = """\
  notify: {to: {ops: {environment: OPS_URL}}}
  heartbeat: {command: [pass, show, beat]}
registries:
  registry.example.com:5000: {user: me, password: {environment: REGISTRY}}
"""
FILES = {"fleet.yaml": FLEET + SECTION + MORE, "compose.yaml": COMPOSE}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, FILES)


def without_place(one: DataSet) -> dict[str, Any]:
    return one.model_dump(exclude={"location"})


def given(fleet: Fleet, directory: Path, *, encrypt: bool = True) -> Fleet:
    """As the controller reads it there."""
    whole = fleet_secret(fleet, encrypt=encrypt)
    assert whole.value is not None
    (directory / whole.file).write_bytes(whole.value)
    return read_given(directory)[0]


def test_what_is_read_inside_is_the_same_fleet_but_for_where_secrets_come_from(
    fleet: Fleet, tmp_path: Path
) -> None:
    found = given(fleet, tmp_path)
    assert [one.name for one in found.servers] == ["one", "two", "three"]
    inside, outside = data_sets(found), data_sets(fleet)
    assert [str(one.location) for one in inside] != [str(one.location) for one in outside]
    assert [without_place(one) for one in inside] == [without_place(one) for one in outside]
    assert found.digest == fleet.digest
    assert found.backup.kinds == fleet.backup.kinds
    for one in value_secrets(found):
        assert one.source is not None
        assert one.source.file == Path("/run/secrets") / one.name
    plain = gzip.decompress(fleet_secret(fleet, encrypt=True).value or b"").decode()
    assert "OPS_URL" not in plain and "pass" not in json.loads(plain)["backup"]["heartbeat"]


def test_every_secret_of_backup_work_is_handed_over_under_the_name_that_jobs_know(
    fleet: Fleet,
) -> None:
    names = [one.name for one in value_secrets(fleet)]
    assert len(names) == len(set(names))
    for repository in fleet.backup.repositories:
        way = reached(repository, "three")
        assert {one.name for one in way.secrets if one.source is not None} <= set(names)
    assert {"quorate-backup-notify.ops", "quorate-backup-heartbeat"} <= set(names)
    assert "quorate-backup-registry.registry.example.com-5000" in names


def test_values_are_read_inside_as_ever(fleet: Fleet, tmp_path: Path) -> None:
    found = given(fleet, tmp_path)
    for one in value_secrets(found):
        (tmp_path / one.file).write_text(f"{one.name}'s\n")
    moved = found.model_copy(
        update={
            "registries": tuple(
                one.model_copy(
                    update={
                        "password": one.password.model_copy(
                            update={"file": tmp_path / Path(str(one.password.file)).name}
                        )
                    }
                )
                for one in found.registries
            )
        }
    )
    assert credentials(moved)["registry.example.com:5000"].password.endswith("5000's")
    source = found.backup.notify.to["ops"]
    inside = source.model_copy(update={"file": tmp_path / Path(str(source.file)).name})
    assert read_value("ops", inside, directory=Path("/")) == b"quorate-backup-notify.ops's\n"


def test_the_same_files_give_the_same_bytes_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = written(tmp_path / "here", FILES)
    there = written(tmp_path / "there", FILES)
    first = fleet_secret(read_fleet(here), encrypt=True).value
    assert fleet_secret(read_fleet(there), encrypt=True).value == first
    monkeypatch.chdir(here.parent)
    assert fleet_secret(read_fleet(Path("fleet.yaml")), encrypt=True).value == first
    monkeypatch.chdir(tmp_path)
    assert fleet_secret(read_fleet(Path("here/fleet.yaml")), encrypt=True).value == first
    there.write_text(there.read_text().replace("Europe/Berlin", "UTC"))
    assert fleet_secret(read_fleet(there), encrypt=True).value != first


def test_what_the_servers_cannot_do_is_not_asked_for(fleet: Fleet, tmp_path: Path) -> None:
    fleet = fleet.model_copy(
        update={"swarm": fleet.swarm.model_copy(update={"encrypt_networks": True})}
    )
    assert given(fleet, tmp_path).swarm.encrypt_networks
    assert not given(fleet, tmp_path, encrypt=False).swarm.encrypt_networks


def test_the_archive_comes_along_where_it_was_handed_over(fleet: Fleet, tmp_path: Path) -> None:
    given(fleet, tmp_path)
    assert read_given(tmp_path)[1] is None
    files = files_secret(b"archive")
    (tmp_path / files.file).write_bytes(b"archive")
    assert read_given(tmp_path)[1] == b"archive"


def test_the_bundle_comes_along_encrypted(tmp_path: Path) -> None:
    assert read_bundle(tmp_path) is None
    secret = bundle_secret(Sealed(data=b"sealed", same=b"mark"))
    assert secret.same == b"mark"
    (tmp_path / secret.file).write_bytes(secret.value or b"")
    assert read_bundle(tmp_path) == Sealed(data=b"sealed")


def test_nothing_or_another_version_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no deployed fleet"):
        read_given(tmp_path)
    path = tmp_path / "quorate-backup-fleet"
    path.write_bytes(os.urandom(8))
    with pytest.raises(UsageError, match="no deployed fleet"):
        read_given(tmp_path)
    path.write_bytes(gzip.compress(b'{"name": "x", "newer": 1}'))
    with pytest.raises(UsageError, match="cannot be read") as error:
        read_given(tmp_path)
    assert "another version" in str(error.value.cause)
