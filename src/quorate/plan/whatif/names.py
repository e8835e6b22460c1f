"""Names and small expressions on the command line of a what-if."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from quorate.errors import UsageError
from quorate.fleet.model import Engine, Fleet, Server, Service


def bad(option: str, text: str, why: str, *, todo: str | None = None) -> UsageError:
    """An argument that cannot be used."""
    return UsageError(f"{option} {text}: {why}", todo=todo)


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean …?` where something comes close."""
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def pair(option: str, text: str, form: str) -> tuple[str, str]:
    """Both sides of the first `=`."""
    left, equals, right = text.partition("=")
    if not equals or not left.strip() or not right.strip():
        raise bad(option, text, f"is not of the form {form}")
    return left.strip(), right.strip()


def words(text: str) -> list[str]:
    """What commas separate, without what is empty."""
    return [part.strip() for part in text.split(",") if part.strip()]


def find_server(option: str, name: str, servers: Mapping[str, Server]) -> str:
    """The server's name as written in the fleet file (host names ignore case)."""
    for known in servers:
        if known.lower() == name.lower():
            return known
    raise UsageError(
        f"{option}: no server is called {name}",
        todo=hint(name, servers, f"the servers are {', '.join(servers)}"),
    )


def find_service(option: str, name: str, fleet: Fleet) -> Service:
    """The service of that id, `stack/name` or swarm name."""
    try:
        return fleet.service(name)
    except KeyError:
        known = [s.id for s in fleet.services] + [s.name for s in fleet.stacks]
        todo = hint(name, known, "see `quorate plan` for the names")
        raise UsageError(f"{option}: no service is called {name}", todo=todo) from None


def find_services(option: str, name: str, fleet: Fleet) -> tuple[Service, ...]:
    """The service of that name, else all of the stack of that name."""
    ids = [s for s in fleet.services if s.id == name]
    if not ids:
        stack = tuple(s for s in fleet.services if s.stack == name)
        if stack:
            return stack
    return (find_service(option, name, fleet),)


def compose_stack(fleet: Fleet, name: str) -> str | None:
    """The stack that docker compose runs, by its own name or one of its services'."""
    for stack in fleet.stacks:
        if stack.engine is Engine.COMPOSE:
            mine = {s.id for s in fleet.services if s.stack == stack.name}
            if name == stack.name or name in mine:
                return stack.name
    return None


def settings(
    option: str, text: str, parts: Iterable[str], known: Iterable[str], *, default: str = ""
) -> dict[str, str]:
    """`key=value` parts as a mapping; a part without `=` is the value of `default`."""
    found: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and default:
            key, value = default, part
        key, value = key.strip(), value.strip()
        if not value:
            raise bad(option, text, f"`{part}` is not of the form key=value")
        if key not in known:
            raise bad(option, text, f"`{key}` is not known", todo=hint(key, known, _all(known)))
        if key in found:
            raise bad(option, text, f"`{key}` is given twice")
        found[key] = value
    return found


def _all(known: Iterable[str]) -> str:
    return f"it takes {', '.join(known)}"
