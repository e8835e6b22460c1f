"""Receivers of write-ahead logs: their services, and the jobs that make primaries ready. Pure.

One receiver for each Postgres, on the server that the log lies on. It has the password of a role
that may read the log and no table; only the job, which ends, has that of the superuser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.backup.jobs.databases import PORTS, opened
from quorate.backup.jobs.model import NOWHERE, Job, Primary, Reach, Work
from quorate.backup.jobs.names import receiver_name, secret_name
from quorate.backup.jobs.needs import Secret, Start, spool_mount
from quorate.backup.jobs.spec import LOGS
from quorate.backup.model import Kind
from quorate.backup.policy.wal import Receiver
from quorate.backup.services.form import NANO, Spec, file_of, labelled
from quorate.backup.wal.model import HOME, VARIABLE, Told
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedService
from quorate.fleet.own import LABEL_RECEIVER

END_SECONDS = 60
PROGRAM = ("python3", "-m", "quorate.backup.wal.main")
PREPARE_SECONDS = 300.0
RESTART_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Receiving:
    """A receiver on its server. `host`: its database in `network`, which both are in."""

    of: Receiver
    server: str
    host: str
    network: str

    @property
    def name(self) -> str:
        """Of its service."""
        return receiver_name(self.of.source)

    @property
    def secret(self) -> Secret:
        """The password of the role that receives: a random one, made once."""
        name = secret_name("wal", self.of.source.replace("/", "-"))
        return Secret(file=name, name=name)

    @property
    def words(self) -> str:
        """What is made ready at the primary, for people."""
        return (
            f"the primary of {self.of.source} is made ready where it is not: role {self.of.role}, "
            f"a line in its pg_hba.conf, slot {self.of.slot}"
        )


def receiving(fleet: Fleet, one: Receiver, networks: tuple[str, ...]) -> Receiving:
    """Where and how a log is received.

    Args:
        networks: overlay networks of the database's service.

    Raises:
        QuorateError: it cannot be, with why.
    """
    service = fleet.service(one.service)
    if one.server is None:
        raise QuorateError(
            f"the write-ahead log of {one.source} is received nowhere",
            cause="there is no server but the database's own",
            todo=f"name one: `wal: {{server: …}}` of {one.source} under `backup.sources`",
        )
    if "@" in one.source or service.replicas > 1:
        raise QuorateError(
            f"the write-ahead log of {one.source} is not received",
            cause=f"{service.id} has several tasks, and a receiver reaches a service, not a task",
            todo="make each Postgres a service of its own",
        )
    if not networks:
        raise QuorateError(
            f"the write-ahead log of {one.source} cannot be received",
            cause=f"{service.id} is in no overlay network of the swarm",
            todo="give it a network of its stack",
        )
    host = f"tasks.{service.swarm_name}"
    return Receiving(of=one, server=one.server, host=host, network=networks[0])


def receiver_spec(
    fleet: Fleet, one: Receiving, *, image: str, named: Mapping[str, str], ids: Mapping[str, str]
) -> Spec:
    """The service of a receiver; it runs until it is removed."""
    told = Told(
        fleet=fleet.name,
        source=one.of.source,
        reach=Reach(
            host=one.host,
            port=PORTS[Kind.POSTGRES],
            user=one.of.role,
            password_file=one.secret.path,
        ),
        slot=one.of.slot,
        schedule=one.of.schedule,
        keep=one.of.keep,
        timezone=fleet.backup.timezone,
    )
    said = told.model_dump_json(exclude_defaults=True).replace("{{", "{\\u007b")
    container = {
        "Image": image,
        "Command": list(PROGRAM),
        "Env": [f"{VARIABLE}={said}"],
        "Init": True,
        "StopGracePeriod": END_SECONDS * NANO,
        "Mounts": [{"Type": "bind", "Source": one.of.path, "Target": HOME}],
        "Secrets": [file_of(one.secret, named, ids)],
        # A primary that is away for some minutes is waited for: a restart brings nothing.
        "Healthcheck": {
            "Test": ["CMD", *PROGRAM, "health"],
            "Interval": 30 * NANO,
            "Timeout": 20 * NANO,
            "Retries": 20,
            "StartPeriod": 120 * NANO,
        },
    }
    spec: Spec = {
        "Name": one.name,
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": {"Constraints": [f"node.hostname=={one.server}"]},
            "RestartPolicy": {"Condition": "any", "Delay": RESTART_SECONDS * NANO},
            # The controller reads in it how the log is received.
            "LogDriver": LOGS,
            "Networks": [{"Target": one.network}],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        # Two in one directory: the second one would refuse.
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first"},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    return labelled(spec, fleet.name, {LABEL_RECEIVER: one.of.source})


def prepare_start(
    fleet: Fleet, one: Receiving, live: ObservedService, node: str, run: str, *, undo: bool = False
) -> Start:
    """The job that makes a primary ready, or puts it back as it was.

    Args:
        live: the database's service as it runs, which says how its superuser gets in.
        node: Swarm's id of the receiver's server.

    Raises:
        QuorateError: the superuser's password cannot be told.
    """
    way = opened(Kind.POSTGRES, one.host, live.name, live.spec)
    job = Job(
        work=Work.PREPARE,
        run=run,
        fleet=fleet.name,
        server=one.server,
        source=one.of.source,
        kind=Kind.POSTGRES,
        reach=way.reach,
        primary=Primary(
            slot=one.of.slot,
            role=one.of.role,
            room=one.of.slot_room,
            password_file=one.secret.path,
            undo=undo,
        ),
        repository=NOWHERE,
        timezone=fleet.backup.timezone,
        deadline=PREPARE_SECONDS,
    )
    return Start(
        job=job,
        node=node,
        networks=(one.network,),
        secrets=(*way.secrets, one.secret),
        mounts=(*way.mounts, spool_mount(fleet.backup)),
    )
