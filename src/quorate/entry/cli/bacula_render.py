"""`quorate render --bacula`: its options read, its files written, what it found shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.errors import UsageError

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.stacks.bacula.model import Bacula
    from quorate.stacks.bacula.render import Options


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The options as typed; None or empty where not given."""

    director: str | None = None
    storage: str | None = None
    archive: str | None = None
    dumps: str | None = None
    configs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    catalogue: str | None = None
    mail: str | None = None


def refuse_given(chosen: Chosen) -> None:
    """Refuse options of Bacula where Bacula is not asked for.

    Raises:
        UsageError: one was given.
    """
    given = [f"--{item.name}" for item in fields(chosen) if getattr(chosen, item.name)]
    if given:
        raise UsageError(f"{', '.join(given)}: only with --bacula", todo="add --bacula")


def render_bacula(
    path: Path, output: Path, plan: Path | None, chosen: Chosen, *, lab: bool, as_json: bool
) -> None:
    """Render, write, and tell what to type next.

    Raises:
        UsageError: an option that makes no sense. CheckError: nothing can be rendered.
        StalePlanError: the plan was made from other files.
    """
    from quorate import workflows
    from quorate.entry.cli.output import print_json
    from quorate.entry.cli.plan_file import planned
    from quorate.stacks.bacula.render import render
    from quorate.stacks.bacula.write import report, write

    fleet = workflows.open_fleet(path, lab=lab).fleet
    options = read_options(fleet, chosen)
    rendered = render(fleet, planned(fleet, plan, None, verb="render"), options)
    written = write(rendered, output)
    if as_json:
        print_json(report(rendered, written, output))
        return
    _show(rendered, written, output)


def read_options(fleet: Fleet, chosen: Chosen) -> Options:
    """The options as values.

    Raises:
        UsageError: one of them is none.
    """
    from quorate.stacks.bacula.filesets import DUMPS
    from quorate.stacks.bacula.model import Catalogue, Part
    from quorate.stacks.bacula.render import Options

    configs: dict[str, tuple[str, ...]] = {}
    for text in chosen.configs:
        server, directory = _configs(fleet, text)
        configs[server] = (*configs.get(server, ()), directory)
    if chosen.mail is not None and (not chosen.mail or " " in chosen.mail):
        raise UsageError(f"--mail {chosen.mail!r}: not an address", todo="write ops@example.com")
    return Options(
        director=chosen.director,
        storage=chosen.storage,
        archive=chosen.archive,
        dumps=_absolute("--dumps", chosen.dumps or DUMPS),
        configs=configs,
        without=[Part(_one_of("--without", text, list(Part))) for text in chosen.without],
        catalogue=Catalogue(
            _one_of("--catalogue", chosen.catalogue or Catalogue.POSTGRESQL, list(Catalogue))
        ),
        mail=chosen.mail or "root",
    )


def _configs(fleet: Fleet, text: str) -> tuple[str, str]:
    server, colon, directory = text.partition(":")
    names = [item.name for item in fleet.servers]
    if not colon or server not in names:
        raise UsageError(
            f"--configs {text}: not SERVER:DIRECTORY of this fleet",
            todo=f"write {names[0]}:/srv/fleet; its servers: {', '.join(names)}",
        )
    return server, _absolute("--configs", directory)


def _absolute(option: str, directory: str) -> str:
    if not directory.startswith("/") or len(directory) < 2:
        raise UsageError(
            f"{option} {directory}: not an absolute path",
            todo="write it from the root, as /srv/fleet",
        )
    return directory.rstrip("/")


def _one_of(option: str, text: str, words: list[str]) -> str:
    if text not in words:
        known = ", ".join(words)
        raise UsageError(f"{option} {text}: none of {known}", todo=f"write one of {known}")
    return text


def _show(rendered: Bacula, written: tuple[Path, ...], output: Path) -> None:
    from quorate.entry.cli.output import console
    from quorate.stacks.bacula.say import shown

    out = console()
    for item in rendered.findings:
        out.print(f"{item.level}: {item.what}", markup=False)
        if item.todo:
            out.print(f"  what to do: {item.todo}", markup=False)
    for pool in rendered.pools:
        out.print(
            f"pool {pool.name}: {pool.count} volumes of {shown(pool.size)}, kept {pool.retention} "
            f"days; reckoned {shown(pool.need)}",
            markup=False,
        )
    for path in written:
        out.print(str(path), markup=False)
    out.print(f"to install, in {output} (see README there):", markup=False)
    for number, step in enumerate(rendered.steps, start=1):
        out.print(f"  {number}. {step}", markup=False)
