"""Every metric about backups: what the controller shows, and what a job pushes. Values only.

The first two names are the source document's ("Backup Monitoring"); their labels are ours. As
with `quorate.alerts.metrics` all are gauges, carry the label `fleet` first, and are left out where
nothing is known.
"""

from __future__ import annotations

from quorate.alerts.metrics import Metric

ORIGINAL, COPIED = "original", "copied"
"""Values of the label `copy`: made from the data itself, or copied from another repository."""

QUESTIONS = ("backed_up", "offsite", "proven")
"""Values of the label `question`: the columns of the coverage grid."""

STATES = ("ok", "excluded", "waiting", "late", "never", "failed", "nowhere")
"""The words of `quorate.backup.policy.coverage.State`; a sample's value is the place in here."""

COPY = ("source", "repository", "copy")
"""A source's id, the repository's name, and whether it is made or copied there."""

LAST_SUCCESS = Metric(
    name="backup_last_success_timestamp",
    help="From when the state is that the newest complete copy holds, in Unix time.",
    labels=COPY,
)
LAST_EXIT_CODE = Metric(
    name="backup_last_exit_code",
    help="How the last run ended: 0, or the exit code of what went wrong.",
    labels=COPY,
)
STATE = Metric(
    name="quorate_backup_state",
    help="Of one question about a source, as a number: 0 ok, 1 excluded, 2 waiting, 3 late, "
    "4 never, 5 failed, 6 nowhere to go.",
    labels=("source", "kind", "question"),
)
COPIES = Metric(
    name="quorate_backup_copies",
    help="Complete copies that are there; 0 where there should be some and are none.",
    labels=COPY,
)
SIZE = Metric(
    name="quorate_backup_size_bytes",
    help="What the newest complete copy holds, before compression.",
    labels=COPY,
)
USUAL_SIZE = Metric(
    name="quorate_backup_usual_size_bytes",
    help="What copies before it hold, by their median; absent when there are none.",
    labels=COPY,
)
ADDED = Metric(
    name="quorate_backup_added_bytes",
    help="What the newest complete copy cost the repository.",
    labels=COPY,
)
DURATION = Metric(
    name="quorate_backup_duration_seconds", help="How long the last run took.", labels=COPY
)
PEAK_MEMORY = Metric(
    name="quorate_backup_peak_memory_bytes",
    help="What the last run took of memory at most, its programs included.",
    labels=COPY,
)
RUNNING = Metric(
    name="quorate_backup_running",
    help="1 while a run is going on that is not past its deadline, else 0.",
    labels=("source",),
)
NEXT_RUN = Metric(
    name="quorate_backup_next_run_timestamp_seconds",
    help="When it is to be backed up next, in Unix time.",
    labels=("source",),
)
PROVEN_COPY = Metric(
    name="quorate_backup_proven_copy_timestamp_seconds",
    help="From when the state is that the newest proven copy holds, in Unix time.",
    labels=COPY,
)
LAST_PROOF = Metric(
    name="quorate_backup_last_proof_timestamp_seconds",
    help="When a copy was last restored and compared, whatever came of it, in Unix time.",
    labels=COPY,
)
PROOF_OK = Metric(
    name="quorate_backup_proof_ok",
    help="1 when the last copy that was restored was the same as its source had been, else 0.",
    labels=COPY,
)
RPO = Metric(
    name="quorate_backup_rpo_seconds",
    help="The longest time between two copies, or since the last one: what a loss would have cost.",
    labels=("source",),
)
RTO = Metric(
    name="quorate_backup_rto_seconds",
    help="How long the last restore that held took.",
    labels=("source",),
)
RTO_TARGET = Metric(
    name="quorate_backup_rto_target_seconds",
    help="How long a restore may take (`restore_within`).",
    labels=("source",),
)
RPO_TARGET = Metric(
    name="quorate_backup_rpo_target_seconds",
    help="How much work a recovery may lose (`lose_at_most`), where the fleet file says.",
    labels=("source",),
)
REHEARSED = Metric(
    name="quorate_backup_rehearsed_timestamp_seconds",
    help="When its recovery was last rehearsed and went well, in Unix time; 0: it never was.",
    labels=("source",),
)
REHEARSAL_OK = Metric(
    name="quorate_backup_rehearsal_ok",
    help="1 when the last rehearsal of its recovery went well, else 0.",
    labels=("source",),
)
REHEARSAL_RTO = Metric(
    name="quorate_backup_rehearsal_rto_seconds",
    help="How long the last rehearsed recovery that went well took.",
    labels=("source",),
)
REHEARSAL_RPO = Metric(
    name="quorate_backup_rehearsal_rpo_seconds",
    help="How much work a loss would have cost at the last rehearsal that went well.",
    labels=("source",),
)
POISONED = Metric(
    name="quorate_backup_poisoned_copies",
    help="Copies whose time cannot be right.",
    labels=("source",),
)
UNPROTECTED = Metric(
    name="quorate_backup_unprotected",
    help="1 for each volume or database that no backup holds; `server` is empty for the fleet's.",
    labels=("what", "server"),
)
REPOSITORY_READ = Metric(
    name="quorate_backup_repository_read_timestamp_seconds",
    help="When the list of its copies was last read, in Unix time.",
    labels=("repository",),
)
REPOSITORY_CHECKED = Metric(
    name="quorate_backup_repository_checked_timestamp_seconds",
    help="When it was last checked for damage, in Unix time.",
    labels=("repository",),
)
REPOSITORY_OK = Metric(
    name="quorate_backup_repository_ok",
    help="1 when the last check found no damage, else 0.",
    labels=("repository",),
)
REPOSITORY_STORED = Metric(
    name="quorate_backup_repository_stored_bytes",
    help="What all copies in it take, as stored.",
    labels=("repository",),
)
REPOSITORY_FREE = Metric(
    name="quorate_backup_repository_free_bytes",
    help="What it may still take: free on its disk, or left of its `room`.",
    labels=("repository",),
)
REPOSITORY_ROOM = Metric(
    name="quorate_backup_repository_room_bytes",
    help="What it may take in all: the size of its disk, or its `room`.",
    labels=("repository",),
)
LOG_UP = Metric(
    name="quorate_backup_log_up",
    help="1 while the write-ahead log of a Postgres is received, else 0.",
    labels=("source",),
)
LOG_PROTECTED = Metric(
    name="quorate_backup_log_protected",
    help="1 while what is committed now can be restored out of its write-ahead log, else 0.",
    labels=("source",),
)
LOG_RECEIVED = Metric(
    name="quorate_backup_log_received_timestamp_seconds",
    help="All that was committed until then is received, in Unix time, by the primary's clock; "
    "it goes on where nothing is written.",
    labels=("source",),
)
LOG_SLOT_ROOM = Metric(
    name="quorate_backup_log_slot_room_bytes",
    help="What the primary may still write until it gives the slot up, by its receiver's last "
    "word; absent where the slot is lost or nothing bounds it.",
    labels=("source",),
)
LOG_SLOT_BOUND = Metric(
    name="quorate_backup_log_slot_bound_bytes",
    help="What the slot may hold back, by the fleet file.",
    labels=("source",),
)
LOG_SLOT_LOST = Metric(
    name="quorate_backup_log_slot_lost",
    help="1 when the primary gave the slot up and the log has a hole, else 0.",
    labels=("source",),
)
HEARTBEAT = Metric(
    name="quorate_backup_controller_heartbeat_timestamp_seconds",
    help="When the controller last looked what is due, in Unix time.",
)

