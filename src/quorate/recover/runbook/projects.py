"""Stacks that run by docker compose: how they start again on their server. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from quorate.backup.bundle.content import ELSEWHERE, FILES, path_of
from quorate.backup.model import Kind
from quorate.backup.policy.sources import planned
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Engine, Fleet, Stack
from quorate.recover.runbook.words import block, login

HOMES = "/srv"
"""Below it each gets a directory that stays: its containers may have files of it as mounts."""


def composed(fleet: Fleet, server: str | None = None) -> Iterator[str]:
    """The stacks that run by compose (on this server), each with what starts it again."""
    for stack in fleet.stacks:
        if stack.engine is Engine.COMPOSE and server in (None, stack.server):
            yield from _started(fleet, stack)


def data_of(fleet: Fleet) -> frozenset[str]:
    """The sources of all of them, by their names in step 3."""
    stacks = [stack for stack in fleet.stacks if stack.engine is Engine.COMPOSE]
    return frozenset(name for stack in stacks for some in _data(fleet, stack) for name in some)


def _started(fleet: Fleet, stack: Stack) -> Iterator[str]:
    volumes, databases = _data(fleet, stack)
    yield f"Stack {stack.name} runs by docker compose{_where(fleet, stack)}. As root there, with"
    yield "the opened bundle copied there, and `RECOVERY` and the variables set as in step 1. (The"
    yield "compose files are in `fetch configs configs`, too.) Other files that they name, as by"
    yield "`env_file` or mounts of `./…`, are in no bundle: put them beside those in `$D` before"
    yield "the last two lines."
    yield ""
    if volumes:
        # Compose fills an empty volume from the image, and step 3 overwrites nothing.
        yield f"First {', '.join(volumes)}, by step 3, before any container"
        yield "takes them: there is nothing to stop yet. Then:"
        yield ""
    yield from block(_commands(fleet, stack))
    if databases:
        yield f"Then {', '.join(databases)}, by step 3, with what it stops and starts there."
        yield ""


def _where(fleet: Fleet, stack: Stack) -> str:
    if stack.server is None:
        return ""
    server = fleet.server(stack.server)
    return f" on {server.name} (`{login(server)}`)"


def _commands(fleet: Fleet, stack: Stack) -> Iterator[str]:
    files = [path_of(fleet, file) for file in stack.files]
    environment = [path_of(fleet, file) for file in stack.env_files]
    yield f"D={shlex.quote(f'{HOMES}/{stack.name}')}    # a directory that stays"
    yield 'mkdir -m 700 -p "$D"'
    for directory in (FILES, ELSEWHERE):
        if any(path.startswith(f"{directory}/") for path in (*files, *environment)):
            yield f'cp -a "$RECOVERY/{directory}" "$D/"'
    options = [
        *(f'-f "$D/{path}"' for path in files),
        *(f'--env-file "$D/{path}"' for path in environment),
        *(f"--profile {shlex.quote(profile)}" for profile in stack.profiles),
    ]
    project = f"docker compose -p {shlex.quote(stack.name)}"
    yield f"{project} {' '.join(options)} up -d"
    yield f"{project} ps -a    # all of them run"


def _data(fleet: Fleet, stack: Stack) -> tuple[list[str], list[str]]:
    """Volumes and databases of a stack, by their names in step 3."""
    mine = {service.id for service in fleet.services if service.stack == stack.name}
    own = {one.id for one in data_sets(fleet) if mine & set(one.services)}
    found = [
        one.source
        for one in planned(fleet)
        if one.source.id in own and (one.policy is not None or one.unreachable)
    ]
    volumes = [source.id for source in found if source.kind is Kind.VOLUME]
    return volumes, [source.id for source in found if source.kind is not Kind.VOLUME]
