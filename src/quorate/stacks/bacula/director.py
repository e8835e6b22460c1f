"""The Director's configuration: jobs, file sets, the cycle, clients, storage, pools, messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.fleet.model import Server
from quorate.stacks.bacula.direction import (
    AFTER,
    CATALOGUE_NAME,
    DAILY,
    DATABASE,
    DEVICE,
    MEDIA,
    MESSAGES,
    MONTHLY,
    NAME,
    OPTIONS,
    STORAGE,
    Direction,
    client_name,
    password,
)
from quorate.stacks.bacula.jobs import job_defaults, jobs
from quorate.stacks.bacula.model import Catalogue, Cycle, Layout, Pool
from quorate.stacks.bacula.say import Entry, days, document, quoted, resource

PACKED = ("*.gz", "*.zst", "*.xz", "*.bz2", "*.zip", "*.jpg", "*.jpeg", "*.png", "*.mp4", "*.webp")
"""Packed already: compressed again they only cost time."""

KEPT = (
    ("signature", "SHA256"),
    ("noatime", "yes"),
    ("sparse", "yes"),
    ("aclsupport", "yes"),
    ("xattrsupport", "yes"),
)


def director(of: Direction) -> str:
    """The text of bacula-dir.conf.

    Raises:
        ValueError: a path or name that Bacula cannot read.
    """
    resources = [
        _itself(of.layout),
        *_catalogue(of),
        *job_defaults(of),
        *jobs(of),
        *(_fileset(of.layout, item.name, item.files, item.exclude) for item in of.filesets),
        _fileset(of.layout, "Catalog", [f"{of.layout.working}/{DATABASE}.sql"]),
        *_schedules(of.cycle),
        *(_client(of, server) for server in of.fleet.servers),
        _storage(of),
        *(_pool(pool) for pool in of.pools),
        *messages(of.layout, of.mail),
    ]
    return document(f"The Director of the fleet {of.fleet.name}.", resources)


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
    yield resource("Schedule", [("Name", AFTER), ("Run", f"Level=Full sun-sat at {cycle.after}")])


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
