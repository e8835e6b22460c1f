"""What is known about an image by its name: what it keeps, and what it uses.

The loads are rules of thumb for a small office, used only where the files say
nothing, and always listed as assumed.
"""

from __future__ import annotations

from typing import NamedTuple

from quorate.fleet.model import State

MIB = 2**20


class Family(NamedTuple):
    """An image family. Memory in bytes, CPU in threads, both in ordinary times."""

    name: str
    images: tuple[str, ...]
    memory: int
    cpu: float
    state: State | None = None


FAMILIES = (
    Family("GitLab", ("gitlab-ce", "gitlab-ee"), 4096 * MIB, 1.0, State.GITLAB),
    Family(
        "PostgreSQL",
        ("postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector", "spilo"),
        256 * MIB, 0.1, State.POSTGRES,
    ),
    Family("MariaDB or MySQL", ("mariadb", "mysql", "percona"), 384 * MIB, 0.1, State.MARIADB),
    Family("Redis", ("redis", "valkey", "keydb", "redis-stack"), 64 * MIB, 0.05, State.REDIS),
    Family("Keycloak", ("keycloak",), 768 * MIB, 0.2),
    Family("Elasticsearch", ("elasticsearch", "opensearch", "solr"), 1536 * MIB, 0.3),
    Family("Prometheus", ("prometheus",), 512 * MIB, 0.15),
    Family("Grafana", ("grafana",), 192 * MIB, 0.05),
    Family("Loki", ("loki",), 256 * MIB, 0.1),
    Family("a proxy", ("traefik", "nginx", "haproxy", "caddy", "envoy"), 96 * MIB, 0.1),
    Family("an exporter", ("node-exporter", "cadvisor", "promtail", "alloy"), 96 * MIB, 0.1),
    Family("a build runner", ("gitlab-runner", "act_runner", "actions-runner"), 256 * MIB, 0.1),
    Family("a queue", ("rabbitmq", "kafka", "nats"), 384 * MIB, 0.1),
    Family("MongoDB", ("mongo", "mongodb"), 512 * MIB, 0.1),
    Family("MinIO", ("minio",), 512 * MIB, 0.1),
)  # fmt: skip

DEFAULT = Family("a service", (), 128 * MIB, 0.05)

_BY_IMAGE = {image: family for family in FAMILIES for image in family.images}

RUNNERS = frozenset(
    (
        "gitlab-runner", "act_runner", "actions-runner", "github-runner", "woodpecker-agent",
        "drone-runner-docker", "jenkins-agent", "inbound-agent", "buildkit", "dind",
        "kaniko-project/executor", "agent-docker",
    )
)  # fmt: skip

REGISTRIES = frozenset(("registry", "distribution", "harbor-core", "zot", "gitea", "forgejo"))


class Image(NamedTuple):
    """An image reference taken apart; `registry` is None for Docker Hub."""

    registry: str | None
    path: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """The last part of the path: `postgres`."""
        return self.path.rsplit("/", 1)[-1]


def take_apart(reference: str) -> Image:
    """The parts of an image reference; any text gives something."""
    rest, _, digest = reference.partition("@")
    head, slash, tail = rest.partition("/")
    registry = None
    if slash and ("." in head or ":" in head or head == "localhost"):
        registry, rest = head, tail
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, ""
    return Image(registry, path, tag or None, digest or None)


def family_of(image: str) -> Family:
    """The family of an image; `DEFAULT` when it is not known."""
    return _BY_IMAGE.get(take_apart(image).name.lower(), DEFAULT)


def is_runner(image: str) -> bool:
    """Whether the image builds or runs other people's jobs."""
    found = take_apart(image)
    in_docker = found.name == "docker" and "dind" in (found.tag or "")
    two = "/".join(found.path.lower().split("/")[-2:])
    return found.name.lower() in RUNNERS or two in RUNNERS or in_docker
