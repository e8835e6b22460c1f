"""Large fleets as they are in reality, from a seed: servers, stacks and all kinds of rules.

Feasible by construction: every task is put somewhere while the fleet is made, by the
rules the planner has to keep. That hidden placement is `Estate.homes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.estate_rooms import Rooms
from quorate.fleet.model import (
    Disk,
    Engine,
    Fleet,
    Isolation,
    Load,
    Mode,
    Policy,
    Port,
    Role,
    Server,
    Service,
    Stack,
    StackFiles,
    State,
    VolumeUse,
)

GIB, MIB = 2**30, 2**20
REPLICAS_PER_SERVER = 20
FILL = 0.65
"""Share of the servers' memory and CPU that all services together use in ordinary times."""

SIZES = (
    (16, 64, 1.0, 5),
    (24, 96, 1.1, 6),
    (32, 128, 1.0, 8),
    (48, 192, 1.3, 5),
    (64, 256, 1.2, 3),
)
"""Threads, GiB, speed, how common."""

CLASSES = ("production",) * 9 + ("data",) * 3 + ("ci",) * 2 + ("monitoring",) + ("staging",) * 4
COPIES = (1,) * 40 + (2,) * 20 + (3,) * 12 + (4, 5, 6, 7, 8) * 3 + (9, 10, 12, 14, 16, 20) * 2
PORTS = tuple(range(8000, 8040))
GLOBALS = (("node-exporter", ()), ("log-agent", ()), ("disk-watch", ("node.labels.disk == ssd",)))


@dataclass(kw_only=True)
class Estate:
    """A fleet, and one placement that keeps its rules: service id → server of every task."""

    fleet: Fleet
    homes: dict[str, tuple[str, ...]]


@dataclass
class _Draft:
    """A service on its way, in whole MiB and thousandths."""

    name: str
    stack: str
    fields: dict[str, Any]
    memory: float
    cpu: float
    burst: float
    copies: int
    near: _Draft | None = None
    apart: list[_Draft] = field(default_factory=list)
    wants_pin: bool = False
    homes: tuple[str, ...] = field(default=())


