"""One database of a Postgres dump, restored into a server in use: under a free name, or in place.

In place, the database that is there gets another name first and stays under it, so that nothing
is lost whatever happens; a restore that fails gives it its name back. Roles are the server's:
the dump's are not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from quorate.backup.sources import base
from quorate.backup.sources import postgres_look as look
from quorate.backup.sources.postgres import Postgres, directory_of
from quorate.backup.sources.postgres_fill import fill
from quorate.backup.sources.postgres_seen import View
from quorate.errors import CommandError, MachineError, RefusedError, UsageError
from quorate.tools import clock, pg
from quorate.tools.passfile import private_file

ADMIN = "template1"
"""Nobody else is connected to it, so that every other database may be renamed from there. All is
asked there: the one that the service names may be just what is renamed, and have no name yet."""
TRIES = 5
"""Each takes up to five seconds where somebody connected just before it."""
LONGEST = 63
"""Bytes of a name (NAMEDATALEN)."""
LETTER = 4
"""Bytes of a letter at most."""
DIGITS = 8
"""Of a digest, by which names differ that begin alike and have to be cut."""
BEFORE, HALF, RECOVERED = "before", "half", "recovered"
"""What is kept: what was there; what a killed restore has begun; what was undone."""
KEPT = re.compile(rf"_({BEFORE}|{HALF}|{RECOVERED})_\d{{8}}_\d{{6}}$")
CREATE = re.compile(r'^CREATE DATABASE "(?:[^"]|"")*"( WITH .*;)$', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What came of it: `seconds` of the restore, what is not as it was, the former's new name.

    `half`: the new name of what a killed restore of the same had left.
    """

    seconds: float
    differences: tuple[str, ...]
    former: str
    half: str = ""


def restore(
    source: Postgres, directory: Path, database: str, name: str, *, in_place: bool, aside: str
) -> Alone:
    """Restore a database of a dump under a name.

    Args:
        source: the server that it goes to.
        directory: the dump.
        database: which one of it.
        name: what it is to be called.
        in_place: whether a database of that name may be replaced.
        aside: the end of the name that such a one gets. Where one has it already, a restore was
            killed that had begun so: then what it has left is kept too, unless it is whole.

    Raises:
        UsageError: the dump has no such database.
        RefusedError: there is one of that name; nothing was changed.
        MachineError: it cannot be restored; what was there is there again.
    """
    dumped = base.manifest(directory)
    server, programs = _admin(source)
    path = directory / directory_of(database)
    if not path.is_dir():
        raise UsageError(f"the copy has no database {database}")
    former, half = "", ""
    if pg.version(server, programs) // 10000 < int(dumped.version) // 10000:
        raise MachineError(
            f"the dump is of Postgres {int(dumped.version) // 10000}, the server is older",
            todo="restore into a server of the same major version, or a newer one",
        )
    if in_place:
        _open(server, {name, former_name(name, aside)}, programs)
    begun = in_place and _exists(server, former_name(name, aside), programs)
    if begun and _exists(server, name, programs):
        differences = compare(dumped.parts, database, _seen(source, name, programs), name)
        if not differences:
            return Alone(seconds=0.0, differences=(), former=former_name(name, aside))
        half = former_name(name, f"{clock.now():%Y%m%d_%H%M%S}", HALF)
        _rename(server, {name: half}, programs)
    if begun:
        former = former_name(name, aside)
    elif _exists(server, name, programs):
        if not in_place:
            raise RefusedError(
                f"there is a database {name} on {server.host}; nothing was changed",
                todo="name another one, or say that it is to be replaced",
            )
        former = former_name(name, aside)
        _rename(server, {name: former}, programs)
    began = clock.monotonic()
    try:
        anew = name == database
        if not anew:
            _create(server, path, name, programs)
        jobs, seconds = source.jobs, source.seconds
        fill(server, name, programs, path, anew=anew, jobs=jobs, timeout=seconds)
    except BaseException:
        _drop(server, name, programs)
        if former:
            _rename(server, {former: name}, programs)
        raise
    seconds = clock.monotonic() - began
    differences = compare(dumped.parts, database, _seen(source, name, programs), name)
    return Alone(seconds=seconds, differences=differences, former=former, half=half)


