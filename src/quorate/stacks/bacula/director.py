"""The Director's configuration: jobs, file sets, the cycle, clients, storage, pools, messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quorate.fleet.model import Fleet, Server
from quorate.stacks.bacula.model import (
    Catalogue,
    Cycle,
    FileSet,
    Layout,
    Part,
    Pool,
    Roles,
)
from quorate.stacks.bacula.say import Entry, days, document, quoted, resource

NAME = "bacula-dir"
CATALOGUE_NAME = "MyCatalog"
DATABASE = "bacula"
"""Debian's names: its script that saves the catalogue, and its packages, know them."""

OPTIONS = "fileset-options.conf"
STORAGE = "File"
DEVICE = "FileStorage"
MEDIA = "File"
MESSAGES = "Standard"
DAILY, MONTHLY, AFTER = "DailyCycle", "MonthlyCycle", "AfterBackup"
FRESH_HOURS = 26
"""A daily dump, and two hours for it to take longer than yesterday."""

PACKED = ("*.gz", "*.zst", "*.xz", "*.bz2", "*.zip", "*.jpg", "*.jpeg", "*.png", "*.mp4", "*.webp")
"""Packed already: compressed again they only cost time."""

KEPT = (
    ("signature", "SHA256"),
    ("noatime", "yes"),
    ("sparse", "yes"),
    ("aclsupport", "yes"),
    ("xattrsupport", "yes"),
)


@dataclass(frozen=True, kw_only=True)
class Direction:
    """All that the Director's file is made of."""

    fleet: Fleet
    roles: Roles
    filesets: Sequence[FileSet]
    pools: Sequence[Pool]
    cycle: Cycle
    layout: Layout
    catalogue: Catalogue
    mail: str


def director(of: Direction) -> str:
    """The text of bacula-dir.conf.

    Raises:
        ValueError: a path or name that Bacula cannot read.
    """
    resources = [
        _itself(of.layout),
        *_catalogue(of),
        *_job_defaults(of),
        *_jobs(of),
        *(_fileset(of.layout, item.name, item.files, item.exclude) for item in of.filesets),
        _fileset(of.layout, "Catalog", [f"{of.layout.working}/{DATABASE}.sql"]),
        *_schedules(of.cycle),
        *(_client(of, server) for server in of.fleet.servers),
        _storage(of),
        *(_pool(pool) for pool in of.pools),
        *messages(of.layout, of.mail),
    ]
    return document(f"The Director of the fleet {of.fleet.name}.", resources)


def client_name(server: str) -> str:
    """The document's names: `hppavilion-fd`."""
    return f"{server}-fd"


def job_name(item: FileSet) -> str:
    """The document's names, and the server: `BackupDatabases-hppavilion`."""
    return f"Backup{item.name}"


def password(layout: Layout, name: str) -> tuple[str, str]:
    """A password as an entry: Bacula reads the file, in which it stands in quotes."""
    return ("Password", f"@{layout.password(name)}")


def _itself(layout: Layout) -> str:
    return resource(
        "Director",
        [
            ("Name", quoted(NAME)),
            ("DIRport", layout.director_port),
            ("DirAddress", layout.listen or "127.0.0.1"),
            ("QueryFile", quoted(f"{layout.scripts}/query.sql")),
            ("WorkingDirectory", quoted(layout.working)),
            ("PidDirectory", quoted(layout.run)),
            ("Maximum Concurrent Jobs", 20),
            ("Messages", MESSAGES),
            password(layout, "console"),
        ],
    )


def _catalogue(of: Direction) -> Iterator[str]:
    entries: list[Entry] = [("Name", CATALOGUE_NAME), ("dbname", quoted(DATABASE))]
    if of.catalogue is Catalogue.POSTGRESQL:
        # Through PostgreSQL's own socket, as the user the daemon runs as: no password.
        entries.append(("dbuser", quoted(DATABASE)))
    yield resource("Catalog", entries)


def _job_defaults(of: Direction) -> Iterator[str]:
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