def make(*, replicas: int, seed: int = 1, servers: int | None = None) -> Estate:
    """An estate with so many replicas of placed services, on one server for each twenty.

    Args:
        replicas: tasks of replicated services; global ones come on top.
        seed: the same seed, the same estate.
        servers: how many, when not one for each twenty replicas.
    """
    dice = Random(seed)
    machines = _servers(dice, servers or max(4, replicas // REPLICAS_PER_SERVER))
    drafts = _drafts(dice, replicas)
    _fit(drafts, machines)
    globals_ = [_global(name, constraints) for name, constraints in GLOBALS]
    mail = _mail()
    rooms = Rooms(machines, outside={machines[-1].name: (mail.load.memory, mail.load.cpu)})
    for service in globals_:
        rooms.everywhere(service)
    # What may go to few places goes first, then what is large.
    for draft in sorted(drafts, key=lambda d: (not d.wants_pin, not d.fields, -d.memory)):
        _settle(draft, rooms)
    services = [*(_service(draft) for draft in drafts), *globals_, mail]
    homes = {draft.name: draft.homes for draft in drafts}
    homes |= {service.id: rooms.reached(service) for service in globals_}
    homes[mail.id] = (machines[-1].name,)
    return Estate(fleet=_fleet(machines, services, replicas), homes=homes)


def _servers(dice: Random, number: int) -> list[Server]:
    zones = [f"z{index}" for index in range(max(2, min(8, number // 10)))]
    made = []
    for index in range(number):
        cpus, memory, speed, _ = dice.choices(SIZES, [common for *_, common in SIZES])[0]
        kind = dice.choices(("ssd", "hdd", "nvme"), (6, 3, 1))[0] if index else "ssd"
        zone = zones[index % len(zones)]
        labels = {"disk": "hdd" if kind == "hdd" else "ssd", "room": zone}
        if dice.random() < 0.1:
            labels["gpu"] = "yes"
        made.append(
            Server(
                name=f"server{index:04}",
                address=f"10.{index // 250}.{index % 250}.1",
                role=Role.MANAGER if index < min(5, number) else Role.WORKER,
                cpus=cpus,
                speed=speed,
                memory=memory * GIB,
                disks=(Disk(name="data", size=dice.choice((1, 2, 4)) * 2048 * GIB, kind=kind),),
                labels=labels,
                zone=zone,
                uptime_days=float(dice.choice((3, 12, 40, 90, 200)))
                if dice.random() < 0.8
                else None,
                reliability=dice.choice((0.99, 0.995, 0.999)) if dice.random() < 0.5 else None,
            )
        )
    return made


def _drafts(dice: Random, replicas: int) -> list[_Draft]:
    drafts: list[_Draft] = []
    left = replicas
    while left > 0:
        stack = f"stack{len({d.stack for d in drafts}):04}"
        kind = dice.choice(CLASSES)
        mates: list[_Draft] = []
        for number in range(dice.randint(4, 16)):
            if left <= 0:
                break
            copies = min(left, dice.choice(COPIES))
            draft = _draft(dice, f"{stack}-s{number}", stack, kind, copies)
            left -= draft.copies
            _acquaint(dice, draft, mates, drafts)
            mates.append(draft)
        drafts += mates
    return drafts


def _draft(dice: Random, name: str, stack: str, kind: str, copies: int) -> _Draft:
    keeps = dice.random() < (0.5 if kind == "data" else 0.1)
    fields: dict[str, Any] = {"workload_class": kind}
    if keeps:
        copies = min(copies, dice.choice((1, 1, 1, 3)))
        fields["state"] = dice.choice((State.POSTGRES, State.VOLUME, State.REDIS))
        fields["volumes"] = (VolumeUse(kind="volume", source=f"{name}-data", target="/data"),)
        fields["data_size"] = dice.choice((1, 5, 20, 80)) * GIB
    if dice.random() < 0.2:
        fields["constraints"] = (
            dice.choice(
                ("node.labels.disk == ssd",) * 4
                + ("node.labels.disk != hdd", "node.role == worker", "node.labels.room == z1")
            ),
        )
    if copies > 1 and dice.random() < 0.15:
        fields["max_replicas_per_node"] = dice.choice((1, 2))
    if copies <= 3 and dice.random() < 0.04:
        fields["ports"] = (Port(target=80, published=dice.choice(PORTS), mode="host"),)
    spiky = kind == "ci" and dice.random() < 0.6
    cpu = dice.lognormvariate(-1.6, 0.9)
    return _Draft(
        name=name,
        stack=stack,
        fields=fields,
        memory=dice.lognormvariate(6.6, 0.9),
        cpu=cpu,
        burst=dice.choice((3.0, 4.0)) if spiky else dice.choice((1.0, 1.5, 2.0)),
        copies=copies,
        wants_pin=keeps and dice.random() < 0.5,
    )


def _acquaint(dice: Random, draft: _Draft, mates: list[_Draft], others: list[_Draft]) -> None:
    """Whom it needs, wants near, or must not meet: mostly services of its own stack."""
    if mates:
        known = dice.sample(mates, min(len(mates), dice.choice((0, 1, 1, 2))))
        needs = [mate.name for mate in known]
        if others and dice.random() < 0.1:
            needs.append(dice.choice(others).name)
        draft.fields["needs"] = tuple(needs)
        mate = dice.choice(mates)
        free = not (mate.near or mate.apart) and mate.copies == draft.copies == 1
        if free and not draft.wants_pin and not mate.wants_pin and dice.random() < 0.15:
            draft.near = mate
            mate.near = draft
            # What moves together must have the same rules to be sure to fit.
            for key in ("constraints", "ports"):
                draft.fields.pop(key, None)
                mate.fields.pop(key, None)
            draft.fields["near"] = (mate.name,)
        elif mate.near is None and draft.near is None and dice.random() < 0.06:
            draft.apart.append(mate)
            mate.apart.append(draft)
            draft.fields["apart"] = (mate.name,)


def _fit(drafts: list[_Draft], machines: list[Server]) -> None:
    """Scale what services use so that all together fill the servers as far as wanted."""
    memory = sum(draft.memory * draft.copies for draft in drafts) * MIB
    cpu = sum(draft.cpu * draft.copies for draft in drafts)
    by_memory = FILL * sum(server.memory for server in machines) / memory
    by_cpu = FILL * sum(server.cpus * server.speed for server in machines) / cpu
    largest = min(server.memory for server in machines) / MIB / 4
    fastest = min(server.cpus for server in machines) / 4
    for draft in drafts:
        draft.memory = max(16, round(min(draft.memory * by_memory, largest)))
        draft.cpu = max(0.01, round(min(draft.cpu * by_cpu, fastest), 3))


def _settle(draft: _Draft, rooms: Rooms) -> None:
    """Find its homes; what has no room gives up a rule, then half its size."""
    given_up = iter(("near", "ports", "apart", "constraints", "max_replicas_per_node"))
    at = draft.near.homes[:1] if draft.near else ()
    while True:
        avoid = [name for other in draft.apart for name in other.homes]
        homes = rooms.put(_service(draft), at=at, avoid=avoid)
        if homes is not None:
            break
        rule = next(given_up, None)
        if rule == "near" and draft.near is not None:
            draft.near.fields.pop("near", None)
            draft.near, at = None, ()
        elif rule == "apart":
            for other in draft.apart:
                other.fields.pop("apart", None)
            draft.apart = []
        if rule is not None:
            draft.fields.pop(rule, None)
        else:
            draft.memory, draft.cpu = draft.memory / 2, round(draft.cpu / 2, 3)
    draft.homes = homes
    if draft.wants_pin and draft.near is None:
        draft.fields["pins"] = tuple(sorted(set(draft.homes)))


def _service(draft: _Draft) -> Service:
    memory, cpu = int(draft.memory) * MIB, draft.cpu
    return Service(
        id=draft.name,
        name=draft.name,
        stack=draft.stack,
        image="registry.example.com/estate/app:1.0",
        replicas=draft.copies,
        load=Load(
            memory=memory,
            memory_peak=memory * 5 // 4,
            cpu=cpu,
            cpu_peak=round(cpu * draft.burst, 3),
            network=1e5,
            network_peak=1e5,
            spiky=draft.fields["workload_class"] == "ci" and draft.burst > 2,
        ),
        reservation_memory=memory,
        reservation_cpus=cpu,
        networks=("default",),
        has_healthcheck=True,
        **draft.fields,
    )


def _global(name: str, constraints: tuple[str, ...]) -> Service:
    return Service(
        id=name,
        name=name,
        stack="agents",
        image="registry.example.com/estate/agent:1.0",
        mode=Mode.GLOBAL,
        workload_class="monitoring",
        constraints=constraints,
        load=Load(memory=64 * MIB, memory_peak=64 * MIB, cpu=0.05, cpu_peak=0.05),
        reservation_memory=64 * MIB,
        reservation_cpus=0.05,
        networks=("default",),
        has_healthcheck=True,
    )


def _mail() -> Service:
    """A stack that Swarm cannot run, on the last server."""
    return Service(
        id="mail",
        name="mail",
        stack="mail",
        engine=Engine.COMPOSE,
        image="registry.example.com/estate/mail:1.0",
        load=Load(memory=2 * GIB, memory_peak=3 * GIB, cpu=0.5, cpu_peak=1.0),
        reservation_memory=2 * GIB,
        reservation_cpus=0.5,
        networks=("default",),
        has_healthcheck=True,
    )


def _fleet(machines: list[Server], services: list[Service], replicas: int) -> Fleet:
    names = dict.fromkeys(service.stack for service in services)
    pinned = {"mail": machines[-1].name}
    services = [
        s if s.engine is Engine.SWARM else s.model_copy(update={"pins": (pinned[s.stack],)})
        for s in services
    ]
    return Fleet(
        name=f"estate-{replicas}",
        path=Path("fleet.yaml"),
        servers=tuple(machines),
        stacks=tuple(
            Stack(
                name=name,
                files=(Path(f"{name}.yaml"),),
                engine=Engine.COMPOSE if name in pinned else Engine.SWARM,
                server=pinned.get(name),
            )
            for name in names
        ),
        services=tuple(services),
        files=tuple(StackFiles(stack=name, directory=Path()) for name in names),
        policy=Policy(
            survive=1,
            headroom_memory=0.1,
            isolation=(
                Isolation(spiky="ci", away_from="production"),
                Isolation(spiky="ci", away_from="data"),
            ),
        ),
        digest="0" * 64,
    )