def put_back(source: Postgres, aside: str) -> tuple[str, ...]:
    """Give the databases that a restore has kept their names back; what was done, in words.

    What has the name now is kept as `NAME_recovered_ASIDE`. Once more, it does what is missing.

    Raises:
        CommandError: the server does not answer, or refuses.
        MachineError: a name cannot be given back; all others were.
    """
    server, programs = _admin(source)
    listed = pg.query(server, ADMIN, "SELECT to_json(datname) FROM pg_database;", programs)
    said = []
    pairs = kept_names(map(str, listed), aside)
    _open(server, {one for pair in pairs for one in pair}, programs)
    unknown = [former for name, former in pairs if name not in listed and was_cut(former, aside)]
    for name, former in pairs:
        if former in unknown:
            continue
        recovered = former_name(name, aside, RECOVERED)
        if name in listed and recovered in listed:
            raise MachineError(f"there are databases {name}, {former} and {recovered}",
                               todo="see which of them is wanted, and rename it")  # fmt: skip
        _rename(server, ({name: recovered} if name in listed else {}) | {former: name}, programs)
        said.append(f"{name} is what {former} was; what was restored is kept as {recovered}")
    if unknown:
        raise MachineError(
            f"what the name of {', '.join(unknown)} was cannot be told: it was cut",
            cause="the restore was killed before it had made a database of that name again",
            todo="resume the restore, and undo it then; or rename it by hand",
        )
    end = former_name("", aside, RECOVERED)
    return (*said, *(f"{one} is what was restored" for one in listed if str(one).endswith(end)))


def left_alone(source: Postgres, names: Iterable[str]) -> tuple[str, ...]:
    """Which databases of a dump a restore of all of them leaves as they are.

    What former restores have kept is not kept once more: with each the databases would double.

    Raises:
        CommandError: the server does not answer.
    """
    server, programs = _admin(source)
    return tuple(one for one in names if KEPT.search(one) and _exists(server, one, programs))


def kept_names(listed: Iterable[str], aside: str) -> tuple[tuple[str, str], ...]:
    """Each database that was kept under `aside`: its own name, and the one it has. Pure."""
    there = sorted(listed)
    end = former_name("", aside)
    found = {name: former_name(name, aside) for name in there if not name.endswith(end)}
    pairs = {name: former for name, former in found.items() if former in there}
    # A name that was cut short is known by the database that has it in full.
    lone = [one for one in there if one.endswith(end) and one not in pairs.values()]
    return (*pairs.items(), *((one.removesuffix(end), one) for one in lone))


def former_name(name: str, aside: str, word: str = BEFORE) -> str:
    """The name that a database gets which makes room: cut if need be, and still its own. Pure."""
    end = f"_{word}_{aside}"
    room = LONGEST - len(end)
    if len(name.encode()) <= room:
        return name + end
    digest = f"_{sha256(name.encode()).hexdigest()[:DIGITS]}"
    return name.encode()[: room - len(digest)].decode(errors="ignore") + digest + end


def was_cut(former: str, aside: str) -> bool:
    """Whether a former name has not all of the name that the database had. Pure."""
    name = former.removesuffix(former_name("", aside))
    # What is cut within a letter loses all of that.
    full = len(former.encode()) > LONGEST - LETTER
    return full and re.search(rf"_[0-9a-f]{{{DIGITS}}}$", name) is not None


