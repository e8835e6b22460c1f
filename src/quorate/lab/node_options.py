"""How a node's container is created. Pure: facts in, `docker create` arguments out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate.lab.state import Node

LABEL_LAB = "quorate.lab"
LABEL_SERVER = "quorate.lab.server"
LABEL_SPEC = "quorate.lab.spec"
LABEL_DIRECTORY = "quorate.lab.directory"

# Linux's capabilities by number (capability.h), as far as every engine from
# 20.10 on knows them by name.
# fmt: off
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
)
# fmt: on


def missing_capabilities(process_status: str) -> tuple[str, ...]:
    """Capabilities this machine cannot give away.

    Args:
        process_status: the text of /proc/self/status; its CapBnd line is the bound.
    """
    for line in process_status.splitlines():
        if line.startswith("CapBnd:"):
            bound = int(line.split()[1], 16)
            return tuple(
                name for number, name in enumerate(CAPABILITIES) if not bound >> number & 1
            )
    return ()


def rights(*, privileged: bool, missing: Iterable[str] = ()) -> tuple[str, ...]:
    """What a node may do: everything, or everything this machine has to give.

    Full `--privileged` is refused where the machine itself lacks a capability;
    its parts can be had one by one.
    """
    # An engine that remaps users must not do so for a node.
    common = ("--cgroupns", "private", "--userns", "host")
    if privileged:
        return ("--privileged", *common)
    out = ["--cap-add", "ALL"]
    for name in missing:
        out += ["--cap-drop", name]
    for profile in ("seccomp", "apparmor", "systempaths"):
        out += ["--security-opt", f"{profile}=unconfined"]
    # With SELinux, the lab's files would otherwise be out of reach.
    out += ["--security-opt", "label=disable"]
    return (*out, "--device-cgroup-rule", "a *:* rwm", *common)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What all nodes of a lab have in common.

    `rights` as from :func:`rights`; `modules` mounts the machine's kernel modules.
    """

    lab: str
    network: str
    image: str
    rights: tuple[str, ...]
    modules: bool = False


def create_arguments(node: Node, frame: Frame, *, directory: Path) -> list[str]:
    """Arguments of `docker create` for a node, `create` itself left out.

    `directory` is the node's own, two below the lab's.

    `/run` and `/tmp` are emptied by a restart, as on a real server: nothing
    stale is left for the engine to trip over after a power cut.
    """
    arguments = [
        *("--name", node.container, "--hostname", node.server),
        *("--label", f"{LABEL_LAB}={frame.lab}", "--label", f"{LABEL_SERVER}={node.server}"),
        *("--label", f"{LABEL_DIRECTORY}={directory.parent.parent}"),
        *("--network", frame.network, "--ip", node.address, "--network-alias", node.server),
        *("--cpuset-cpus", node.cpuset, "--memory", str(node.memory)),
        *("--tmpfs", "/run:rw,exec,mode=755", "--tmpfs", "/tmp:rw,exec,mode=1777"),
        *("-v", f"{node.volume}:/var/lib/docker", "-v", f"{directory}:/lab:ro"),
        *frame.rights,
    ]
    if frame.modules:
        arguments += ["-v", "/lib/modules:/lib/modules:ro"]
    digest = hashlib.sha256("\0".join([*arguments, frame.image]).encode()).hexdigest()[:16]
    return [*arguments, "--label", f"{LABEL_SPEC}={digest}", frame.image]


def spec_digest(arguments: Sequence[str]) -> str:
    """The digest `create_arguments` put in the label, to compare with a node that exists."""
    prefix = f"{LABEL_SPEC}="
    return next(item.removeprefix(prefix) for item in arguments if item.startswith(prefix))
