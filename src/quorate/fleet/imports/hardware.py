"""A server's hardware, from what its own programs print. Pure; odd output gives no figure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field

from quorate.fleet.model import Model

REFERENCE_SPEED = 600.0
"""MiB of MD5 a second by one thread that counts as speed 1.0: a desktop processor of about 2018."""

SPEED_MEBIBYTES = 192
NOTEWORTHY = 32 * 2**20
GIB = 2**30
VIRTUAL = ("vd", "xvd")

KNOWN_SERVICES = {
    "nfsd": "NFS server", "rpc.nfsd": "NFS server", "rpc.mountd": "NFS server",
    "bacula-dir": "Bacula director", "bacula-sd": "Bacula storage", "bacula-fd": "Bacula client",
    "smbd": "Samba", "mysqld": "MySQL", "mariadbd": "MariaDB", "postgres": "PostgreSQL",
    "redis-server": "Redis", "nginx": "nginx", "apache2": "Apache", "httpd": "Apache",
    "libvirtd": "libvirt", "qemu-system-x86": "virtual machines", "qemu-system-x86_64":
    "virtual machines", "kvm": "virtual machines", "named": "DNS server", "dnsmasq": "dnsmasq",
    "prometheus": "Prometheus", "node_exporter": "node exporter", "zabbix_agentd": "Zabbix agent",
    "slapd": "LDAP server", "mongod": "MongoDB", "java": "Java", "master": "Postfix",
}  # fmt: skip
_ENGINE = frozenset(
    ("dockerd", "containerd", "containerd-shim", "docker-proxy", "docker-init", "runc", "sshd",
     "systemd", "systemd-journal", "systemd-resolve", "init", "ps", "sh", "bash")
)  # fmt: skip
_PAIR = re.compile(r'(\w+)="([^"]*)"')
_PROCESS = re.compile(r'"([^"]+)",pid=(\d+)')


class FoundDisk(Model):
    """A disk: bytes; `kind` nvme, ssd or hdd; `mount` is where its largest file system is."""

    name: str
    size: int
    kind: str
    mount: str = "/"


class Outside(Model):
    """A program that runs outside of containers and keeps memory, or listens."""

    name: str
    memory: int = Field(description="Bytes that are its own or shared.")
    ports: tuple[int, ...] = Field((), description="Ports it listens on, other than on loopback.")


class Hardware(Model):
    """What was found out about a server. None where it could not be told."""

    name: str = Field("", description="Its host name.")
    cpu: str = Field("", description="The processor, as it calls itself.")
    threads: int | None = Field(None, description="CPU threads.")
    speed: float | None = Field(
        None, description="Speed of one thread: MiB of MD5 a second, over 600."
    )
    busy: bool = Field(False, description="Others kept it busy meanwhile: the speed is too low.")
    memory: int | None = Field(None, description="Memory in bytes.")
    disks: tuple[FoundDisk, ...] = Field((), description="Its disks.")
    uptime_days: float | None = Field(None, description="Days since it was started.")
    system: str = Field("", description="Operating system.")
    kernel: str = Field("", description="Kernel.")
    docker: str = Field("", description="Version of its engine.")
    role: str | None = Field(None, description="Its role in a swarm, if it is in one.")
    containers: tuple[str, ...] = Field((), description="Containers outside Swarm.")
    outside: tuple[Outside, ...] = Field((), description="Programs outside of containers.")
    odd: tuple[str, ...] = Field((), description="What it did not tell, or not in a known form.")


def sections(text: str) -> dict[str, list[str]]:
    """The `@section` blocks of the script's output."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("@"):
            lines = found.setdefault(line[1:].strip(), [])
        elif line.strip():
            lines.append(line)
    return found


def read_hardware(text: str) -> Hardware:
    """The hardware from the script's output; never raises."""
    said = sections(text)
    odd = []

    def lines(name: str) -> list[str]:
        return said.get(name, [])

    threads = _number(first(lines("nproc")))
    memory = _memory(lines("meminfo"))
    speed = _speed(lines("speed"))
    disks = read_disks(lines("lsblk"), lines("df"))
    for missing, what in (
        (not threads, "CPU threads (nproc)"), (not memory, "memory (/proc/meminfo)"),
        (speed is None, "speed (md5sum, date)"), (not disks, "disks (lsblk, df)"),
        ("end" not in said, "everything: it broke off"),
    ):  # fmt: skip
        if missing:
            odd.append(f"does not tell its {what}")
    odd += [
        f"has a virtual disk {disk.name}: taken for an SSD"
        for disk in disks
        if disk.name.startswith(VIRTUAL)
    ]
    load = _decimal(first(lines("load")).split(" ")[0])
    state, _, manages = first(lines("swarm")).partition(" ")
    role = ("manager" if manages == "true" else "worker") if state == "active" else None
    uptime = _decimal(first(lines("uptime")).split(" ")[0])
    return Hardware(
        name=first(lines("hostname")),
        cpu=_cpu(lines("cpuinfo")),
        threads=threads or None,
        speed=speed,
        busy=bool(load and threads and load > max(1.0, threads / 2)),
        memory=memory or None,
        disks=disks,
        uptime_days=round(uptime / 86400, 1) if uptime is not None else None,
        system=_system(lines("os")),
        kernel=first(lines("kernel")),
        docker=first(lines("docker")),
        role=role,
        containers=tuple(
            parts[1] for parts in (line.split() for line in lines("containers")) if len(parts) == 2
        ),
        outside=read_outside(lines("processes"), lines("listening"), lines("cgroups")),
        odd=tuple(odd),
    )


