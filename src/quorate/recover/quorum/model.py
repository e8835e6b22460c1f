"""What is seen of the managers of a swarm, one server at a time, and of all of them. Pure."""

from __future__ import annotations

from pydantic import Field

from quorate.fleet.model import Model
from quorate.recover.quorum.raftlog import Reach

ACTIVE, PENDING, INACTIVE, LOCKED, ERROR = "active", "pending", "inactive", "locked", "error"
"""What an engine says of its swarm (`LocalNodeState`)."""


class Listed(Model):
    """A node, as a manager that works lists it.

    `manager`: what it is to be; `member`: it is one, in raft; `reached`: the leader reaches it.
    """

    id: str
    hostname: str
    manager: bool = False
    member: bool = False
    ready: bool = True
    reached: bool = True


class Seen(Model):
    """One server of the fleet.

    `leads`: the fleet file makes it a manager. `ssh`: the machine answers; `engine`: its engine
    does. `state`: what the engine says of its swarm. `node` and `cluster` are ids, `manager` its
    role there, all from its certificate, so that they are known of a stopped engine too. `works`:
    a manager that has a leader; then `listed` are the nodes, and `forced` is when a cluster was
    last forced there (a time, "" for never). `address` is where other managers reach it, `peers`
    are the addresses of all managers it knows, its own among them. `log`: how far its log reaches.
    """

    server: str
    leads: bool = False
    ssh: bool = False
    engine: bool = False
    state: str = ""
    node: str = ""
    cluster: str = ""
    manager: bool = False
    works: bool = False
    forced: str = ""
    address: str = ""
    peers: tuple[str, ...] = ()
    log: Reach | None = None
    listed: tuple[Listed, ...] = ()
    error: str = ""

    @property
    def answers(self) -> bool:
        """Whether anything of it does."""
        return self.ssh or self.engine

    @property
    def runs(self) -> bool:
        """Its engine is up and in a swarm, whether that has a leader or not."""
        return self.engine and self.state in (ACTIVE, PENDING)


class Sight(Model):
    """All servers of a fleet at one time.

    `alive`: addresses of managers that no server of the fleet answers for, and yet answer: who
    reaches them, in words.
    """

    fleet: str
    servers: tuple[Seen, ...]
    alive: dict[str, str] = Field(default_factory=dict)

    def of(self, server: str) -> Seen:
        """The server of that name; KeyError when there is none."""
        for one in self.servers:
            if one.server == server:
                return one
        raise KeyError(server)
