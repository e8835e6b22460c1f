"""A repository that is away, as an Alertmanager in the swarm hears of it, and of its return.

The controller, a Pushgateway, Prometheus and the Alertmanager are services of the fleet, with the
scrapes of the example office's own configuration and the rules as they are.
"""

from __future__ import annotations

import json
import shlex
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from quorate.backup.jobs.spec import LABEL, LABEL_STORE
from tests.scenarios import steps
from tests.scenarios.conftest import EXAMPLES
from tests.scenarios.test_9_backup import (
    COPIES,
    backup,
    given_a_repository,
    given_data,
    inside,
    labelled,
    on,
)
from tests.scenarios.test_9_controller import BY_ITSELF_SECONDS, OFF, within

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill
CONFIG = EXAMPLES / "office/config"
SCRAPES = ("backup-metrics", "quorate-controller")
WATCH = """\
x-service: &service
  networks: [watch]
  deploy:
    restart_policy: {condition: any, delay: 0s}
    resources:
      limits: {memory: 256M}
      reservations: {memory: 32M, cpus: "0.05"}

services:
  backup-metrics:
    <<: *service
    image: prom/pushgateway:v1.11.0
    healthcheck:
      test: ["CMD", "wget", "-q", "--spider", "http://localhost:9091/-/healthy"]
      interval: 2s
      timeout: 3s
      retries: 5
      start_period: 20s
  alertmanager:
    <<: *service
    image: prom/alertmanager:v0.28.1
    healthcheck:
      test: ["CMD", "wget", "-q", "--spider", "http://localhost:9093/-/healthy"]
      interval: 2s
      timeout: 3s
      retries: 5
      start_period: 20s
    command: [--config.file=/etc/alertmanager/alertmanager.yml, --storage.path=/alertmanager]
    configs: [{source: alertmanager, target: /etc/alertmanager/alertmanager.yml}]
  prometheus:
    <<: *service
    image: prom/prometheus:v2.53.4
    healthcheck:
      test: ["CMD", "wget", "-q", "--spider", "http://localhost:9090/-/healthy"]
      interval: 2s
      timeout: 3s
      retries: 5
      start_period: 20s
    command: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/prometheus]
    configs:
      - {source: prometheus, target: /etc/prometheus/prometheus.yml}
      - {source: rules, target: /etc/prometheus/quorate-rules.yml}

networks:
  watch: {}

configs:
  alertmanager: {file: ./alertmanager.yml}
  prometheus: {file: ./prometheus.yml}
  rules: {file: ./quorate-rules.yml}
"""
ON = """\
controller: {networks: [watch_watch]}
  pushgateway: http://watch_backup-metrics:9091
  sources:
    cache: {every: "* * * * *"}"""
STACK = "  watch: {files: [watch.yaml], class: monitoring}\n"
FIRES_SECONDS = 300.0 + 180.0
"""The rule waits for five minutes; before it the next run fails, within a minute or two."""
ENDS_SECONDS = 90.0


@pytest.fixture(scope="module")
def watched(vault: Office) -> Iterator[Office]:
    """The fleet with its controller, and all that watches it; without them at the end."""
    text = vault.fleet.read_text()
    assert OFF in text and "\npolicy:" in text
    given_data(vault)
    given_a_repository(vault)
    place = vault.fleet.parent
    made = text.replace(OFF, ON).replace("\npolicy:", f"{STACK}\npolicy:", 1)
    (place / "watch.yaml").write_text(WATCH)
    (place / "alertmanager.yml").write_text((CONFIG / "alertmanager.yml").read_text())
    (place / "prometheus.yml").write_text(json.dumps(like_the_offices()))
    (place / "quorate-rules.yml").write_text("groups: []\n")  # named by what is read below
    vault.fleet.write_text(made)
    vault.quorate("rules", str(vault.fleet), "-o", str(place / "quorate-rules.yml"))
    # Its images come into the lab's registry.
    vault.quorate("lab", "up", str(vault.fleet), timeout=900)
    try:
        said = steps.up(vault)
        assert "quorate-controller" in said, said
        yield vault
    finally:
        # The controller first: the stack whose network it is in cannot go while it is there.
        vault.fleet.write_text(made.replace(ON, OFF))
        steps.up(vault)
        vault.fleet.write_text(text)
        steps.up(vault)