BACKUP_METRICS = (
    *(LAST_SUCCESS, LAST_EXIT_CODE, STATE, COPIES, SIZE, USUAL_SIZE, ADDED, DURATION, PEAK_MEMORY),
    *(RUNNING, NEXT_RUN, PROVEN_COPY, LAST_PROOF, PROOF_OK, RPO, RTO, RTO_TARGET, RPO_TARGET),
    *(REHEARSED, REHEARSAL_OK, REHEARSAL_RTO, REHEARSAL_RPO, POISONED),
    *(UNPROTECTED, REPOSITORY_READ, REPOSITORY_CHECKED, REPOSITORY_OK),
    *(REPOSITORY_STORED, REPOSITORY_FREE, REPOSITORY_ROOM),
    *(LOG_UP, LOG_PROTECTED, LOG_RECEIVED, LOG_SLOT_ROOM, LOG_SLOT_BOUND, LOG_SLOT_LOST, HEARTBEAT),
)
"""All of them, in the order in which they are shown."""

PUSHED = (LAST_SUCCESS, LAST_EXIT_CODE, SIZE, ADDED, DURATION, PEAK_MEMORY)
"""What a job pushes to a Pushgateway when it has ended, beside what the controller shows."""

NODE_FREE, NODE_SIZE = "node_filesystem_avail_bytes", "node_filesystem_size_bytes"
"""Of node_exporter, as the document's BackupDiskFull asks for them; it has no label `fleet`."""
FOREIGN = {NODE_FREE: ("instance", "mountpoint"), NODE_SIZE: ("instance", "mountpoint")}
"""Metrics of others that rules and dashboard use, with their labels that are used."""
