"""`quorate init --from-…`, step by step: read what there is, draft, check, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from quorate.fleet.check import check
from quorate.fleet.imports.compose_draft import draft_from_compose
from quorate.fleet.imports.live_draft import draft_live
from quorate.fleet.imports.model import (
    FLEET_FILE,
    IGNORE_FILE,
    VALUES_FILE,
    Draft,
    ImportOptions,
    ImportReport,
    Note,
)
from quorate.fleet.problems import Severity
from quorate.intake.write import write
from quorate.observe.inventory import Progress, Reading, read_engines, read_swarm
from quorate.observe.sources import Source


def from_compose(
    paths: Sequence[Path], options: ImportOptions, *, force: bool, dry_run: bool
) -> ImportReport:
    """A fleet from compose files.

    Raises:
        CheckError: a file cannot be read. UsageError: nothing to import, or files in the way.
    """
    draft = draft_from_compose(paths, options, os.environ)
    return finish(draft, options.directory, force=force, dry_run=dry_run)


def from_swarm(
    source: Source,
    options: ImportOptions,
    reading: Reading,
    progress: Progress,
    *,
    force: bool,
    dry_run: bool,
) -> ImportReport:
    """A fleet from a running swarm.

    Raises:
        UnreachableError, EngineError: the manager does not answer, or is none.
        UsageError: files are in the way.
    """
    inventory = read_swarm(source, reading, progress)
    return finish(draft_live(inventory, options), options.directory, force=force, dry_run=dry_run)


def from_docker(
    sources: Sequence[Source],
    options: ImportOptions,
    reading: Reading,
    progress: Progress,
    *,
    force: bool,
    dry_run: bool,
) -> ImportReport:
    """A fleet from what several engines run.

    Raises:
        UnreachableError, EngineError: none of them answers. UsageError: files are in the way.
    """
    inventory = read_engines(sources, reading, progress)
    return finish(draft_live(inventory, options), options.directory, force=force, dry_run=dry_run)


def finish(draft: Draft, directory: Path, *, force: bool, dry_run: bool) -> ImportReport:
    """Check the draft as if it were written, then write it.

    Raises:
        UsageError: files are in the way and `force` is not given.
    """
    draft = _without_ignore_file(draft, directory)
    drafts = {directory / name: text for name, text in draft.files.items()}
    found = check(directory / FLEET_FILE, drafts=drafts)
    errors = tuple(p for p in found.problems if p.severity is Severity.ERROR)
    return ImportReport(
        fleet=draft.fleet,
        directory=str(directory),
        files=write(draft, directory, force=force, dry_run=dry_run),
        servers=draft.servers,
        stacks=draft.stacks,
        guesses=draft.guesses,
        notes=draft.notes,
        problems=errors,
        checked=not errors,
    )


def _without_ignore_file(draft: Draft, directory: Path) -> Draft:
    """A `.gitignore` that is there already is its owner's: what is missing in it is only told."""
    path = directory / IGNORE_FILE
    if IGNORE_FILE not in draft.files or not path.exists():
        return draft
    files = {name: text for name, text in draft.files.items() if name != IGNORE_FILE}
    try:
        known = VALUES_FILE in path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        known = False
    note = Note(
        subject=str(path), what=f"does not name {VALUES_FILE}", todo="add it before you commit"
    )
    return draft.model_copy(
        update={"files": files, "notes": draft.notes if known else (*draft.notes, note)}
    )
