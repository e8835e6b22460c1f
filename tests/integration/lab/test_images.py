"""Every kind of image of the lab, pulled by its upstream name on a real node and run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from quorate.errors import LabError
from quorate.fleet.model import Fleet, Role, Server, Service
from quorate.lab import images, nodes, state, up
from quorate.lab.engine import LabEngine
from quorate.lab.registry import container_name, require_upstream
from quorate.lab.state import Lab
from quorate.tools import docker

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HEALTHY_SECONDS = 90.0
SERVER = "alpha"

HTTP = "curl -fsS -o /dev/null http://localhost:{}"
SPIDER = "wget -q --spider http://localhost:{}"
TCP = (
    'bash -c \'exec 3<>/dev/tcp/127.0.0.1/{0} && printf "GET /ready HTTP/1.0\\r\\n\\r\\n" >&3 '
    '&& grep -q "200 OK" <&3\''
)

# image, arguments of `docker run`, command, health check as in compose files
CASES: dict[str, tuple[str, list[str], list[str], str]] = {
    "postgres": (
        "postgres:16",
        ["-e", "POSTGRES_PASSWORD_FILE=/run/secret", "-e", "POSTGRES_USER=gibd",
         "-e", "POSTGRES_DB=gibd", "-v", "/run/secret:/run/secret:ro",
         "-v", "pgdata:/var/lib/postgresql/data"],
        [],
        "pg_isready -U gibd -d gibd",
    ),
    "mariadb": (
        "mariadb:10.11",
        ["-e", "MARIADB_ROOT_PASSWORD=r'o\\ot", "-e", "MYSQL_DATABASE=mail",
         "-e", "MYSQL_USER=mail", "-e", "MYSQL_PASSWORD=m"],
        [],
        "healthcheck.sh --connect --innodb_initialized",
    ),
    "redis": (
        "redis:7",
        [],
        ["redis-server", "--appendonly", "yes", "--requirepass", "abc"],
        "redis-cli -a abc ping | grep -q PONG",
    ),
    "memcached": ("memcached:1.6-alpine", [], [], "nc -z 127.0.0.1 11211"),
    "prometheus": (
        "prom/prometheus:v2.53.4",
        [],
        ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus",
         "--web.enable-lifecycle", "--a-flag-of-another-version=1"],
        SPIDER.format("9090/-/healthy"),
    ),
    "alertmanager": ("prom/alertmanager:v0.28.1", [], [], SPIDER.format("9093/-/healthy")),
    "pushgateway": ("prom/pushgateway:v1.11.0", [], [], SPIDER.format("9091/-/healthy")),
    "node-exporter": (
        "quay.io/prometheus/node-exporter:v1.9.0",
        ["-v", "/:/host:ro,rslave"],
        ["--path.rootfs=/host"],
        SPIDER.format("9100/metrics"),
    ),
    "blackbox": ("prom/blackbox-exporter", [], [], HTTP.format("9115/")),
    "nginx": ("nginx:1.27-alpine", [], [], HTTP.format("80/")),
    "haproxy": ("haproxy:3", [], [], HTTP.format("80/")),
    "caddy": ("caddy:2", [], [], HTTP.format("80/")),
    "registry": ("registry:2", [], [], HTTP.format("5000/v2/")),
    "debian": ("debian:12", [], ["sleep", "600"], "true"),
    "spring": ("hub.example.com/office/api:1", [], [], HTTP.format("8080/actuator/health")),
    "keycloak": ("quay.io/keycloak/keycloak:26.1", [], ["start"], TCP.format(9000)),
    "gitlab": (
        "gitlab/gitlab-ce:18.4.1-ce.0", [], [], "/opt/gitlab/bin/gitlab-healthcheck --fail"
    ),
    "traefik": ("traefik:v3.3", [], ["--ping=true"], "traefik healthcheck --ping"),
    "grafana": ("grafana/grafana:11.5.2", [], [], SPIDER.format("3000/api/health")),
    "postfix": ("ghcr.io/mailcow/postfix:1.80", [], [], "nc -z localhost 25"),
    "tls": (
        "portainer/portainer-ce:2", [], [], "curl -kfsS https://localhost:9443/ | grep stand-in"
    ),
    "user": (
        "hub.example.com/office/api:1", ["--user", "1000", "--read-only"], [], HTTP.format(8080)
    ),
}  # fmt: skip


def service(name: str, image: str, check: str) -> Service:
    raw = {"image": image, "healthcheck": {"test": ["CMD-SHELL", check]}}
    return Service(id=name, name=name, stack="app", image=image, raw=raw)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """One server and one service per case."""
    return Fleet(
        name=f"images {os.getpid()}",
        path=tmp_path_factory.mktemp("images") / "fleet.yaml",
        servers=(
            Server(name=SERVER, address="192.0.2.1", role=Role.MANAGER, cpus=2, memory=4 * 1024**3),
        ),
        stacks=(),
        services=tuple(service(name, case[0], case[3]) for name, case in CASES.items()),
        files=(),
    )


@pytest.fixture(scope="module")
def lab(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in which every case has been started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            found = up.bring_up(fleet)
            nodes.execute(found, SERVER, "/bin/sh", "-c", "echo geheim > /run/secret")
            for name, (image, arguments, command, check) in CASES.items():
                health = ("--health-cmd", check, "--health-interval", "1s", "--health-retries", "3")
                patience = ("--health-start-period", "60s")
                inside(
                    found,
                    *("run", "-d", "--name", name, *health, *patience, *arguments, image, *command),
                )
            yield found
        finally:
            for left in state.every():
                up.take_down(left)


def inside(lab: Lab, *arguments: str) -> str:
    """What `docker …` prints on the node."""
    try:
        return nodes.execute(lab, SERVER, "docker", *arguments, timeout=120)
    except LabError as error:
        pytest.fail("\n".join(error.lines()))


def look(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(inside(lab, "inspect", name))[0]
    return found


def wait_healthy(lab: Lab, name: str) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        condition = look(lab, name)["State"]
        if condition["Running"] and condition["Health"]["Status"] == "healthy":
            return
        if time.monotonic() > deadline or not condition["Running"]:
            said = nodes.execute(lab, SERVER, "/bin/sh", "-c", f"docker logs --tail 8 {name} 2>&1")
            pytest.fail(
                f"{name} is {condition['Status']}: {condition['Health']['Log'][-1:]}\n{said}"
            )
        time.sleep(0.3)


@pytest.mark.parametrize("name", CASES)
def test_it_starts_and_its_health_check_passes(lab: Lab, name: str) -> None:
    wait_healthy(lab, name)


def test_every_image_says_what_it_is(lab: Lab, fleet: Fleet) -> None:
    for name, (image, *_) in CASES.items():
        labels = look(lab, name)["Config"]["Labels"]
        stands_in = lab.images[image].kind == "stand-in"
        assert (images.LABEL_STAND_IN in labels) == stands_in, image


def test_a_row_is_there_after_a_restart_and_in_a_new_container(lab: Lab) -> None:
    def sql(container: str, text: str) -> str:
        return inside(lab, "exec", container, "psql", "-qAt", "-U", "gibd", "-c", text).strip()

    wait_healthy(lab, "postgres")
    sql("postgres", "CREATE TABLE kept AS SELECT 42 AS answer")
    inside(lab, "restart", "postgres")
    wait_healthy(lab, "postgres")
    assert sql("postgres", "SELECT answer FROM kept") == "42"
    inside(lab, "rm", "-f", "postgres")
    image, arguments, command, check = CASES["postgres"]
    inside(lab, "run", "-d", "--name", "postgres", "--health-cmd", check, "--health-interval", "1s",
           *arguments, image, *command)  # fmt: skip
    wait_healthy(lab, "postgres")
    assert sql("postgres", "SELECT answer FROM kept") == "42"
    said = inside(
        lab, "exec", "-e", "PGPASSWORD=geheim", "postgres", "sh", "-c",
        "psql -qAt -h $(hostname -i) -U gibd -c 'SELECT 1'",
    )  # fmt: skip
    assert said.strip() == "1"


def test_digests_resolve_through_the_registry(lab: Lab) -> None:
    for image in ("postgres:16", "quay.io/keycloak/keycloak:26.1", "traefik:v3.3"):
        path = f"http://engine/distribution/{image}/json"
        said = nodes.execute(lab, SERVER, "curl", "-sS", "--unix-socket", "/run/docker.sock", path)
        digest = json.loads(said)["Descriptor"]["digest"]
        name = image.partition(":")[0]
        inside(lab, "pull", "-q", f"{name}@{digest}")


def test_stand_ins_stop_at_once_and_are_small(lab: Lab) -> None:
    wait_healthy(lab, "spring")
    status = inside(lab, "exec", "spring", "cat", "/proc/1/status")
    resident = int(status.partition("VmRSS:")[2].split()[0])
    assert resident <= 12 * 1024, f"{resident} KiB"
    started = time.monotonic()
    inside(lab, "stop", "spring")
    assert time.monotonic() - started < 5
    assert look(lab, "spring")["State"]["ExitCode"] == 0


@pytest.mark.parametrize(("tag", "running"), [("broken", False), ("unhealthy", True)])
def test_bad_versions_of_a_stand_in(lab: Lab, tag: str, running: bool) -> None:
    image = f"hub.example.com/office/api:{tag}"
    check = HTTP.format("8080/actuator/health")
    health = ("--health-cmd", check, "--health-interval", "1s", "--health-retries", "2")
    inside(lab, "run", "-d", "--name", tag, *health, image)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        condition = look(lab, tag)["State"]
        if condition["Status"] == "exited" or condition["Health"]["Status"] == "unhealthy":
            break
        time.sleep(0.3)
    assert condition["Running"] == running
    assert condition["ExitCode"] == (0 if running else 1)


def test_the_probe_fails_when_a_port_is_silent(lab: Lab) -> None:
    wait_healthy(lab, "gitlab")
    said = inside(
        lab, "exec", "-e", "STANDIN_PORTS=81", "gitlab", "sh", "-c",
        "/opt/gitlab/bin/gitlab-healthcheck || echo failed",
    )  # fmt: skip
    assert "failed" in said


def test_bringing_it_up_again_changes_nothing(lab: Lab, fleet: Fleet) -> None:
    def started() -> str:
        form = "{{.State.StartedAt}}"
        name = container_name(lab)
        return docker.cli(lab.engine_socket, "inspect", "--format", form, name).stdout

    before = started()
    assert up.bring_up(fleet).registry == lab.registry
    assert started() == before


def test_upstream_images_need_a_registry_that_answers(lab: Lab) -> None:
    nowhere = Fleet(
        name="nowhere", path=lab.fleet_path, servers=(), stacks=(), files=(),
        services=(service("a", "127.0.0.1:1/nothing:1", "true"),),
    )  # fmt: skip
    engine = LabEngine(socket=lab.engine_socket, own=False, version="", cgroup_version=1)
    with pytest.raises(LabError, match="no registry gives"):
        require_upstream(engine, nowhere)
