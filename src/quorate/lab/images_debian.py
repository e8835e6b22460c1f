"""Images that the lab makes of Debian's packages, and how each one is started. Pure.

All programs are in one image; what differs between `postgres` and `nginx` is
only what an image's configuration says: entry point, command, environment.
Entry points, ports, data paths and default commands are the upstream images'
own, so that a compose file written for those works.
"""

from __future__ import annotations

import re

from pydantic import Field

from quorate.fleet.model import Model
from quorate.lab.images_names import HUB, Reference

LIBRARY = "/usr/local/lib/quorate"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOSTS = frozenset((HUB, "quay.io", "ghcr.io", "gcr.io", "mirror.gcr.io", "public.ecr.aws"))
KEPT = frozenset(("/prometheus", "/alertmanager"))  # data directories that are volumes
POSTGRES_NEW_LAYOUT = 18  # from this major on the official image keeps data per version


class Program(Model):
    """How the services image is started in an upstream image's place.

    `name` is what Debian ships. `ports` are `5432/tcp`; `volumes` are paths.
    """

    name: str
    entry: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    directory: str = ""
    user: str = ""
    stop_signal: str = ""


def _flags(
    name: str, program: str, command: tuple[str, ...], port: int, data: str, default: str = ""
) -> Program:
    """Prometheus and its like: flags alone, run by nobody in the data directory.

    `default` is upstream's default of a flag that Debian gave another.
    """
    return Program(
        name=name,
        entry=(f"{LIBRARY}/flags-entry.sh", program),
        command=command,
        environment={"QUORATE_DEFAULTS": default} if default else {},
        ports=(f"{port}/tcp",),
        volumes=(data,) if data in KEPT else (),
        directory=data,
        user="nobody",
    )


def _program(name: str, program: str, command: tuple[str, ...], *ports: str) -> Program:
    return Program(
        name=name,
        entry=(f"{LIBRARY}/program-entry.sh",),
        command=command,
        environment={"QUORATE_PROGRAM": program},
        ports=ports,
    )


POSTGRES = Program(
    name="PostgreSQL 17",
    entry=(f"{LIBRARY}/postgres-entry.sh",),
    command=("postgres",),
    environment={"PGDATA": "/var/lib/postgresql/data", "LANG": "C.UTF-8"},
    ports=("5432/tcp",),
    volumes=("/var/lib/postgresql/data",),
    stop_signal="SIGINT",  # a fast shutdown; SIGTERM waits for every client to leave
)
MARIADB = Program(
    name="MariaDB 11.8",
    entry=(f"{LIBRARY}/mariadb-entry.sh",),
    command=("mariadbd",),
    environment={"LANG": "C.UTF-8"},
    ports=("3306/tcp",),
    volumes=("/var/lib/mysql",),
)
REDIS = Program(
    name="Redis 8.0",
    entry=(f"{LIBRARY}/redis-entry.sh",),
    command=("redis-server",),
    ports=("6379/tcp",),
    volumes=("/data",),
    directory="/data",
)
PROMETHEUS = _flags(
    "Prometheus 2.53",
    "prometheus",
    ("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
    9090,
    "/prometheus",
    "--storage.tsdb.path=data/",
)
ALERTMANAGER = _flags(
    "Alertmanager 0.28",
    "alertmanager",
    ("--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"),
    9093,
    "/alertmanager",
    "--storage.path=data/",
)
PUSHGATEWAY = _flags(
    "Pushgateway 1.11", "pushgateway", (), 9091, "/pushgateway", "--persistence.file="
)
NODE_EXPORTER = _flags(
    "node_exporter 1.9", "node_exporter", (), 9100, "/", "--collector.textfile.directory="
)
BLACKBOX_EXPORTER = _flags(
    "blackbox_exporter 0.26",
    "blackbox_exporter",
    ("--config.file=/etc/blackbox_exporter/config.yml",),
    9115,
    "/",
)
NGINX = Program(
    name="nginx 1.26",
    entry=(f"{LIBRARY}/nginx-entry.sh",),
    command=("nginx", "-g", "daemon off;"),
    ports=("80/tcp",),
    stop_signal="SIGQUIT",
)
HAPROXY = _program(
    "HAProxy 3.0", "haproxy", ("haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg")
)
CADDY = _program(
    "Caddy 2.6",
    "caddy",
    ("caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"),
    *("80/tcp", "443/tcp"),
)
MEMCACHED = _program(
    "memcached 1.6", "memcached -u memcached", ("-m", "64"), "11211/tcp"
).model_copy(update={"command": ()})
REGISTRY = _program(
    "docker-registry 2.8",
    "docker-registry serve /etc/docker/registry/config.yml",
    (),
    "5000/tcp",
).model_copy(update={"volumes": ("/var/lib/registry",)})
SHELL = Program(name="Debian trixie", command=("bash",))
PYTHON = Program(name="Python 3.13", command=("python3",))

PROGRAMS = {
    "library/postgres": POSTGRES,
    "library/mariadb": MARIADB,
    "library/mysql": MARIADB.model_copy(update={"name": "MariaDB 11.8 in place of MySQL"}),
    "library/redis": REDIS,
    "library/nginx": NGINX,
    "library/haproxy": HAPROXY,
    "library/caddy": CADDY,
    "library/memcached": MEMCACHED,
    "library/registry": REGISTRY,
    "distribution/distribution": REGISTRY,
    "prom/prometheus": PROMETHEUS,
    "prom/alertmanager": ALERTMANAGER,
    "prom/pushgateway": PUSHGATEWAY,
    "prom/node-exporter": NODE_EXPORTER,
    "prom/blackbox-exporter": BLACKBOX_EXPORTER,
    "library/debian": SHELL,
    "library/ubuntu": SHELL.model_copy(update={"name": "Debian trixie in place of Ubuntu"}),
    "library/bash": SHELL,
    "library/alpine": SHELL.model_copy(update={"name": "Debian trixie, without apk"}),
    "library/busybox": SHELL.model_copy(update={"name": "Debian trixie's tools"}),
    "library/python": PYTHON,
    "curlimages/curl": Program(name="curl of Debian", entry=("curl",)),
}


def program(reference: Reference) -> Program | None:
    """The Debian program for an image; None when there is none.

    Images of unknown registries are never taken for an upstream project's,
    whatever their name.
    """
    if reference.host not in HOSTS:
        return None
    path = reference.path
    path = re.sub(r"^docker/(?=library/)", "", path)
    path = re.sub(r"^prometheus/", "prom/", path)
    found = PROGRAMS.get(path)
    if found is POSTGRES and (_major(reference.tag) or 0) >= POSTGRES_NEW_LAYOUT:
        return found.model_copy(
            update={
                "environment": {
                    **found.environment,
                    "PGDATA": f"/var/lib/postgresql/{_major(reference.tag)}/docker",
                },
                "volumes": ("/var/lib/postgresql",),
            }
        )
    return found


def _major(tag: str) -> int | None:
    match = re.match(r"\d+", tag)
    return int(match[0]) if match else None
