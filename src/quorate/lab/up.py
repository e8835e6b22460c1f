"""Bringing a lab up and taking it down."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from ipaddress import IPv4Network
from pathlib import Path

from quorate.errors import LabError
from quorate.fleet.model import Fleet
from quorate.lab import (
    compose_stacks,
    engine,
    faults,
    keys,
    machine,
    nodeimage,
    nodes,
    outside,
    probe,
    registry,
    removal,
    sizes,
    state,
    trust,
)
from quorate.lab.engine import LabEngine
from quorate.lab.node_options import Frame
from quorate.lab.progress import Aside, Progress, Silent, step
from quorate.lab.state import Lab, Node
from quorate.tools import clock, command, filelock

LOCK_SECONDS = 30.0


def bring_up(
    fleet: Fleet, *, progress: Progress | None = None, upstream: bool = False, disk: int = 0
) -> Lab:
    """Build the lab of a fleet, or finish or repair one that is there.

    Ends with every node's engine answering, able to pull every image of the
    fleet under its own name; the nodes are not a swarm yet. Running it again
    changes nothing that is right already, and starts what is off. A run that was
    interrupted is continued.

    Args:
        upstream: let the nodes resolve names outside the lab and pull from there.
        disk: bytes of a disk of each node's own; 0: as it was, or none.

    Raises:
        LabError: the lab cannot be built; nothing needs cleaning up before a retry.
        LockedError: another command works on the same lab.
    """
    listener = progress or Silent()
    name = sizes.slug(fleet.name)
    with _lock(name):
        known = _known(name, fleet)
        found = engine.ensure(progress=listener, extra=known.engine_socket if known else None)
        _refuse_foreign(found, name)
        lab = _describe(fleet, name, found, known, upstream=upstream)
        lab = lab.model_copy(update={"disk": _disk(known, disk)})
        lab = state.save(registry.announce(lab, fleet))
        nodes.ensure_network(lab)
        nodeimage.ensure_base(found, progress=listener)
        # Building images and starting nodes wait for different things.
        with ThreadPoolExecutor(max_workers=1) as pool:
            servers = pool.submit(_bring_up_nodes, lab, found, Aside(listener))
            supplied = registry.supply(lab, fleet, found, progress=listener)
            lab = servers.result().model_copy(update={"images": supplied.images})
        with step(listener, "let the nodes use the registry"):
            lab = trust.trust_registry(lab, supplied.registry)
        compose_stacks.start_all(fleet, lab, listener)
        return state.save(lab.model_copy(update={"complete": True}))


def _bring_up_nodes(lab: Lab, found: LabEngine, progress: Progress) -> Lab:
    """Make the node image, probe the kernel and start every node."""
    image = nodeimage.ensure_node(found, progress=progress)
    with step(progress, "probe the kernel") as details:
        lab, frame = _probe(lab, found, image)
        details.extend(feature_words(lab))
    with step(progress, f"start {len(lab.nodes)} nodes") as details:
        started = clock.monotonic()
        _start(lab, frame)
        details.append(f"engines answer after {clock.monotonic() - started:.1f} s")
    outside.bring_up(lab, found, progress=progress)
    return lab


def take_down(lab: Lab, *, progress: Progress | None = None) -> dict[str, int]:
    """Remove everything the lab made, and nothing else; how many of each kind.

    Where the lab's own engine was stopped, it is started for this: what the lab
    left in it must go too.

    Raises:
        LabError: something would not go; the rest of the lab is kept for a retry.
    """
    listener = progress or Silent()
    with _lock(lab.name):
        if not engine.answers(lab.engine_socket):
            engine.ensure(progress=listener, extra=lab.engine_socket)
        if not engine.answers(lab.engine_socket):
            raise LabError(
                f"the engine on {lab.engine_socket}, which holds the lab, does not answer",
                todo="start it, then run `quorate lab down` again",
            )
        with step(listener, f"remove the lab {lab.name}"):
            counts = removal.remove(lab.engine_socket, lab.name)
            state.forget(lab)
        return counts


def feature_words(lab: Lab) -> list[str]:
    """What the kernel gives the lab, in words."""
    has = lab.features
    return [
        "routing mesh works" if has.ipvs else "no IPVS: ports in host mode, names by DNS",
        "networks can be encrypted" if has.encrypted_overlay else "no encryption between nodes",
        f"iptables {has.iptables}",
        "privileged nodes" if has.privileged else "nodes with single capabilities",
    ]


def _lock(name: str) -> AbstractContextManager[None]:
    return filelock.hold(
        state.labs_directory() / f"{name}.lock", what=f"the lab {name}", timeout=LOCK_SECONDS
    )


def _known(name: str, fleet: Fleet) -> Lab | None:
    """The state of this lab from an earlier run.

    Raises:
        LabError: a lab of that name belongs to another fleet file.
    """
    known = state.by_name(name)
    if known is not None and known.fleet_path != fleet.path.resolve():
        raise LabError(
            f"a lab named {name} already runs, for {known.fleet_path}",
            cause="both fleet files give their fleet the same name",
            todo=f"run `quorate lab down {known.fleet_path}`, or change `name:` in one",
        )
    return known


def _disk(known: Lab | None, wanted: int) -> int:
    """The size of each node's disk.

    Raises:
        LabError: the nodes are there, and have others.
    """
    if known is None or not wanted or known.disk == wanted:
        return wanted or (known.disk if known else 0)
    has = f"disks of {known.disk} bytes" if known.disk else "no disks of their own"
    raise LabError(
        f"the nodes of the lab {known.name} have {has}",
        cause="a disk is made with its node",
        todo=f"run `quorate lab down {known.fleet_path}`, then `quorate lab up` again",
    )


def _refuse_foreign(found: LabEngine, name: str) -> None:
    """Names of nodes belong to the engine, the state to a person: they must agree.

    What is left of a lab whose state is gone is taken over.

    Raises:
        LabError: another person's lab of that name runs on the same engine.
    """
    mine = state.labs_directory() / name
    for directory in nodes.directories(found.socket, name) - {mine}:
        if (directory / state.FILE_NAME).exists():
            raise LabError(
                f"a lab named {name} already runs on this engine",
                cause=f"it was brought up by somebody else: its state is in {directory}",
                todo=f"change `name:` in the fleet file, or run `quorate lab down` with "
                f"XDG_STATE_HOME={directory.parents[2]}",
            )


def _describe(
    fleet: Fleet, name: str, found: LabEngine, known: Lab | None, *, upstream: bool
) -> Lab:
    """Size the lab and write its state, so that an interrupted run leaves a trace."""
    size = sizes.fit(
        fleet.servers,
        machine_memory=machine.memory(),
        threads=sorted(os.sched_getaffinity(0)),
    )
    network = f"quorate.{name}"
    subnet = nodes.network_subnet(found.socket, network)
    if subnet is None:
        subnet = str(sizes.choose_subnet(name, nodes.taken_subnets(found.socket)))
    directory = state.labs_directory() / name
    members = tuple(
        Node(
            server=server.name,
            container=f"quorate.{name}.{server.name}",
            volume=f"quorate.{name}.{server.name}",
            address=sizes.address(IPv4Network(subnet), index),
            memory=size.memory[server.name],
            cpus=size.cpus[server.name],
            cpuset=size.cpusets[server.name],
        )
        for index, server in enumerate(fleet.servers)
    )
    return state.save(
        Lab(
            name=name,
            fleet_path=fleet.path.resolve(),
            directory=directory,
            override=directory / "override.yaml",
            ssh_config=directory / "ssh_config",
            engine_socket=found.socket,
            network=network,
            subnet=subnet,
            upstream=upstream,
            nodes=members,
            memory_factor=size.memory_factor,
            cpu_factor=size.cpu_factor,
            features=known.features if known else state.Features(),
            images=known.images if known else {},
            registry=known.registry if known else None,
            cuts=known.cuts if known else (),
            outside=outside.described(fleet, lab=name, subnet=subnet),
        )
    )


def _probe(lab: Lab, found: LabEngine, image: str) -> tuple[Lab, Frame]:
    rights, privileged = probe.node_rights(found, image)
    modules = probe.machine_has_modules()
    features = probe.features(found, image, rights=rights, privileged=privileged, modules=modules)
    frame = Frame(
        lab=lab.name,
        network=lab.network,
        image=image,
        rights=rights,
        modules=modules,
    )
    return state.save(lab.model_copy(update={"features": features, "node_image": image})), frame


def _start(lab: Lab, frame: Frame) -> None:
    keys.ensure_keys(lab, [node.server for node in lab.nodes])
    nodes.write_files(lab)
    for node in lab.nodes:
        trust.write_trust(lab, node)
    keys.write_configuration(lab, command.resolve("docker"))
    outside.write_keys(lab)
    write_override(lab)
    nodes.remove_strangers(lab)

    def work(node: Node) -> None:
        nodes.ensure_running(lab, node, frame)
        nodes.wait_ready(lab, node)

    nodes.in_parallel(work, lab.nodes)
    if lab.cuts:
        faults.apply_cuts(lab, [node.server for node in lab.nodes])


def write_override(lab: Lab) -> Path:
    """Write the fleet file's override: servers, and repositories outside, are the lab's."""
    servers = {
        node.server: {
            "address": node.server,
            "ssh": {"user": "root", "config": str(lab.ssh_config)},
        }
        for node in lab.nodes
    }
    # JSON is YAML; nothing else writes this file.
    lab.override.write_text(
        json.dumps({"servers": servers, **outside.override(lab)}, indent=2) + "\n"
    )
    return lab.override