def like_the_offices() -> dict[str, Any]:
    """The office's configuration, for what is here; it looks oftener."""
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    scrapes = [one for one in config["scrape_configs"] if one["job_name"] in SCRAPES]
    return {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": ["/etc/prometheus/quorate-rules.yml"],
        "alerting": config["alerting"],
        "scrape_configs": scrapes,
    }


def asked(office: Office, service: str, url: str) -> Any:
    return json.loads(inside(office, service, f"curl -sf {shlex.quote(f'http://127.0.0.1:{url}')}"))


def codes(office: Office, source: str) -> list[tuple[str, str, int]]:
    """Of the source's last runs as Prometheus has them: job, instance and exit code."""
    query = urllib.parse.quote(f'backup_last_exit_code{{source="{source}"}}')
    found = asked(office, "prometheus", f"9090/api/v1/query?query={query}")["data"]["result"]
    return sorted(
        (one["metric"].get("job", ""), one["metric"].get("instance", ""), int(one["value"][1]))
        for one in found
    )


def arrived(office: Office, alert: str) -> list[dict[str, str]]:
    """The labels of what goes on by the Alertmanager."""
    listed = asked(office, "alertmanager", "9093/api/v2/alerts")
    return [one["labels"] for one in listed if one["labels"]["alertname"] == alert]


@contextmanager
def away(office: Office) -> Iterator[None]:
    """During the block the repository's directory is elsewhere; it goes between two jobs.

    A job whose store goes away under it takes five minutes to give up.
    """
    within(BY_ITSELF_SECONDS, lambda: labelled(office, LABEL) == {})
    on(office, "three", "mv", COPIES, f"{COPIES}.away")
    # A store that runs goes on with the directory, wherever it is; the next one does not start.
    for store in labelled(office, LABEL_STORE):
        on(office, "three", "sh", "-c", f"docker service rm {store} || true")
    try:
        yield
    finally:
        on(office, "three", "mv", f"{COPIES}.away", COPIES)


def test_a_repository_that_is_away_arrives_and_its_return_too(watched: Office) -> None:
    fleet = next(
        line.removeprefix("name: ")
        for line in watched.fleet.read_text().splitlines()
        if line.startswith("name: ")
    )
    well = [("quorate-backup", "", 0), ("quorate-controller", "quorate-controller:9912", 0)]
    within(BY_ITSELF_SECONDS, lambda: codes(watched, "cache") == well)
    assert arrived(watched, "BackupFailed") == []
    with away(watched):
        began = time.monotonic()
        found = within(FIRES_SECONDS, lambda: arrived(watched, "BackupFailed"))
        print(f"BackupFailed has arrived {time.monotonic() - began:.0f} s after the loss")
        assert {
            **{"alertname": "BackupFailed", "severity": "warning", "fleet": fleet},
            **{"source": "cache", "repository": "near", "copy": "original"},
        } in found
        # The store did not start, so no job has begun that could have pushed it.
        assert (*well[1][:2], 6) in codes(watched, "cache")
    backup(watched, "run", "cache", code=None)  # beside the controller, which may be at it
    within(BY_ITSELF_SECONDS, lambda: codes(watched, "cache") == well)
    began = time.monotonic()
    within(ENDS_SECONDS, lambda: arrived(watched, "BackupFailed") == [])
    print(f"it has ended {time.monotonic() - began:.0f} s after a good run was seen")
    assert arrived(watched, "BackupRunnerDead") == []