def first(lines: list[str]) -> str:
    """The first line, trimmed; "" when there is none."""
    return lines[0].strip() if lines else ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else 0


def _decimal(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text) else None


def _memory(lines: list[str]) -> int:
    for line in lines:
        match = re.fullmatch(r"MemTotal:\s+(\d{1,15}) kB", line.strip())
        if match:
            return int(match[1]) * 1024
    return 0


def _cpu(lines: list[str]) -> str:
    found = [line.partition(":")[2].strip() for line in lines if ":" in line]
    return " ".join((found[0] if found else "").split())


def _system(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"' ")
    return ""


def _speed(lines: list[str]) -> float | None:
    """The best round: others can only make it slower. Nanoseconds at its start and end."""
    times = []
    for line in lines:
        begin, _, end = line.partition(" ")
        if _number(begin) and _number(end) > _number(begin):
            times.append((_number(end) - _number(begin)) / 1e9)
    if not times:
        return None
    return round(SPEED_MEBIBYTES / min(times) / REFERENCE_SPEED, 2)


def read_disks(blocks: Iterable[str], tables: Iterable[str]) -> tuple[FoundDisk, ...]:
    """Physical disks from `lsblk -P`; from `df` where there is none (a container)."""
    entries = [dict(_PAIR.findall(line)) for line in blocks]
    mounts: dict[str, list[str]] = {}
    parents = {entry.get("NAME", ""): entry.get("PKNAME", "") for entry in entries}
    for entry in entries:
        if entry.get("MOUNTPOINT", "").startswith("/"):
            mounts.setdefault(_root(entry.get("NAME", ""), parents), []).append(entry["MOUNTPOINT"])
    found = []
    for entry in entries:
        size = _number(entry.get("SIZE", ""))
        name = entry.get("NAME", "")
        if entry.get("TYPE") != "disk" or size < GIB or name.startswith(("zram", "loop", "ram")):
            continue
        place = _mount(mounts.get(name, []))
        found.append(FoundDisk(name=name, size=size, kind=_kind(name, entry), mount=place))
    return tuple(found) or _from_df(tables)


def _kind(name: str, entry: dict[str, str]) -> str:
    """A virtual disk calls itself rotational whatever is under it, and is taken for an SSD."""
    if name.startswith("nvme"):
        return "nvme"
    virtual = name.startswith(VIRTUAL)
    return "hdd" if entry.get("ROTA") == "1" and not virtual else "ssd"


def _root(name: str, parents: dict[str, str]) -> str:
    for _ in range(8):
        if not parents.get(name):
            break
        name = parents[name]
    return name


def _mount(places: list[str]) -> str:
    """`/` when it is among them; else the one nearest to the root that is not for booting."""
    real = [place for place in places if not place.startswith(("/boot", "/etc", "/snap"))]
    return min(real or ["/"], key=len)


def _from_df(lines: Iterable[str]) -> tuple[FoundDisk, ...]:
    for line in lines:
        parts = line.split()
        if len(parts) == 6 and parts[5] == "/" and _number(parts[1]) * 1024 >= GIB:
            return (FoundDisk(name="system", size=_number(parts[1]) * 1024, kind="ssd"),)
    return ()


def read_outside(
    processes: Iterable[str], listening: Iterable[str], contained: Iterable[str]
) -> tuple[Outside, ...]:
    """Services outside of containers, the largest first: known ones, those that listen, and
    those started by init that keep memory.
    """
    inside = {line.strip() for line in contained}
    memory: dict[str, int] = {}
    names: dict[str, str] = {}
    daemons: set[str] = set()
    for line in processes:
        parts = line.split(None, 3)
        if len(parts) == 4 and parts[0] not in inside and _number(parts[2]):
            name = parts[3]
            memory[name] = memory.get(name, 0) + _number(parts[2]) * 1024
            names[parts[0]] = name
            if parts[1] == "1":
                daemons.add(name)
    ports: dict[str, set[int]] = {}
    for line in listening:
        parts = line.split()
        address, _, port = (parts[4] if len(parts) > 4 else "").rpartition(":")
        if not _number(port) or address.startswith(("127.", "[::1]")):
            continue
        for name, pid in _PROCESS.findall(line):
            if pid not in inside:
                ports.setdefault(names.get(pid, name), set()).add(_number(port))
    found: dict[str, Outside] = {}
    for name in memory.keys() | ports.keys():
        known = KNOWN_SERVICES.get(name)
        if name.split(":")[0] in _ENGINE or name.startswith("kworker"):
            continue
        large = name in daemons and memory.get(name, 0) >= NOTEWORTHY
        if known or name in ports or large:
            shown = f"{known} ({name})" if known else name
            found[shown] = Outside(
                name=shown, memory=memory.get(name, 0), ports=tuple(sorted(ports.get(name, ())))
            )
    return tuple(sorted(found.values(), key=lambda item: (-item.memory, item.name)))
