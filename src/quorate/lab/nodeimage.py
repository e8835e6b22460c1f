"""The images every lab starts from: a small Debian, and a node that runs an engine.

Both are made once, from the mirror this machine uses, and named by a hash of
how they are made; a second lab finds them ready.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from quorate.errors import CommandError, LabError
from quorate.lab import layers, machine
from quorate.lab.engine import DATA_DIRECTORY, LabEngine
from quorate.lab.progress import Progress, Silent, step
from quorate.tools import command, docker, filelock

RELEASE = "trixie"
PULL_SECONDS = 20.0
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"  # not there on Ubuntu
BOOTSTRAP_SECONDS = 900.0

# Documentation, translations and sync-to-disk are of no use in a lab, and half
# of the time and size.
DPKG_CONFIGURATION = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
"""
APT_CONFIGURATION = """\
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
"""
# No package may start a service while an image is being built.
POLICY = "#!/bin/sh\nexit 101\n"

NODE_PACKAGES = (
    "containerd",
    "curl",
    "docker-cli",
    "docker-compose",
    "docker.io",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "kmod",
    "nftables",
    "openssh-server",
    "procps",
    "util-linux",
)
NODE_SCRIPT = f"""\
apt-get update -q
apt-get install -y -q {" ".join(NODE_PACKAGES)}
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /var/log/*.log
mkdir -p /etc/docker /lab
"""


def base_tag() -> str:
    """The name of the base image: its recipe's hash."""
    return layers.content_tag(
        "quorate-lab/base", RELEASE, DPKG_CONFIGURATION, APT_CONFIGURATION, POLICY
    )


def node_tag() -> str:
    """The name of the node image: its recipe's hash."""
    return layers.content_tag("quorate-lab/node", base_tag(), NODE_SCRIPT)


def ensure_base(engine: LabEngine, *, progress: Progress | None = None) -> str:
    """The base image's name, after making the image when the engine has none.

    Debian `trixie`, minimal, with apt set up for the machine's mirror. From
    Debian's own image where a registry answers at once, else by debootstrap.

    Raises:
        LabError: neither way works here.
    """
    tag = base_tag()
    listener = progress or Silent()
    if layers.exists(engine.socket, tag):
        return tag
    with building(tag):
        if not layers.exists(engine.socket, tag):
            with step(listener, f"base image (Debian {RELEASE})") as details:
                details.append(_make_base(engine, tag, progress=listener))
    return tag


def ensure_node(engine: LabEngine, *, progress: Progress | None = None) -> str:
    """The node image's name, after making the image when the engine has none.

    Raises:
        LabError: it cannot be built.
    """
    tag = node_tag()
    if layers.exists(engine.socket, tag):
        return tag
    listener = progress or Silent()
    base = ensure_base(engine, progress=listener)
    with building(tag):
        if not layers.exists(engine.socket, tag):
            with step(listener, "node image (a server with its own Docker engine)"):
                layers.build(
                    engine.socket,
                    tag,
                    base=base,
                    script=NODE_SCRIPT,
                    changes=['ENTRYPOINT ["/bin/bash", "/lab/entry"]', "CMD []"],
                )
    return tag


def building(tag: str) -> AbstractContextManager[None]:
    """Only one builds an image of that name at a time."""
    return filelock.hold(
        Path(tempfile.gettempdir()) / f"quorate-{tag.replace('/', '-').replace(':', '-')}.lock",
        what=f"building {tag}",
        timeout=BOOTSTRAP_SECONDS,
    )


def _make_base(engine: LabEngine, tag: str, *, progress: Progress) -> str:
    pulled = f"debian:{RELEASE}-slim"
    if _pull(engine, pulled):
        layers.build(engine.socket, tag, base=pulled, script=_configure_script())
        return "from the registry's Debian image"
    machine.install(
        {"debootstrap": ("debootstrap",), KEYRING: ("debian-archive-keyring",)}, progress=progress
    )
    if not machine.is_root():
        raise LabError(
            "the lab's base image cannot be made",
            cause=f"{pulled} cannot be pulled, and debootstrap needs root",
            todo="run this once as root, or let the engine reach a registry",
        )
    _bootstrap(engine, tag)
    return "by debootstrap"


def _pull(engine: LabEngine, image: str) -> bool:
    try:
        return docker.cli(engine.socket, "pull", "-q", image, timeout=PULL_SECONDS, check=False).ok
    except CommandError:  # no answer in time counts as no registry
        return False


def _configure_script() -> str:
    mirror = machine.debian_mirror()
    lines = [
        f"cat > /etc/dpkg/dpkg.cfg.d/quorate-lab <<'END'\n{DPKG_CONFIGURATION}END",
        f"cat > /etc/apt/apt.conf.d/quorate-lab <<'END'\n{APT_CONFIGURATION}END",
        f"cat > /usr/sbin/policy-rc.d <<'END'\n{POLICY}END",
        "chmod 755 /usr/sbin/policy-rc.d",
    ]
    if mirror:
        lines.append("rm -f /etc/apt/sources.list.d/*")
        lines.append(f"echo 'deb {mirror} {RELEASE} main' > /etc/apt/sources.list")
    return "\n".join(lines) + "\n"


def _bootstrap(engine: LabEngine, tag: str) -> None:
    """debootstrap into a directory and import it."""
    DATA_DIRECTORY.mkdir(mode=0o711, parents=True, exist_ok=True)
    place = DATA_DIRECTORY / "base"
    _clear(place)
    root = place / "root"
    root.mkdir(parents=True)
    try:
        mirror = machine.debian_mirror()
        command.run(
            ["debootstrap", "--variant=minbase", RELEASE, str(root), *([mirror] if mirror else [])],
            timeout=BOOTSTRAP_SECONDS,
        )
        command.run(["chroot", str(root), "/bin/sh", "-eu"], input=_configure_script())
        archive = place / "base.tar"
        command.run(
            [
                *("tar", "-C", str(root), "--exclude=./var/cache/apt/*", "--exclude=./dev/*"),
                *("--exclude=./var/lib/apt/lists/*", "--exclude=./usr/share/doc/*"),
                *("--exclude=./usr/share/man/*", "--exclude=./usr/share/locale/*"),
                *("-cf", str(archive), "."),
            ],
            timeout=300,
        )
        docker.cli(
            engine.socket, "import", "--change", 'CMD ["/bin/sh"]', str(archive), tag, timeout=300
        )
    finally:
        _clear(place)


def _clear(place: Path) -> None:
    """Remove what a bootstrap left, an interrupted one's mounts included."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in mounts if point.startswith(f"{place}/")), reverse=True):
        command.run(["umount", point])
    command.run(["rm", "-rf", "--one-file-system", str(place)], timeout=120)