def compare(
    dumped: Mapping[str, str], database: str, found: Mapping[str, str], name: str
) -> tuple[str, ...]:
    """What is not as it was in a database that may have another name now. Pure."""
    was, now = parts_of(dumped, database), parts_of(found, name)
    return tuple(
        f"{part}: {was.get(part, 'nothing')} when dumped, {now.get(part, 'nothing')} restored"
        for part in sorted(was.keys() | now.keys())
        if was.get(part) != now.get(part)
    )


def parts_of(parts: Mapping[str, str], database: str) -> dict[str, str]:
    """The parts of one database, without its name. Pure."""
    named = look.part(database)
    found = {}
    for part, state in parts.items():
        kind = "sequence " if part.startswith("sequence ") else ""
        rest = part.removeprefix(kind)
        if part.endswith(f" of {named}"):
            found[part.removesuffix(f" of {named}")] = state
        elif rest.startswith(f"{named}."):
            found[kind + rest.removeprefix(f"{named}.")] = state
    return found


def _seen(source: Postgres, name: str, programs: pg.Programs) -> dict[str, str]:
    view = View(
        server=source.server,
        database=name,
        programs=programs,
        snapshot=None,
        seconds=source.seconds,
    )
    return view.see(view.tables(), source.jobs).parts | view.sequence_states()


def _admin(source: Postgres) -> tuple[pg.Server, pg.Programs]:
    """The source's server by a database that is never renamed, and the programs for it."""
    server = replace(source.server, database=ADMIN)
    return server, pg.programs_for(server, source.places)


def _open(server: pg.Server, names: set[str], programs: pg.Programs) -> None:
    """Let databases be connected to that are closed, as restores were killed that had closed them.

    None does any more.
    """
    for name in names.intersection(map(str, pg.query(server, ADMIN, look.CLOSED, programs))):
        opened = f"ALTER DATABASE {look.identifier(name)} WITH ALLOW_CONNECTIONS true;"
        pg.query(server, ADMIN, opened, programs)


def _exists(server: pg.Server, name: str, programs: pg.Programs) -> bool:
    script = f"SELECT count(*) FROM pg_database WHERE datname = {look.literal(name)};"
    return pg.query(server, ADMIN, script, programs) != [0]


def _rename(server: pg.Server, names: Mapping[str, str], programs: pg.Programs) -> None:
    """Give databases other names, all or none; whoever is connected to one is cut off.

    They are not closed for that: killed in between, this would leave them closed.
    """
    # RENAME lets nobody in, and waits five seconds for who was cut off to be gone.
    renames = [
        f"ALTER DATABASE {look.identifier(was)} RENAME TO {look.identifier(new)};"
        for was, new in names.items()
    ]
    _cut_off(server, names, ["BEGIN;", *renames, "COMMIT;"], programs)


def _drop(server: pg.Server, name: str, programs: pg.Programs) -> None:
    """Drop a database, if it is there; whoever is connected to it is cut off."""
    _cut_off(server, [name], [f"DROP DATABASE IF EXISTS {look.identifier(name)};"], programs)


def _cut_off(
    server: pg.Server, names: Iterable[str], then: Iterable[str], programs: pg.Programs
) -> None:
    """Run statements that need databases to which nobody is connected."""
    whose = ", ".join(look.literal(name) for name in names)
    end = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        f"WHERE datname IN ({whose}) AND pid <> pg_backend_pid();"
    )
    script = "\n".join([end, *then])
    for tried in range(1, TRIES + 1):
        try:
            pg.query(server, ADMIN, script, programs)
            return
        except CommandError:  # somebody may have connected between the two
            if tried == TRIES:
                raise


def _create(server: pg.Server, path: Path, name: str, programs: pg.Programs) -> None:
    """Make an empty database like the dumped one: its encoding and locale."""
    with private_file("", "script") as into:
        pg.schema_of(programs, path, into)
        match = CREATE.search(into.read_text())
    if match is None:
        raise MachineError(f"the dump {path.name} does not say how its database is made")
    pg.query(server, ADMIN, f"CREATE DATABASE {look.identifier(name)}{match[1]}", programs)
