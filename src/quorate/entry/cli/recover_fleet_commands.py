"""Commands: `quorate recover fleet`: every server is lost; a repository and a key are left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import DRY_RUN, JSON, YES

if TYPE_CHECKING:
    from quorate.backup.place import Place
    from quorate.recover.fleet.laying import Laid
    from quorate.recover.model import Journal, Operation
    from quorate.recover.site import Site
    from quorate.tools.age import Key
    from quorate.workflows import Opened

INTO = Path("recovered")
MEMORY = Path("/dev/shm")


def add(group: typer.Typer) -> None:
    """Add the commands of this module to `quorate recover`."""
    group.command("fleet")(fleet)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What was asked for, as it was written."""

    url: str
    password_file: Path | None
    identity: Path | None
    passphrase_file: Path | None
    repository: str = ""
    ssh_config: Path | None = None
    ca: Path | None = None
    credentials: Sequence[str] = ()
    servers: Sequence[str] = ()
    unproven: bool = False
    without: Sequence[str] = ()
    lab: bool = False


def fleet(
    url: str = typer.Option(
        "", "--from", metavar="REPOSITORY", help="The repository that is left, as restic has it."
    ),
    password_file: Path | None = typer.Option(
        None, "--password-file", "-p", metavar="FILE", help="A file with its password."
    ),
    identity: Path | None = typer.Option(
        None, "--identity", "-i", metavar="FILE", help="The private key that opens the bundle."
    ),
    passphrase_file: Path | None = typer.Option(
        None, "--passphrase-file", metavar="FILE", help="Or a file with its passphrase."
    ),
    into: Path = typer.Option(
        INTO, "--into", metavar="DIRECTORY", help="Where the fleet's files and secrets go."
    ),
    servers: list[str] = typer.Option(
        None, "--servers", metavar="NAME=ADDRESS", help="A new address; commas, or given again."
    ),
    repository: str = typer.Option(
        "", "--repository", metavar="NAME", help="Which of the fleet's repositories it is."
    ),
    credential: list[str] = typer.Option(
        None,
        "--credential",
        metavar="NAME=FILE",
        help="access_key, secret_key or region of S3, user or password of a REST server.",
    ),
    ssh_config: Path | None = typer.Option(
        None, "--ssh-config", metavar="FILE", help="How ssh reaches an SFTP repository."
    ),
    ca: Path | None = typer.Option(
        None, "--ca", metavar="FILE", help="Authorities of an S3 or REST server's certificate."
    ),
    unproven: bool = typer.Option(
        False, "--unproven", help="Take the newest copies, proven or not, at that risk."
    ),
    without: list[str] = typer.Option(
        None, "--without", metavar="SOURCE", help="Start this one empty; may be given again."
    ),
    lab: bool = typer.Option(False, "--lab", help="Work on the lab of the fleet of that name."),
    yes: bool = YES,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Bring a whole fleet back onto empty servers: from its off-site repository and the key.

    The recovery bundle in the repository has the fleet file and all secrets. Docker is installed,
    a swarm formed, every copy restored and compared, everything deployed. What was stopped on
    the way goes on with `--into DIRECTORY` alone.
    """
    asked = _Asked(
        url=url,
        password_file=password_file,
        identity=identity,
        passphrase_file=passphrase_file,
        repository=repository,
        ssh_config=ssh_config,
        ca=ca,
        credentials=tuple(credential or ()),
        servers=tuple(servers or ()),
        unproven=unproven,
        without=tuple(without or ()),
        lab=lab,
    )
    if dry_run:
        memory = MEMORY if MEMORY.is_dir() else None  # so that no secret is on a disk
        with tempfile.TemporaryDirectory(prefix="quorate-", dir=memory) as name:
            _shown(asked, into, Path(name) / "recovered", as_json=as_json)
        return
    _carried(asked, into, yes=yes, as_json=as_json)


def _shown(asked: _Asked, into: Path, trial: Path, *, as_json: bool) -> None:
    """What would be done; the bundle is opened into a directory that goes again."""
    from quorate.entry.cli.operation_view import render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.recover.fleet.laying import laid

    found = laid(into)
    if found is not None and asked.servers:  # what is laid out stays as it is
        found = found.copied(trial)
    with _opened(asked, trial if found is None else into, found) as (_, operation, pause):
        pause()
        if as_json:
            print_json(operation)
        else:
            render_operation(operation, console())


def _carried(asked: _Asked, into: Path, *, yes: bool, as_json: bool) -> None:
    from quorate import operating
    from quorate.entry.cli.operation_view import agreed_to
    from quorate.recover.fleet.laying import laid

    found = laid(into)
    if found is not None and (journal := _gone_on_with(found, asked, yes=yes)) is not None:
        _print(journal, as_json=as_json)
        return
    with _opened(asked, into, found) as (place, operation, pause):
        confirm = agreed_to(pause, yes=yes)
        journal = operating.carry_out(place, operation, confirm=confirm)
    _print(journal, as_json=as_json)


@contextmanager
def _opened(
    asked: _Asked, into: Path, found: Laid | None
) -> Iterator[tuple[Site, Operation, Callable[[], None]]]:
    """The recovered fleet, what is to be done with it, and what makes room for a question."""
    from quorate import operating, refounding
    from quorate.backup.place import opened
    from quorate.entry.cli.progress import reporter
    from quorate.recover.fleet import laying, origin

    place, key = _place(asked), _key(asked)
    addresses = laying.named_addresses(asked.servers)
    with reporter() as report:
        report.phase("reading the repository")
        left = opened(place)
        copies = laying.read_copies(left)
        if found is None:
            report.phase("opening the recovery bundle")
            found = laying.lay_out(left, laying.newest(copies), key, into, addresses)
            report.note(f"the fleet {found.record.fleet} is laid out in {found.directory}")
        elif addresses:
            found.readdress(addresses)
        fleet = _fleet(found, lab=asked.lab)
        which = origin.repository_of(fleet.fleet, place, asked.repository)
        with operating.site(fleet, report) as site:
            what = refounding.Left(
                origin=which.name,
                copies=copies,
                bundle=found.record.made,
                directory=str(found.directory),
            )
            operation = refounding.choose(
                site, what, unproven=asked.unproven, without=asked.without
            )
            yield site, operation, report.pause


def _gone_on_with(found: Laid, asked: _Asked, *, yes: bool) -> Journal | None:
    """The operation of this fleet that was stopped, carried on with; None: there is none."""
    from quorate import operating
    from quorate.entry.cli.confirm import agreed
    from quorate.entry.cli.progress import reporter
    from quorate.errors import RefusedError, UsageError
    from quorate.recover.carrying import title
    from quorate.recover.fleet.choose import KIND

    with reporter() as report, operating.site(_fleet(found, lab=asked.lab), report) as site:
        open_ones = [
            one for one in site.in_files().all() if one.open and one.operation.kind == KIND
        ]
        if not open_ones:
            if not asked.url:
                raise UsageError(
                    f"nothing was begun from {found.directory}",
                    todo="name the repository with --from, --password-file and the key",
                )
            return None
        journal = open_ones[-1]
        _refuse_addresses(found, asked.servers)
        report.pause()
        if not agreed(f"Go on with {title(journal.operation)} ({journal.id})?", yes=yes):
            raise RefusedError("not confirmed; nothing was changed")
        return operating.resume(site, journal.id)


def _refuse_addresses(found: Laid, given: Sequence[str]) -> None:
    """Raises RefusedError where others are asked for than what was begun goes by: nobody has looked
    at those machines."""
    from quorate.errors import RefusedError
    from quorate.fleet.read import read_fleet
    from quorate.recover.fleet.laying import named_addresses

    there = {one.name: one.address for one in read_fleet(found.file).servers if given}
    for name, address in named_addresses(given).items():
        if there.get(name) != address:
            raise RefusedError(
                f"--servers {name}={address}: what was begun goes on with the addresses it began "
                "with; nothing was changed",
                todo="leave --servers out; or `quorate operations abandon`, then begin anew",
            )


def _fleet(found: Laid, *, lab: bool) -> Opened:
    """The recovered fleet; with `lab`, its servers are those of the lab of that name."""
    from quorate.errors import LabError
    from quorate.fleet.read import read_fleet
    from quorate.lab.state import by_name
    from quorate.workflows import Opened

    found.set_variables()
    if not lab:
        return Opened(fleet=read_fleet(found.file))
    there = by_name(found.record.fleet)
    if there is None or not there.complete:
        raise LabError(
            f"no lab of the fleet {found.record.fleet} runs",
            todo=f"run `quorate lab up {found.file}` first",
        )
    return Opened(fleet=read_fleet(found.file, override=there.override), lab=there)


def _place(asked: _Asked) -> Place:
    from quorate.errors import UsageError
    from quorate.recover.fleet.origin import place_of

    if not asked.url or asked.password_file is None:
        raise UsageError(
            "the repository that is left is not known",
            todo="name it with --from, and a file with its password with --password-file",
        )
    for file in (asked.password_file, asked.ssh_config, asked.ca):
        if file is not None and not file.is_file():
            raise UsageError(f"{file}: no such file")
    given: dict[str, Path] = {}
    for text in asked.credentials:
        name, equals, path = text.partition("=")
        if not equals or not Path(path).is_file():
            raise UsageError(f"--credential {text}: no such file", todo="write NAME=FILE")
        given[name] = Path(path)
    return place_of(
        asked.url,
        password_file=asked.password_file.absolute(),
        credentials=given,
        ssh_config=asked.ssh_config.absolute() if asked.ssh_config else None,
        ca=asked.ca,
    )


def _key(asked: _Asked) -> Key:
    from quorate.backup.bundle.making import passphrase_in
    from quorate.errors import UsageError
    from quorate.tools.age import Key

    if (asked.identity is None) == (asked.passphrase_file is None):
        raise UsageError(
            "the bundle is opened by a key or by a passphrase",
            todo="give one of --identity FILE and --passphrase-file FILE",
        )
    if asked.passphrase_file is not None:
        return Key(passphrase=passphrase_in(asked.passphrase_file))
    if asked.identity is not None and not asked.identity.is_file():
        raise UsageError(
            f"--identity {asked.identity}: no such file", todo="name the file with the private key"
        )
    return Key(identity=asked.identity)


def _print(journal: Journal, *, as_json: bool) -> None:
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.recover_server_view import render_recovered
    from quorate.recover.server.report import recovered

    came = recovered(journal)
    if as_json:
        print_json(came)
    else:
        render_recovered(came, console())
