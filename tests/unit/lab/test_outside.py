"""The outside host: which repositories it serves, and how a lab's jobs find them there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quorate.errors import LabError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.lab import outside, up
from quorate.lab.state import Lab

FLEET = """\
version: 1
name: office
servers:
  alpha: {address: 192.0.2.1, role: manager, cpus: 2, memory: 4G}
  beta: {address: 192.0.2.2, role: worker, cpus: 2, memory: 4G}
stacks: {}
backup:
  repositories:
    near:
      local: {server: beta, path: /srv/copies}
      password: {file: password}
    inside:
      sftp: {host: 192.0.2.2, path: /srv/more}
      password: {file: password}
    far:
      sftp:
        {host: backups.example.net, port: 2222, user: ops, path: /backup/office,
         identity: {environment: NOWHERE_SSH_KEY}}
      offsite: true
      password: {file: password}
    bucket:
      s3:
        endpoint: https://s3.example.net
        bucket: copies
        prefix: office
        region: eu-1
        access_key: {environment: NOWHERE_ACCESS_KEY}
        secret_key: {command: [pass, s3]}
      offsite: true
      password: {file: password}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("secret\n")
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    return file


@pytest.fixture
def with_outside(path: Path, lab: Lab) -> Lab:
    host = outside.described(read_fleet(path), lab=lab.name, subnet=lab.subnet)
    assert host is not None
    return lab.model_copy(update={"outside": host})


def test_it_serves_what_lies_on_no_server_of_the_fleet(with_outside: Lab) -> None:
    host = with_outside.outside
    assert host is not None
    assert [(one.name, one.place) for one in host.repositories] == [
        ("far", "sftp"),
        ("bucket", "s3"),
    ]
    assert (host.node.server, host.node.address) == ("outside", "198.18.7.3")


def test_a_fleet_without_such_repositories_has_none(path: Path, lab: Lab) -> None:
    near = FLEET[: FLEET.index("    far:\n")]
    path.write_text(near + "  exclude: [system/alpha, system/beta]\n")
    fleet = read_fleet(path)
    assert outside.described(fleet, lab=lab.name, subnet=lab.subnet) is None
    assert outside.override(lab) == {}


def test_a_server_of_that_name_keeps_it(path: Path, lab: Lab) -> None:
    path.write_text(FLEET.replace("  alpha:", "  outside:"))
    host = outside.described(read_fleet(path), lab=lab.name, subnet=lab.subnet)
    assert host is not None and host.node.server == "outside-host"


def overridden(path: Path, lab: Lab) -> Fleet:
    """The fleet as commands with `--lab` read it."""
    lab.directory.mkdir(parents=True)
    servers = {"alpha": lab.nodes[0], "beta": lab.nodes[1]}
    nodes = tuple(node.model_copy(update={"server": server}) for server, node in servers.items())
    up.write_override(lab.model_copy(update={"nodes": nodes}))
    return read_fleet(path, override=lab.override)


def test_the_override_leads_there_with_the_labs_keys(path: Path, with_outside: Lab) -> None:
    fleet = overridden(path, with_outside)
    far, bucket = (fleet.backup.repository(name) for name in ("far", "bucket"))
    folder = with_outside.directory / "offsite"
    assert (far.address, far.port) == ("keeper@198.18.7.3:/backup/office", 22)
    assert {name: source.file for name, source in far.credentials.items()} == {
        "identity": folder / "id_ed25519",
        "known_hosts": folder / "known_hosts",
    }
    assert bucket.address == "https://198.18.7.3:8080/copies/office"
    assert bucket.region == "us-east-1"
    assert bucket.credentials["secret_key"].file == folder / "secret_key"
    assert bucket.credentials["ca"].file == folder / "ca.pem"
    assert far.offsite and bucket.offsite and far.server is None
    # What is said of the others stays.
    assert fleet.backup.repository("inside").credentials == {}
    assert fleet.backup.repository("far").password.file == path.parent / "password"


def test_a_persons_ssh_gets_there_through_the_labs_engine(with_outside: Lab, lab: Lab) -> None:
    text = outside.ssh_config(with_outside)
    assert text.startswith("Host 198.18.7.3\n")
    assert f'IdentityFile "{with_outside.directory}/offsite/id_ed25519"' in text
    assert f"exec -i quorate.{with_outside.name}.outside bash -c" in text
    with pytest.raises(ValueError, match="no outside host"):
        outside.ssh_config(lab)


def test_keys_are_made_once_and_those_of_jobs_are_not_the_hosts(with_outside: Lab) -> None:
    outside.ensure_store_keys(with_outside)
    folder = with_outside.directory / "offsite"
    first = (folder / "secret_key").read_text()
    outside.ensure_store_keys(with_outside)
    assert (folder / "secret_key").read_text() == first and len(first) == 40
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    given = (with_outside.directory / "nodes" / "outside" / "store-keys").read_text()
    assert first in given and not list((with_outside.directory / "nodes").rglob("id_ed25519"))


def test_faults_find_it_by_its_name(with_outside: Lab) -> None:
    assert with_outside.node("outside").container == "quorate.office.outside"
    with pytest.raises(LabError, match="no server nowhere") as caught:
        with_outside.node("nowhere")
    assert "outside" in str(caught.value.todo)


def test_its_container_is_no_node_and_publishes_nothing(with_outside: Lab) -> None:
    node = with_outside.node("outside")
    given = outside.create_arguments(
        node, lab="office", network="quorate.office", image="host:1", directory=Path("/s/n/outside")
    )
    assert given[-2:] == ["host:1", "/lab/entry"]
    assert not {"-p", "--publish", "--privileged"} & set(given)
    assert "quorate.office.outside:/srv" in given and "/s/n/outside:/lab:ro" in given
    other = outside.create_arguments(
        node, lab="office", network="quorate.office", image="host:2", directory=Path("/s/n/outside")
    )
    assert {word for word in given if "spec" in word} != {word for word in other if "spec" in word}


def test_an_old_state_file_has_no_outside_host(lab: Lab) -> None:
    said = json.loads(lab.model_dump_json())
    del said["outside"]
    assert Lab.model_validate(said).outside is None
