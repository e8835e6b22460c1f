"""The Director's jobs: what they have in common, one per file set, and the restore."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.stacks.bacula.direction import (
    AFTER,
    DAILY,
    MESSAGES,
    MONTHLY,
    STORAGE,
    Direction,
    client_name,
    job_name,
)
from quorate.stacks.bacula.model import Part
from quorate.stacks.bacula.say import Entry, days, quoted, resource

FRESH_HOURS = 26
"""A daily dump, and two hours for it to take longer than yesterday."""


def job_defaults(of: Direction) -> Iterator[str]:
    """What daily jobs have in common, and monthly ones."""
    shared: list[Entry] = [
        ("Type", "Backup"),
        ("Storage", STORAGE),
        ("Messages", MESSAGES),
        ("Accurate", "yes"),
        ("Spool Attributes", "yes"),
        # A server that is down at 23:05 is tried again, and a missed full backup made up for.
        ("Reschedule On Error", "yes"),
        ("Reschedule Interval", "30 minutes"),
        ("Reschedule Times", 4),
        ("Rerun Failed Levels", "yes"),
        ("Allow Duplicate Jobs", "no"),
        ("Cancel Queued Duplicates", "yes"),
        ("Write Bootstrap", quoted(f"{of.layout.working}/%n.bsr")),
        ("Priority", 10),
    ]
    names = [pool.name for pool in of.pools]
    if "Full" in names:
        levels = [name for name in ("Full", "Differential", "Incremental") if name in names]
        yield resource(
            "JobDefs",
            [
                ("Name", "Daily"),
                ("Level", "Incremental"),
                ("Schedule", DAILY),
                ("Pool", "Full"),
                *((f"{level} Backup Pool", level) for level in levels),
                ("Max Full Interval", days(of.cycle.longest_days + of.cycle.differential_days)),
                *shared,
            ],
        )
    if "System" in names:
        yield resource(
            "JobDefs",
            [("Name", "Monthly"), ("Level", "Full"), ("Schedule", MONTHLY), ("Pool", "System"),
             *shared],
        )  # fmt: skip


def jobs(of: Direction) -> Iterator[str]:
    """A job per file set, one for the catalogue, and the one that restores."""
    for item in of.filesets:
        entries: list[Entry] = [
            ("Name", quoted(job_name(item))),
            ("JobDefs", "Monthly" if item.part is Part.SYSTEM else "Daily"),
            ("Client", quoted(client_name(item.server))),
            ("FileSet", quoted(item.name)),
        ]
        if item.fresh:
            command = " ".join(
                [f"{of.layout.etc}/fresh-dumps", str(FRESH_HOURS), *map(argument, item.fresh)]
            )
            entries.append(("ClientRunBeforeJob", quoted(command)))
        yield resource("Job", entries)
    yield _catalogue_job(of)
    yield resource(
        "Job",
        [
            ("Name", "RestoreFiles"),
            ("Type", "Restore"),
            ("Client", quoted(client_name(of.roles.director))),
            ("FileSet", "Catalog"),
            ("Storage", STORAGE),
            ("Pool", of.pools[0].name),
            ("Messages", MESSAGES),
            ("Where", quoted(of.layout.restores)),
        ],
    )


def argument(path: str) -> str:
    """A path as a word of a command; Bacula splits commands at spaces outside of quotes.

    Raises:
        ValueError: it cannot be one.
    """
    quoted(path)
    if '"' in path or "\\" in path or "%" in path:
        raise ValueError(f"{path!r} holds a letter that Bacula's commands cannot carry")
    return f'"{path}"' if " " in path else path


def _catalogue_job(of: Direction) -> str:
    """Without the catalogue a restore begins with reading every volume."""
    names = [pool.name for pool in of.pools]
    return resource(
        "Job",
        [
            ("Name", "BackupCatalog"),
            ("Type", "Backup"),
            ("Level", "Full"),
            ("Client", quoted(client_name(of.roles.director))),
            ("FileSet", "Catalog"),
            ("Schedule", AFTER),
            ("Storage", STORAGE),
            ("Messages", MESSAGES),
            ("Pool", "Incremental" if "Incremental" in names else names[-1]),
            ("RunBeforeJob", quoted(f"{of.layout.scripts}/make_catalog_backup.pl MyCatalog")),
            ("RunAfterJob", quoted(f"{of.layout.scripts}/delete_catalog_backup")),
            ("Write Bootstrap", quoted(f"{of.layout.working}/%n.bsr")),
            ("Priority", 11),
        ],
    )
