"""Where a restore goes, as people write it. Pure.

`SERVICE`, `SERVICE/DATABASE`, `volume/NAME`, `SERVER:volume/NAME`, `SERVER:/PATH`,
`SERVER:images`.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.backup.jobs.decide import near
from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Service

FORMS = (
    "`--to SERVICE[/DATABASE]`, `--to [SERVER:]volume/NAME` or `--to SERVER:/PATH` says where it "
    "is to go; images go to `--to SERVER:images`"
)
VOLUME = "volume/"
IMAGES = "images"


@dataclass(frozen=True, kw_only=True)
class IntoService:
    """A running service; `database`: the name of one database in it, empty: as in the copy."""

    service: Service
    database: str = ""


@dataclass(frozen=True, kw_only=True)
class IntoVolume:
    """A volume of the engine; `server` is empty where none was said."""

    name: str
    server: str = ""


@dataclass(frozen=True, kw_only=True)
class IntoDirectory:
    """A directory of a server."""

    server: str
    path: str


@dataclass(frozen=True, kw_only=True)
class IntoEngine:
    """The engine of a server, which is given images."""

    server: str


Target = IntoService | IntoVolume | IntoDirectory | IntoEngine


def target_of(fleet: Fleet, text: str) -> Target:
    """What is meant.

    Raises:
        UsageError: nothing that there is, or no full path.
    """
    server, colon, rest = text.partition(":")
    if not colon:
        server, rest = "", text
    elif server not in (known := [one.name for one in fleet.servers]):
        raise UsageError(f"the fleet has no server {server}", todo=near(server, known))
    if rest.startswith(VOLUME) and len(rest) > len(VOLUME):
        return IntoVolume(name=rest.removeprefix(VOLUME), server=server)
    if server and rest.startswith("/") and rest.strip("/") and ".." not in rest.split("/"):
        return IntoDirectory(server=server, path=rest.rstrip("/"))
    if server and rest == IMAGES:
        return IntoEngine(server=server)
    if server:
        raise UsageError(
            f"{text} names no place on {server}",
            todo=f"`{server}:/srv/restored` is a directory, `{server}:volume/NAME` a volume, "
            f"`{server}:images` its engine",
        )
    return _service(fleet, text)


def _service(fleet: Fleet, text: str) -> IntoService:
    name, slash, database = text.rpartition("/")
    for service, inner in ((text, ""), (name, database)):
        try:
            found = fleet.service(service)
        except KeyError:
            continue
        if not slash or inner or service == text:
            return IntoService(service=found, database=inner)
    names = [service.id for service in fleet.services]
    raise UsageError(
        f"the fleet has no service {name if slash else text}",
        cause=near(name or text, names) if names else None,
        todo=FORMS,
    )
