"""Metrics about `quorate serve` itself, beside those about backups. Values only."""

from __future__ import annotations

from quorate.alerts.metrics import Metric

ACTIVE = Metric(
    name="quorate_backup_controller_active",
    help="1 for the controller that decides, 0 for one that waits for another to end.",
)
ROUND_OK = Metric(
    name="quorate_backup_controller_round_ok",
    help="1 when the last round could ask the swarm, else 0.",
)
LAG = Metric(
    name="quorate_backup_agenda_lag_seconds",
    help="How late the latest of what is due and has not begun is.",
)
WAITING = Metric(
    name="quorate_backup_agenda_waiting", help="How many jobs are due and have not begun."
)
FAILING = Metric(
    name="quorate_backup_failing",
    help="1 for each task whose last run failed: the work, its source, its repository.",
    labels=("task",),
)
CHORE_OK = Metric(
    name="quorate_backup_chore_ok",
    help="1 when stale quiesces were looked for, leftovers removed, the heartbeat sent, else 0.",
    labels=("chore",),
)
NOTIFY_OK = Metric(
    name="quorate_backup_notify_ok",
    help="1 when the last message to an address was taken, else 0.",
    labels=("address",),
)

CONTROLLER_METRICS = (ACTIVE, ROUND_OK, LAG, WAITING, FAILING, CHORE_OK, NOTIFY_OK)
"""All of them, in the order in which they are shown."""
