"""Names that the files of Bacula's daemons share, and what the Director's is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quorate.fleet.model import Fleet
from quorate.stacks.bacula.model import Catalogue, Cycle, FileSet, Layout, Pool, Roles

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


def client_name(server: str) -> str:
    """The document's names: `hppavilion-fd`."""
    return f"{server}-fd"


def job_name(item: FileSet) -> str:
    """The document's names, and the server: `BackupDatabases-hppavilion`."""
    return f"Backup{item.name}"


def password(layout: Layout, name: str) -> tuple[str, str]:
    """A password as an entry: Bacula reads the file, in which it stands in quotes."""
    return ("Password", f"@{layout.password(name)}")
