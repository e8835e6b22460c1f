"""The class of a service, guessed from its image and name."""

from __future__ import annotations

import re

from quorate.fleet.families import family_of, is_runner, take_apart
from quorate.fleet.model import State

DEFAULT_CLASS = "production"

_MONITORING = frozenset(
    (
        "prometheus", "grafana", "loki", "promtail", "alloy", "alertmanager", "pushgateway",
        "node-exporter", "cadvisor", "uptime-kuma", "netdata", "telegraf", "zabbix-server",
        "tempo", "jaeger", "fluentd", "fluent-bit", "vector", "victoria-metrics",
        "zabbix-agent", "dozzle", "thanos", "mimir", "opentelemetry-collector", "statsd",
    )
)  # fmt: skip
_CI = frozenset(("jenkins", "drone", "woodpecker-server", "gitlab-ce", "gitlab-ee", "sonarqube"))
_DATA = frozenset(
    (
        "mongo", "mongodb", "elasticsearch", "opensearch", "clickhouse", "clickhouse-server",
        "cassandra", "couchdb", "influxdb", "neo4j", "cockroach", "etcd", "minio",
    )
)  # fmt: skip
_WORDS = {
    "staging": "staging", "stage": "staging", "stg": "staging", "uat": "staging",
    "preview": "staging", "qa": "staging", "dev": "development", "development": "development",
    "sandbox": "development", "demo": "development", "test": "development",
    "testing": "development",
}  # fmt: skip
_SPLIT = re.compile(r"[^a-z0-9]+")


def guess_class(stack: str, service: str, image: str, state: State) -> tuple[str, str]:
    """The class, and what it rests on; the default class with nothing to rest on is ("…", "")."""
    for where, name in (("stack", stack), ("service", service)):
        for word in _SPLIT.split(name.lower()):
            if word in _WORDS:
                return _WORDS[word], f"the {where}'s name says {word}"
    found = take_apart(image).name.lower()
    if is_runner(image) or found in _CI:
        return "ci", f"the image is {found}"
    if found in _MONITORING or found.endswith(("-exporter", "_exporter")):
        return "monitoring", f"the image is {found}"
    if state in (State.POSTGRES, State.MARIADB) or found in _DATA:
        return "data", f"the image is {family_of(image).name if state.keeps_data else found}"
    return DEFAULT_CLASS, ""
