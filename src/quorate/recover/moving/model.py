"""The words of a move: what goes from where to where, as facts of its journal. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from quorate.fleet.model import Model
from quorate.recover.model import Facts

KIND = "move"


class Carried(Model):
    """A volume, or a directory of a server, that goes along. `mount` is the service's own."""

    name: str
    mount: dict[str, Any]


class Moved(Model):
    """A service that moves. `volumes` are those that it alone brings along.

    `constraint`: what is to hold it at its new home; `former`: its own constraints before, as
    they stand in its spec. `image` as deployed. `dependents`: swarm names of those that need it.
    `patience`: seconds until it has to be healthy; `grace`: seconds its program may take to end.
    """

    service: str
    swarm_name: str
    image: str
    source: str
    target: str
    constraint: str
    former: tuple[str, ...] = ()
    volumes: tuple[int, ...] = ()
    dependents: tuple[str, ...] = ()
    patience: float = 240.0
    grace: float = 10.0


class Pair(Model):
    """Two servers with something to copy between them; `volumes` in the order of their numbers."""

    source: str
    target: str
    volumes: tuple[Carried, ...] = ()


class Replica(Model):
    """How a replica reaches its primary: its network, and its address in it without a password."""

    network: str
    reach: dict[str, Any]


class Move(Model):
    """All of a move, in the facts of its journal under `move`.

    `run` is the key under which services are kept still. `down`: seconds they may be down until
    whoever keeps them still counts as dead. `over`: volumes that may be overwritten on their
    target. `homes`: where those that move were at home before. `replica`: the one service that
    moves is a Postgres, and goes over as a streaming replica where it can.
    """

    run: str
    moved: tuple[Moved, ...]
    pairs: tuple[Pair, ...]
    down: float
    over: tuple[str, ...] = ()
    homes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    replica: Replica | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """The names in the swarm of what moves."""
        return tuple(one.swarm_name for one in self.moved)


def of_facts(facts: Facts) -> Move:
    """The move that a journal is about."""
    return Move.model_validate(facts["move"])
