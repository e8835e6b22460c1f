"""What is known of a fleet's servers when one comes, goes, or changes its role. Pure."""

from __future__ import annotations

from pydantic import Field

from quorate.fleet.model import Model


class Member(Model):
    """A server of the fleet file, and its node.

    `leads`: the fleet file makes it a manager; `manager`: Swarm does. `ready`: its node is;
    `raft`: it is one of those of whom a majority decides; `reached`: and the leader reaches it.
    `answers`: its engine does.
    """

    name: str
    leads: bool = False
    node: str = ""
    manager: bool = False
    ready: bool = False
    raft: bool = False
    reached: bool = False
    answers: bool = False

    @property
    def lost(self) -> bool:
        """Whether it is a manager in name only: of a cluster that was forced without it, or gone.

        One that was made a worker to be drained is none of these: it will be a manager again.
        """
        named = self.manager or not (self.node or self.answers)
        return named and not (self.raft or self.ready)

    @property
    def counts(self) -> bool:
        """Whether it is one of the managers of whom most must live, or is about to be."""
        return self.raft or ((self.manager or self.leads) and not self.lost)


class Holding(Model):
    """A volume on a server. `services`: those of the fleet that keep data in it; `live`: one of
    their tasks runs there; `elsewhere`: other servers that have a volume of that name."""

    volume: str
    services: tuple[str, ...] = ()
    live: bool = False
    elsewhere: tuple[str, ...] = ()


class Leaving(Model):
    """What is known of a server that is to go.

    `problems`: what is wrong with the fleet file without it; `homeless`: why the services find no
    place on the others; `repositories`: those of backups on its disk; `kept`: stacks that run by
    compose on it, and other things that are its alone. `tasks`: how many run there.
    """

    server: str
    problems: tuple[str, ...] = ()
    homeless: tuple[str, ...] = ()
    holdings: tuple[Holding, ...] = ()
    repositories: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    tasks: int = 0


class Machine(Model):
    """A machine that is to join. `system`: as /etc/os-release calls it; `like`: its families.

    `root`: Quorate may be root there. `engine`: an engine answers, `version` its version; `swarm`:
    the state it is in. `installed`: there is a docker or a dockerd; `kept`: volumes of one. `ufw`:
    its firewall is active. `blocked`: managers whose port 2377 it does not reach. `memory` and
    `disk` (free, where engines keep data) in bytes, None where it does not tell.
    """

    name: str
    address: str
    host_name: str = ""
    system: str = ""
    like: tuple[str, ...] = ()
    root: bool = False
    engine: bool = False
    version: str = ""
    installed: bool = False
    kept: bool = False
    swarm: str = "inactive"
    ufw: bool = False
    memory: int | None = None
    disk: int | None = None
    blocked: tuple[str, ...] = ()
    odd: tuple[str, ...] = Field((), description="What it does not tell.")

    @property
    def bare(self) -> bool:
        """Whether it never had an engine, as a machine that was just unpacked.

        One that has not told all of itself counts as none.
        """
        return not (self.engine or self.installed or self.kept or self.odd)
