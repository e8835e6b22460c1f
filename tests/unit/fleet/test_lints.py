"""Lints that depend on circumstances: when they speak, and when they are silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.codes import CODES
from tests.unit.fleet.helpers import FLEET, checked

SMALL = "resources: {reservations: {memory: 1M}}"
OK = "healthcheck: {test: [CMD, x]}"
PG = "{image: postgres:17, volumes: ['d:/d'], x-quorate: {pin: one}}"
NFS = "{image: postgres:17, volumes: ['n:/d'], x-quorate: {pin: two}}"
DD = "'d:/d'"
PART = "{type: volume, source: d, target: /d, volume: {subpath: %s}}"


def found(directory: Path, body: str, fleet: str = FLEET) -> set[str]:
    """The codes of warnings and errors on services written as `name: {…}` lines."""
    lines = "".join(f"  {line.strip()}\n" for line in body.strip().splitlines())
    text = f"services:\n{lines}volumes: {{d: {{}}, n: {{driver_opts: {{type: nfs}}}}}}\n"
    report = checked(directory, {"fleet.yaml": fleet, "compose.yaml": text})
    return {p.code for p in report.problems if p.severity != "note"} - {"Q506", "Q507"}


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        # data on local volumes
        ("a: {image: x:1, volumes: ['d:/d']}", {"Q501"}),
        ("a: {image: x:1, volumes: ['n:/d']}", set()),
        ("a: {image: x:1, volumes: ['d:/d'], x-quorate: {pin: one}}", set()),
        ("a: {image: x:1, volumes: ['d:/d'], x-quorate: {pin: [one, two]}}", set()),
        ("a: {image: x:1, volumes: ['d:/d'], x-quorate: {state: cache}}", set()),
        (
            "a: {image: x:1, volumes: ['d:/d'], deploy: {placement: {constraints: "
            "['node.labels.disk==fast']}}}",
            set(),
        ),
        ("a: {image: x:1, volumes: ['d:/d'], deploy: {mode: global}}", set()),
        # ports
        ("a: {image: x:1, ports: ['81:1']}\nb: {image: x:1, ports: ['81:2']}", {"Q504"}),
        ("a: {image: x:1, ports: ['81:1']}\nb: {image: x:1, ports: ['81:1/udp']}", set()),
        (
            "a: {image: x:1, ports: [{target: 1, published: 81, mode: host}]}\n"
            "b: {image: x:1, ports: ['81:1']}",
            {"Q504"},
        ),
        (
            "a: {image: x:1, ports: [{target: 1, published: 81, mode: host}]}\n"
            "b: {image: x:1, ports: [{target: 1, published: 81, mode: host}]}",
            set(),
        ),
        (
            "a: {image: x:1, x-quorate: {pin: one},"
            " ports: [{target: 1, published: 81, mode: host}]}\n"
            "b: {image: x:1, x-quorate: {pin: one},"
            " ports: [{target: 1, published: 81, mode: host}]}",
            {"Q504"},
        ),
        (
            "a: {image: x:1, x-quorate: {pin: one},"
            " ports: [{target: 1, published: 81, mode: host}]}\n"
            "b: {image: x:1, x-quorate: {pin: two},"
            " ports: [{target: 1, published: 81, mode: host}]}",
            set(),
        ),
        (
            "a: {image: x:1, deploy: {mode: global},"
            " ports: [{target: 1, published: 81, mode: host}]}\n"
            "b: {image: x:1, ports: [{target: 1, published: 81, mode: host}]}",
            {"Q504"},
        ),
        (
            "a: {image: x:1, deploy: {replicas: 4},"
            " ports: [{target: 1, published: 81, mode: host}]}",
            {"Q518"},
        ),
        ("a: {image: x:1, ports: [{target: 1, published: 443, mode: host}]}", {"Q505"}),
        ("a: {image: x:1, ports: ['443:1']}", set()),
        ("a: {image: x:1, ports: ['443:1'], x-quorate: {pin: one}}", {"Q505"}),
        ("a: {image: x:1, ports: ['2377:1']}", {"Q522"}),
        # restarts and jobs
        ("a: {image: x:1, deploy: {restart_policy: {condition: none}}}", {"Q502"}),
        ("a: {image: x:1, deploy: {restart_policy: {condition: any, max_attempts: 20}}}", set()),
        ("a: {image: x:1, deploy: {restart_policy: {max_attempts: 3}}}", {"Q503"}),
        ("a: {image: x:1, deploy: {restart_policy: {condition: maybe}}}", {"Q208"}),
        ("a: {image: x:1, deploy: {mode: global-job}}", {"Q508"}),
        # replicas
        (
            "a: {image: x:1, deploy: {replicas: 3, placement: {max_replicas_per_node: 1}}}",
            {"Q510"},
        ),
        ("a: {image: x:1, deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}}", set()),
        (
            "a: {image: x:1, deploy: {replicas: 4, placement: {max_replicas_per_node: 1}}}",
            {"Q518"},
        ),
        # images
        ("a: {image: x}", {"Q512"}),
        ("a: {image: 'x:latest'}", {"Q512"}),
        ("a: {image: 'registry.example.org:5000/x'}", {"Q512"}),
        (f"a: {{image: 'x@sha256:{'0' * 64}'}}", set()),
        ("a: {image: 'one:5000/x:1'}", {"Q511"}),
        ("a: {image: '192.0.2.1:5000/x:1'}", {"Q511"}),
        ("a: {image: 'registry.example.org/x:1'}", set()),
        (
            "a: {image: 'registry.example.org/x:1'}\n"
            "r: {image: 'registry:2', labels: ['t.rule=Host(`registry.example.org`)']}",
            {"Q511"},
        ),
        # builds
        ("a: {image: 'gitlab/gitlab-runner:v1'}\nb: {image: x:1}", set() | {"Q509"}),
        (
            "a: {image: 'gitlab/gitlab-runner:v1', x-quorate: {pin: two}}\n"
            "b: {image: x:1, x-quorate: {pin: one}}",
            set(),
        ),
        ("a: {image: 'docker:27-dind'}\nb: {image: x:1, x-quorate: {pin: one}}", {"Q509"}),
        # passwords
        ("a: {image: x:1, environment: {DB_PASSWORD: abc}}", {"Q513"}),
        ("a: {image: x:1, environment: ['API_TOKEN=abc']}", {"Q513"}),
        ("a: {image: x:1, environment: {DB_PASSWORD_FILE: /run/secrets/x}}", set()),
        ("a: {image: x:1, environment: {DB_PASSWORD: }}", set()),
        ("a: {image: x:1, environment: {PASSWORD_MIN_LENGTH: 12}}", set()),
        ("a: {image: x:1, environment: {TOKEN_EXPIRY: 3600s}}", set()),
        ("a: {image: x:1, environment: {DB: 'postgres://u:secret@db/x'}}", {"Q513"}),
        ("a: {image: x:1, environment: {DB: 'postgres://u@db/x'}}", set()),
        ("a: {image: x:1, environment: {DB_PASSWORD: 'abc=='}}", {"Q513"}),
        ("a: {image: x:1, environment: {DB_PASSWORD: '${SAID:-abc}'}}", {"Q513"}),
        # relations
        ("a: {image: x:1, x-quorate: {near: b}}\nb: {image: x:1, x-quorate: {apart: a}}", {"Q307"}),
        (
            "a: {image: x:1, x-quorate: {near: b, pin: one}}\n"
            "b: {image: x:1, x-quorate: {pin: two}}",
            {"Q307"},
        ),
        ("a: {image: x:1, x-quorate: {group: g}}", {"Q306"}),
        ("a: {image: x:1, x-quorate: {group: g}}\nb: {image: x:1, x-quorate: {group: g}}", set()),
        (
            "a: {image: x:1, x-quorate: {pin: one}, deploy: {placement: {constraints: "
            "['node.hostname==two']}}}",
            {"Q307"},
        ),
        # keys
        ("a: {image: x:1, depends_on: []}", set()),
        ("a: {image: x:1, privileged: false}", set()),
        ("a: {image: x:1, privileged: true}", {"Q401"}),
        ("a: {image: x:1, platform: linux/amd64}", {"Q402"}),
        ("a: {image: x:1, x-mine: 1, init: true, cap_add: [NET_ADMIN]}", set()),
        ("a: {image: x:1, networks: {default: {ipv4_address: 10.0.0.1}}}", {"Q401"}),
        ("a: {image: x:1, deploy: {replica: 1}}", {"Q207"}),
        ("a: {image: postgres:17}", {"Q520"}),
        # two databases on one volume
        (f"a: {PG}\nb: {PG}", {"Q523"}),
        (f"a: {PG}\nb: {PG.replace('one', 'two')}", set()),
        (f"a: {PG}\nb: {PG.replace('d:/d', 'd:/d:ro')}", set()),
        (f"a: {PG}\nb: {PG.replace('pin: one', 'pin: one, state: none')}", set()),
        (f"a: {PG}\nb: {PG.replace('d:/d', '/srv/d:/d')}", set()),
        (f"a: {PG.replace('d:/', '/srv/d:/')}\nb: {PG.replace('d:/', '/srv/x/../d:/')}", {"Q523"}),
        # In shared storage wherever they run.
        (f"a: {PG.replace('d:/d', 'n:/d')}\nb: {NFS}", {"Q523"}),
        (f"a: {NFS}", set()),
        (f"a: {{deploy: {{replicas: 2}}, {NFS[1:]}", {"Q523"}),
        (f"a: {{deploy: {{mode: global}}, {NFS.replace('two', '[one, two]')[1:]}", {"Q523"}),
        (f"a: {{deploy: {{replicas: 2}}, {PG[1:]}", {"Q519"}),
        (
            f"a: {PG.replace(DD, PART % 'x')}\nb: {PG.replace(DD, PART % 'y')}",
            set(),
        ),
        (f"a: {PG.replace(DD, PART % 'x')}\nb: {PG.replace(DD, PART % 'x')}", {"Q523"}),
        (f"a: {{deploy: {{update_config: {{order: start-first}}}}, {PG[1:]}", {"Q524"}),
        (f"a: {{deploy: {{update_config: {{order: stop-first}}}}, {PG[1:]}", set()),
    ],
)
def test_services(tmp_path: Path, body: str, codes: set[str]) -> None:
    assert found(tmp_path, body) == codes


@pytest.mark.parametrize(
    ("environment", "codes"),
    [
        ("{DB_PASSWORD: '${SAID}'}", set()),
        ("['DB_PASSWORD=${SAID:?}']", set()),
        ("{DB_PASSWORD: '${SAID:-abc}'}", set()),
        ("{DB_PASSWORD: 'abc${SAID}'}", {"Q513"}),
        ("{DB: 'postgres://u:${SAID}@db/x'}", set()),
        ("{DB: 'postgres://${SAID}:secret@db/x'}", {"Q513"}),
    ],
)
def test_what_a_variable_gives_is_not_in_clear(
    tmp_path: Path, environment: str, codes: set[str]
) -> None:
    (tmp_path / ".env").write_text("SAID=correct-horse\n")
    assert found(tmp_path, f"a: {{image: x:1, environment: {environment}}}") == codes


@pytest.mark.parametrize(
    ("managers", "survive", "codes"),
    [
        (3, 1, set()),
        (3, 2, {"Q117"}),
        (2, 0, {"Q108"}),
        (2, 1, {"Q108", "Q117"}),
        (1, 0, {"Q109"}),
        (0, 0, {"Q107"}),
    ],
)
def test_managers(tmp_path: Path, managers: int, survive: int, codes: set[str]) -> None:
    fleet = FLEET.replace("role: manager", "role: worker")
    fleet = fleet.replace("role: worker", "role: manager", managers)
    fleet += f"policy: {{survive: {survive}}}\n"
    assert found(tmp_path, "a: {image: x:1}", fleet) == codes


def test_isolation_answers_for_builds_that_may_move(tmp_path: Path) -> None:
    body = (
        "a: {image: 'gitlab/gitlab-runner:v1', x-quorate: {class: ci, load: {spiky: true}}}\n"
        "b: {image: x:1, x-quorate: {pin: one}}"
    )
    rule = "policy: {isolation: [{spiky: ci, away_from: production}]}\n"
    assert found(tmp_path, body) == {"Q509"}
    assert found(tmp_path, body, FLEET + rule) == set()


def test_a_compose_stack_may_use_what_swarm_cannot(tmp_path: Path) -> None:
    fleet = FLEET.replace("[compose.yaml]}", "[compose.yaml], engine: compose, server: one}")
    body = "a: {image: x, privileged: true, restart: always, build: ., volumes: ['d:/d']}"
    assert found(tmp_path, body, fleet) == set()


def test_a_key_is_reported_once_for_each_stack(tmp_path: Path) -> None:
    text = "services:\n" + "".join(
        f"  s{n}: {{image: x:1, container_name: s{n}}}\n" for n in range(12)
    )
    report = checked(tmp_path, {"compose.yaml": text})
    (problem,) = [problem for problem in report.problems if problem.code == "Q401"]
    assert problem.location.line == 2
    assert "s0:2, s1:3" in problem.what
    assert "and 4 more" in problem.what


def test_one_volume_under_two_names(tmp_path: Path) -> None:
    fleet = FLEET + "  web: {files: [web.yaml]}\n"
    body = f"services:\n  NAME: {PG}\nvolumes: {{d: {{name: rows}}}}\n"
    files = {"compose.yaml": body.replace("NAME", "a"), "web.yaml": body.replace("NAME", "b")}
    report = checked(tmp_path, {"fleet.yaml": fleet, **files})
    (problem,) = [problem for problem in report.problems if problem.code == "Q523"]
    assert problem.what == "`b` writes to the volume `d`, as `a` does"
    apart = {**files, "web.yaml": files["web.yaml"].replace("name: rows", "")}
    report = checked(tmp_path, {"fleet.yaml": fleet, **apart})
    assert not [problem for problem in report.problems if problem.code == "Q523"]


def test_every_code_has_its_texts() -> None:
    assert all(entry.title and entry.why and entry.todo for entry in CODES.values())
    assert list(CODES) == sorted(CODES)
