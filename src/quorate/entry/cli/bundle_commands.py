"""The command `quorate backup bundle`: what bare servers need, encrypted; made, checked, opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from quorate.backup.bundle.archive import Record
    from quorate.backup.bundle.compare import BundleCheck
    from quorate.tools.age import Key

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""


def bundle(
    fleet: Path = typer.Argument(Path("fleet.yaml"), help="The fleet file; not for --restore."),
    output: Path | None = typer.Option(
        None, "-o", "--output", help="Make the bundle: encrypted for whom the fleet file names."
    ),
    check: Path | None = typer.Option(
        None, "--check", metavar="FILE", help="Open this bundle and compare it with the fleet."
    ),
    restore: Path | None = typer.Option(
        None, "--restore", metavar="DIRECTORY", help="Write what is in the bundle of --from there."
    ),
    source: Path | None = typer.Option(
        None, "--from", metavar="FILE", help="The bundle to restore."
    ),
    identity: Path | None = typer.Option(
        None, "--identity", metavar="FILE", help="The private key that opens it."
    ),
    passphrase_file: Path | None = typer.Option(
        None, "--passphrase-file", metavar="FILE", help="A file with the passphrase that opens it."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print what came of it as JSON."),
) -> None:
    """Make, check or open the recovery bundle: secrets, passwords, keys and the fleet's files.

    Exit code 4: it lacks something, or something in it is old.
    """
    from quorate.fleet.read import read_fleet

    asked = [one for one in (output, check, restore) if one is not None]
    if len(asked) != 1 or (restore is None) != (source is None):
        _refuse(
            "give one of: -o FILE, --check FILE, --restore DIRECTORY --from FILE",
            "`quorate backup bundle --help`",
        )
    if output is not None and (identity or passphrase_file):
        _refuse(
            "-o takes no key: who may open a bundle is in the fleet file",
            "name keys under `backup.bundle.recipients`",
        )
    key = _key(identity, passphrase_file)
    if output is not None:
        _made(fleet, output, as_json)
    elif check is not None:
        from quorate.backup.bundle import making

        _show_check(making.check(read_fleet(fleet), check, key), as_json)
    elif restore is not None and source is not None:
        _restored(source, key, restore, as_json)


def _key(identity: Path | None, passphrase_file: Path | None) -> Key | None:
    from quorate.backup.bundle import making
    from quorate.tools.age import Key

    if identity is not None and passphrase_file is not None:
        _refuse(
            "--identity and --passphrase-file: a bundle is opened by one of them", "leave one out"
        )
    if identity is not None:
        if not identity.is_file():
            _refuse(f"--identity {identity}: no such file", "name the file with the private key")
        return Key(identity=identity)
    if passphrase_file is not None:
        return Key(passphrase=making.passphrase_in(passphrase_file))
    return None


def _made(fleet: Path, output: Path, as_json: bool) -> None:
    from datetime import UTC, datetime

    from quorate.backup.bundle import making
    from quorate.fleet.read import read_fleet

    desired = read_fleet(fleet)
    record = making.make(desired, output, made=datetime.now(UTC))
    _show_record(record, output, as_json)
    if as_json or desired.backup.bundle is None:
        return
    if desired.backup.bundle.recipients:
        typer.echo("opened by: age --decrypt --identity KEY FILE | tar -x")
    else:
        typer.echo("opened by: age --decrypt FILE | tar -x, and the passphrase")


def _restored(file: Path, key: Key | None, into: Path, as_json: bool) -> None:
    from quorate.backup.bundle import making

    if key is None:
        _refuse(
            "--restore takes the key: no fleet file is read for it",
            "add --identity FILE, or --passphrase-file FILE",
        )
    record = making.restore(file, key, into)
    _show_record(record, into, as_json)
    if not as_json:
        typer.echo(f"begin with {into / 'README.txt'}")


def _show_record(record: Record, where: Path, as_json: bool) -> None:
    from quorate.backup.bundle.compare import summary
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(summary(record, str(where)))
        return
    out = console()
    out.print(f"{where}: {len(record.files)} files of {record.fleet}", markup=False)
    for name in record.unknown:
        out.print(
            f"not in it: the secret {name}, which is in the swarm alone; name its source under "
            "`secrets:` in the fleet file",
            markup=False,
        )


def _show_check(found: BundleCheck, as_json: bool) -> None:
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(found)
    else:
        out = console()
        out.print(f"made {found.made:%Y-%m-%d %H:%M} UTC, {found.files} files", markup=False)
        for one in found.differences:
            about = f" ({', '.join(one.uses)})" if one.uses else ""
            why = f": {one.why}" if one.why else ""
            out.print(f"{one.word.value}: {one.path}{about}{why}", markup=False)
        said = "all that the fleet needs is in it" if found.good else "make a new one with -o"
        out.print(said, markup=False)
    if not found.good:
        raise typer.Exit(VERDICT)


def _refuse(what: str, todo: str) -> NoReturn:
    from quorate.errors import UsageError

    raise UsageError(what, todo=todo)
