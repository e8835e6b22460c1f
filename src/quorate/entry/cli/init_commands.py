"""Command: init, a new fleet file: a starter, or from what is there already."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.imports.model import ImportOptions, ImportReport


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init")(init)


def init(
    sources: list[str] = typer.Argument(
        None,
        metavar="SOURCE",
        help="With --from-compose: compose files. With --from-swarm, --from-docker: engines, as "
        "ssh://user@host or a socket's path. With none of them: where to write the starter.",
        show_default=False,
    ),
    from_compose: bool = typer.Option(False, "--from-compose", help="From compose files."),
    from_swarm: bool = typer.Option(
        False, "--from-swarm", help="From a running swarm, through one of its managers."
    ),
    from_docker: bool = typer.Option(
        False, "--from-docker", help="From the containers of running engines."
    ),
    output: Path = typer.Option(Path(), "-o", "--output", help="The directory to write to."),
    name: str = typer.Option("", "--name", help="The fleet's name; else its directory's."),
    server: list[str] = typer.Option(
        [],
        "--server",
        metavar="name=…,address=…,memory=…,cpus=…,role=…",
        help="A server of the fleet, with --from-compose; for each one.",
    ),
    ssh_config: Path = typer.Option(None, "--ssh-config", help="An ssh_config for the engines."),
    seconds: float = typer.Option(
        6.0, "--measure", min=0.0, max=600.0, help="Seconds to watch what containers use; 0: none."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite files that are there."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Write nothing; show what would be."),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Write a new fleet file: a commented starter, or what is there already.

    Compose files stay as they are; what they do not say is guessed, marked in the files
    written beside them, and listed. Engines are only read. Values that look secret are
    never written.
    """
    from quorate.errors import UsageError

    ways = [from_compose, from_swarm, from_docker]
    if sum(ways) > 1:
        raise UsageError(
            "--from-compose, --from-swarm and --from-docker exclude each other",
            todo="import one, then add the other's stacks by hand",
        )
    if not any(ways):
        _starter(sources or [], output, force=force)
        return
    from quorate.fleet.imports.model import ImportOptions

    if from_compose and not sources:
        raise UsageError("--from-compose needs compose files", todo="name them: */compose.yaml")
    if server and not from_compose:
        raise UsageError(
            "--server goes with --from-compose only", todo="engines say what servers they are on"
        )
    options = ImportOptions(directory=output, name=_checked_name(name), servers=tuple(server))
    if from_compose:
        from quorate.intake import verbs

        paths = [Path(item) for item in sources]
        made = verbs.from_compose(paths, options, force=force, dry_run=dry_run)
    else:
        given = _Engines(names=sources or [], config=ssh_config, seconds=seconds, swarm=from_swarm)
        made = _live(given, options, force=force, dry_run=dry_run)
    _show(made, as_json=as_json)


@dataclass(frozen=True, kw_only=True)
class _Engines:
    """Which engines to read, and how."""

    names: list[str]
    config: Path | None
    seconds: float
    swarm: bool


def _live(engines: _Engines, options: ImportOptions, *, force: bool, dry_run: bool) -> ImportReport:
    from quorate.entry.cli.progress import reporter
    from quorate.errors import UsageError
    from quorate.intake import verbs
    from quorate.observe.inventory import Reading
    from quorate.observe.sources import parse_source

    sources = [parse_source(name, config=engines.config) for name in engines.names or [""]]
    reading = Reading(seconds=engines.seconds, config=engines.config)
    with reporter() as progress:
        if not engines.swarm:
            return verbs.from_docker(
                sources, options, reading, progress, force=force, dry_run=dry_run
            )
        if len(sources) > 1:
            raise UsageError(
                "--from-swarm takes one manager", todo="it knows all the others by itself"
            )
        return verbs.from_swarm(
            sources[0], options, reading, progress, force=force, dry_run=dry_run
        )


def _checked_name(name: str) -> str | None:
    import re

    from quorate.errors import UsageError

    if name and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise UsageError(
            f"--name {name}: not the name of a fleet", todo="use lower-case letters, digits and -"
        )
    return name or None


def _show(made: ImportReport, *, as_json: bool) -> None:
    from quorate.entry.cli.init_view import show
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(made)
    else:
        show(made, console())


def _starter(sources: list[str], output: Path, *, force: bool) -> None:
    """The commented starter: a fleet file and one compose file."""
    from quorate.errors import UsageError
    from quorate.fleet.starter import FILES

    if len(sources) > 1 or (sources and output != Path()):
        raise UsageError(
            "the starter is written to one directory",
            todo="to import files, say --from-compose before them",
        )
    directory = Path(sources[0]) if sources else output
    there = [name for name in FILES if (directory / name).exists()]
    if there and not force:
        raise UsageError(
            f"{' and '.join(str(directory / name) for name in there)} would be overwritten",
            todo="choose another directory, or give --force",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}") from error
    for name in FILES:
        sys.stdout.write(f"wrote {directory / name}\n")
    sys.stdout.write(f"next: edit them, then `quorate check {directory / 'fleet.yaml'}`\n")
