"""The fleet file: every section, overrides, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.check import check
from quorate.fleet.model import Engine, Role
from quorate.fleet.read import read_fleet
from tests.unit.fleet.helpers import FLEET, checked, codes, errors, fleet_of, written

COMPOSE = {"compose.yaml": "services: {web: {image: 'x:1'}}\n"}
WHOLE = """\
version: 1
name: whole
servers:
  one:
    address: 192.0.2.1
    ssh: {user: ops, port: 2222, config: ssh_config}
    role: manager
    cpus: 8
    speed: 1.2
    memory: 31GiB
    disks: [{name: a, size: 500G, kind: nvme, mount: /}]
    labels: {ssd: true, rack: 1}
    zone: left
    power: strip
    uptime_days: 61
    reliability: 99.5%
    reserved: [{name: nfs, memory: 512M, cpus: 0.1, disk: 10G}]
stacks:
  app: {files: compose.yaml, class: data}
  mail: {files: [compose.yaml], engine: compose, server: one}
policy:
  survive: 0
  recovery_target: 1m30s
  headroom: {memory: 20%, cpu: 0.1}
  isolation: [{spiky: data, away_from: production}]
  production_classes: production
swarm:
  {heartbeat: 2s, restart_delay: 1.5s, task_history: 3, encrypt_networks: no, minimum_engine: 24.0}
secrets:
  a: {file: a.txt}
  b: {environment: B}
  c: {command: [pass, c]}
registries:
  registry.example.org: {user: me, password: {environment: PW}}
backup:
  timezone: Europe/Berlin
  repositories: {box: {sftp: {host: 198.51.100.9, path: /b}, password: {file: a.txt}}}
drills: {}
"""


def test_every_section_is_resolved(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, {"fleet.yaml": WHOLE, **COMPOSE, "a.txt": "x"})
    (one,) = fleet.servers
    assert (one.ssh.user, one.ssh.port, one.ssh.config) == ("ops", 2222, tmp_path / "ssh_config")
    assert (one.role, one.cpus, one.speed, one.memory) == (Role.MANAGER, 8.0, 1.2, 31 * 2**30)
    assert one.labels == {"ssd": "true", "rack": "1"}
    assert (one.disk, one.reserved_memory, one.reliability) == (500 * 2**30, 512 * 2**20, 0.995)
    assert (one.location.line, one.location.column) == (4, 3)
    app, mail = fleet.stacks
    assert (app.files, app.workload_class) == ((tmp_path / "compose.yaml",), "data")
    assert (mail.engine, mail.server) == (Engine.COMPOSE, "one")
    assert (fleet.policy.recovery_target, fleet.policy.headroom_memory) == (90.0, 0.2)
    assert fleet.policy.production_classes == ("production",)
    assert (fleet.swarm.heartbeat, fleet.swarm.minimum_engine) == (2.0, "24.0")
    assert fleet.swarm.restart_delay == 1.5
    assert fleet.secrets["a"].file == tmp_path / "a.txt"
    assert fleet.secrets["c"].command == ("pass", "c")
    assert fleet.registries[0].password.environment == "PW"
    assert fleet.backup.timezone == "Europe/Berlin"
    assert fleet.backup.repository("box").password.file == tmp_path / "a.txt"
    assert fleet.service("mail/web").pins == ("one",)


def test_an_override_is_merged_before_validation(tmp_path: Path) -> None:
    path = written(tmp_path, COMPOSE)
    override = tmp_path / "override.yaml"
    override.write_text("servers: {one: {address: 198.18.0.2, ssh: {config: lab_config}}}\n")
    plain_fleet, fleet = read_fleet(path), read_fleet(path, override=override)
    assert fleet.server("one").address == "198.18.0.2"
    assert fleet.server("one").memory == plain_fleet.server("one").memory
    assert fleet.server("two").address == "192.0.2.2"
    assert fleet.digest != plain_fleet.digest


def test_the_digest_follows_files_and_variables_not_the_place(tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {web: {image: 'x:${TAG:-1}'}}\n"}
    first = fleet_of(tmp_path / "a", files).digest
    assert len(first) == 64
    assert fleet_of(tmp_path / "b", files).digest == first
    assert fleet_of(tmp_path / "a", files, UNUSED="1").digest == first
    assert fleet_of(tmp_path / "a", files, TAG="2").digest != first
    (tmp_path / "b/.env").write_text("OTHER=1\n")
    assert fleet_of(tmp_path / "b", files).digest != first


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (FLEET.replace("memory: 8GiB", "memory: 0"), (6, "Q104"), "greater than 0"),
        (FLEET.replace(", memory: 8GiB", ""), (6, "Q104"), "missing"),
        (FLEET.replace("version: 1\n", ""), (1, "Q102"), "`version`"),
        (FLEET.replace("version: 1", "version: 2"), (1, "Q103"), "`2`"),
        (FLEET.replace("name: test", "name: My Fleet"), (2, "Q103"), "lower-case"),
        (FLEET.replace("name: test", "nmae: test"), (2, "Q101"), "did you mean `name`?"),
        (FLEET + "polcy: {}\n", (9, "Q101"), "did you mean `policy`?"),
        (FLEET + "policy: {survives: 1}\n", (9, "Q101"), "did you mean `survive`?"),
        (FLEET + "policy: 5\n", (9, "Q103"), "mapping"),
        (FLEET + "policy: {headroom: {ram: 1%}}\n", (9, "Q101"), "unknown key `ram`"),
        (FLEET.replace("role: manager", "role: worker"), (3, "Q107"), "role: manager"),
        ("version: 1\nname: x\nservers: {}\n", (3, "Q105"), "no servers"),
        (FLEET.replace("cpus: 4", "cpus: -4"), (6, "Q103"), "`-4`"),
        (FLEET.replace("[compose.yaml]", "[]"), (8, "Q103"), "files"),
        (FLEET + "registries: {r: {user: x}}\n", (9, "Q102"), "`password`"),
    ],
)
def test_mistakes_have_their_line_and_words(
    tmp_path: Path, text: str, place: tuple[int, str], words: str
) -> None:
    report = checked(tmp_path, {"fleet.yaml": text, **COMPOSE})
    assert report.fleet is None
    found = [p for p in report.problems if (p.location.line, p.code) == place]
    assert found, codes(report)
    assert any(words in problem.what for problem in found), [problem.what for problem in found]


def test_one_mistake_is_one_error(tmp_path: Path) -> None:
    text = FLEET.replace(", memory: 8GiB", "")
    assert errors(checked(tmp_path, {"fleet.yaml": text, **COMPOSE})) == [("fleet.yaml", 6, "Q104")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, "Q004")),
        ("- a\n", (1, "Q004")),
        ("just text\n", (1, "Q004")),
        ("a: [\n", (1, "Q002")),
    ],
)
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, place: tuple[int, str]) -> None:
    report = checked(tmp_path, {"fleet.yaml": text})
    assert [(line, code) for _, line, code in errors(report)] == [place]


def test_a_fleet_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = check(tmp_path / "fleet.yaml", environment={}).problems
    assert (problem.code, problem.location.line) == ("Q001", 1)
    (directory,) = check(tmp_path, environment={}).problems
    assert directory.code == "Q001"