def _jobs(of: Direction) -> Iterator[str]:
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


def fileset_options() -> str:
    """The text of fileset-options.conf, which every file set includes.

    The first Options block that fits a file counts.
    """
    packed = [("WildFile", quoted(pattern)) for pattern in PACKED]
    return document(
        "How files are saved: with checksums, rights and attributes, and packed once.",
        [
            resource("Options", [*packed, ("Ignore Case", "yes"), *KEPT]),
            resource("Options", [("compression", "GZIP"), *KEPT]),
        ],
    )


def _fileset(layout: Layout, name: str, files: Sequence[str], exclude: Sequence[str] = ()) -> str:
    inside: list[Entry] = [f"@{layout.etc}/{OPTIONS}", *(("File", quoted(path)) for path in files)]
    entries: list[Entry] = [("Name", quoted(name)), resource("Include", inside)]
    if exclude:
        entries.append(resource("Exclude", [("File", quoted(path)) for path in exclude]))
    return resource("FileSet", entries)


def _schedules(cycle: Cycle) -> Iterator[str]:
    runs = (("Full", cycle.full), ("Differential", cycle.differential))
    every = (*runs, ("Incremental", cycle.incremental))
    yield resource(
        "Schedule",
        [("Name", DAILY), *(("Run", f"Level={lv} {when} at {cycle.at}") for lv, when in every)],
    )
    yield resource(
        "Schedule", [("Name", MONTHLY), ("Run", f"Level=Full {cycle.full} at {cycle.at}")]
    )
    yield resource(
        "Schedule", [("Name", AFTER), ("Run", f"Level=Full sun-sat at {cycle.after}")]
    )


def _client(of: Direction, server: Server) -> str:
    # Bacula forgets files and jobs when the volumes they are on are used again, not before.
    longest = days(max(pool.retention for pool in of.pools))
    return resource(
        "Client",
        [
            ("Name", quoted(client_name(server.name))),
            ("Address", quoted(server.address)),
            ("FDPort", of.layout.client_port),
            ("Catalog", CATALOGUE_NAME),
            ("File Retention", longest),
            ("Job Retention", longest),
            ("AutoPrune", "yes"),
            password(of.layout, f"client-{server.name}"),
        ],
    )


def _storage(of: Direction) -> str:
    return resource(
        "Storage",
        [
            ("Name", STORAGE),
            # As file daemons see it: they send to it.
            ("Address", quoted(of.fleet.server(of.roles.storage).address)),
            ("SDPort", of.layout.storage_port),
            ("Device", DEVICE),
            ("Media Type", MEDIA),
            # One job after the other: a volume is then read straight through in a restore.
            ("Maximum Concurrent Jobs", 1),
            password(of.layout, "storage"),
        ],
    )


def _pool(pool: Pool) -> str:
    return resource(
        "Pool",
        [
            ("Name", pool.name),
            ("Pool Type", "Backup"),
            ("Recycle", "yes"),
            ("AutoPrune", "yes"),
            ("Volume Retention", days(pool.retention)),
            ("Volume Use Duration", days(pool.use_days)),
            ("Maximum Volume Bytes", pool.size),
            ("Maximum Volumes", pool.count),
            ("Label Format", quoted(f"{pool.name}-")),
        ],
    )


def messages(layout: Layout, mail: str) -> Iterator[str]:
    """What becomes of messages: the log, the catalogue, consoles, and mail for what went wrong."""
    sender = r'-h localhost -f "(Bacula) <%r>" -s "Bacula: %t %e of %c %l" %r'
    yield resource(
        "Messages",
        [
            ("Name", MESSAGES),
            ("mailcommand", quoted(f"{layout.mailer} {sender}")),
            ("mail on error", f"{quoted(mail)} = all, !skipped"),
            ("operatorcommand", quoted(f"{layout.mailer} {sender}")),
            ("operator", f"{quoted(mail)} = mount"),
            "console = all, !skipped, !saved",
            f"append = {quoted(layout.log)} = all, !skipped",
            "catalog = all",
        ],
    )
