"""Every metric that `quorate metrics` may give, and how rules name it. Values only.

All are gauges and carry the label `fleet` first. What could not be observed is left out, never
guessed: an absent sample means "not known". Names follow
https://prometheus.io/docs/practices/naming/: base units, seconds and bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

FLEET = "fleet"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value of a metric; `labels` in the metric's order, the fleet's name first."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A gauge; `labels` beside the fleet's name."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def sample(self, fleet: str, *labels: str, value: float) -> Sample:
        """A value of it. Raises ValueError for a label too many or too few."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, given were {labels}")
        return Sample(metric=self, labels=(fleet, *labels), value=float(value))


SERVICE = ("service", "swarm_service", "class")
"""A service's name in the fleet file, its name in the swarm, and its workload class."""

OBSERVATION_OK = Metric(
    name="quorate_observation_ok",
    help="1 when the last observation could ask the swarm, else 0.",
)
OBSERVED = Metric(
    name="quorate_observed_timestamp_seconds",
    help="When the last observation began, in Unix time.",
)
OBSERVATION_SECONDS = Metric(
    name="quorate_observation_duration_seconds",
    help="How long the last observation of the swarm took.",
)
QUORUM = Metric(
    name="quorate_quorum",
    help="1 when a manager with a leader answered, 0 when one answered that there is no leader "
    "and none that there is; absent when no manager could say.",
)
MANAGERS_ANSWERING = Metric(
    name="quorate_managers_answering",
    help="Managers of the fleet file whose engine answered Quorate itself, over ssh.",
)
MANAGERS = Metric(name="quorate_managers", help="Managers the swarm counts, dead ones too.")
MANAGERS_REACHABLE = Metric(
    name="quorate_managers_reachable", help="Managers that the leader reaches, itself one of them."
)
MANAGERS_NEEDED = Metric(
    name="quorate_managers_needed", help="Managers it takes for a quorum: more than half."
)
QUORUM_MARGIN = Metric(
    name="quorate_quorum_margin",
    help="How many of the reachable managers may still be lost before the quorum is.",
)
MANAGER_REACHABLE = Metric(
    name="quorate_manager_reachable",
    help="1 when the swarm's leader reaches this manager, else 0.",
    labels=("server",),
)
LEADER = Metric(
    name="quorate_leader", help="1 for the manager that leads, 0 for others.", labels=("server",)
)
NODE_UP = Metric(
    name="quorate_node_up",
    help="1 when the server is ready for the swarm, 0 when it is down, unknown or not in it.",
    labels=("server", "role"),
)
SERVER_ANSWERS = Metric(
    name="quorate_server_answers",
    help="1 when the server's engine answered Quorate itself, over ssh, else 0.",
    labels=("server",),
)
TASKS_WANTED = Metric(
    name="quorate_service_tasks_wanted", help="Tasks that should run.", labels=SERVICE
)
TASKS_RUNNING = Metric(
    name="quorate_service_tasks_running",
    help="Tasks that run, healthy where there is a check, on servers that are ready.",
    labels=SERVICE,
)
TASKS_PENDING = Metric(
    name="quorate_service_tasks_pending",
    help="Tasks that wait for a server to take them.",
    labels=SERVICE,
)
SERVICE_HEALTHY = Metric(
    name="quorate_service_healthy",
    help="1 when all its tasks run, or have ended as meant, else 0.",
    labels=SERVICE,
)
SERVICE_AWAY = Metric(
    name="quorate_service_away",
    help="1 when it runs elsewhere than where the last deployment put it, else 0; absent when "
    "that is not known.",
    labels=SERVICE,
)
DRIFT = Metric(
    name="quorate_settings_drift",
    help="1 when a setting of the swarm is not what the fleet file says, else 0.",
    labels=("setting",),
)
CERTIFICATE_START = Metric(
    name="quorate_certificate_start_timestamp_seconds",
    help="From when on the node's certificate is valid, in Unix time.",
    labels=("server",),
)
CERTIFICATE_EXPIRY = Metric(
    name="quorate_certificate_expiry_timestamp_seconds",
    help="Until when the node's certificate is valid, in Unix time.",
    labels=("server",),
)
DISK_FREE = Metric(
    name="quorate_disk_free_bytes",
    help="Free on the file system of the engine's data root, which holds a manager's raft log.",
    labels=("server",),
)
DISK_FREE_RATIO = Metric(
    name="quorate_disk_free_ratio", help="The same as a share of its size.", labels=("server",)
)
RAFT_BYTES = Metric(
    name="quorate_raft_bytes",
    help="What a manager's raft log and snapshots take on disk.",
    labels=("server",),
)
CLOCK_SKEW = Metric(
    name="quorate_clock_skew_seconds",
    help="How far the server's clock is ahead of the middle one of all; negative: behind.",
    labels=("server",),
)
CLOCK_ERROR = Metric(
    name="quorate_clock_skew_error_seconds",
    help="By how much that may be off: half of what the questions took.",
    labels=("server",),
)

METRICS = (
    *(OBSERVATION_OK, OBSERVED, OBSERVATION_SECONDS),
    *(QUORUM, MANAGERS_ANSWERING, MANAGERS, MANAGERS_REACHABLE, MANAGERS_NEEDED, QUORUM_MARGIN),
    *(MANAGER_REACHABLE, LEADER, NODE_UP, SERVER_ANSWERS),
    *(TASKS_WANTED, TASKS_RUNNING, TASKS_PENDING, SERVICE_HEALTHY, SERVICE_AWAY),
    *(DRIFT, CERTIFICATE_START, CERTIFICATE_EXPIRY, DISK_FREE, DISK_FREE_RATIO, RAFT_BYTES),
    *(CLOCK_SKEW, CLOCK_ERROR),
)
"""All of them, in the order in which they are shown."""
