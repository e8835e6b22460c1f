"""Machines of a bare Debian, as somebody unpacks a server: systemd, sshd, sudo and ufw, no Docker.

They are containers of the lab's engine, in an internal network of their own. Docker's packages lie
in a directory of theirs, which is the only source that their apt knows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.lab import engine, layers, nodeimage, probe
from quorate.lab.progress import Silent
from quorate.tools import command, docker

if TYPE_CHECKING:
    from quorate.lab.engine import LabEngine

START_SECONDS = 60.0
PACKAGES = (
    "systemd systemd-sysv dbus openssh-server sudo ufw iproute2 iptables procps kmod psmisc "
    "python3 ca-certificates"
)
DOCKER = "docker.io docker-cli"
SCRIPT = f"""
apt-get update -q
apt-get install -y -q --no-install-recommends {PACKAGES}
mkdir -p /packages && cd /packages
apt-get install -y -q --download-only -o Dir::Cache::archives=/packages {DOCKER}
for file in *.deb; do
    dpkg-deb -f "$file"
    echo "Filename: ./$file"
    echo "Size: $(stat -c %s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut -d' ' -f1)"
    echo
done > Packages
rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/* partial lock
echo 'deb [trusted=yes] file:/packages ./' > /etc/apt/sources.list
# What keeps services of a lab's image from being started, and its size small.
rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/quorate-lab /etc/dpkg/dpkg.cfg.d/quorate-lab
useradd -m -s /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
useradd -m -s /bin/bash guest
rm -f /etc/ssh/ssh_host_*
truncate -s 0 /etc/machine-id
cat > /entry <<'END'
#!/bin/sh
mount -o remount,rw /sys
for point in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$point"; then mount -o remount,bind,rw "$point"; fi
done
mount --make-rshared /
ssh-keygen -A > /dev/null
# Nobody answers there, at once: no registry's name is waited for.
echo 'nameserver 127.0.0.1' > /etc/resolv.conf
exec /sbin/init
END
chmod 755 /entry
systemctl enable ssh
"""
LEGACY = "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
"""Systemd of Debian 13 starts on a kernel with cgroup v1 only when it is told so."""
WALLED = "ufw allow 22/tcp && ufw --force enable"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where bare machines are made. `directory` has the key to them, and an ssh_config."""

    found: LabEngine
    image: str
    network: str
    rights: tuple[str, ...]
    directory: Path

    @property
    def config(self) -> Path:
        """How ssh reaches them."""
        return self.directory / "ssh-config"

    def make(self, name: str, *, walled: bool = True) -> str:
        """A machine, up and reached by ssh as root, ops (sudo) and guest; its address."""
        key = (self.directory / "key.pub").read_text()
        self._docker(
            *("run", "-d", "--name", self._named(name), "--hostname", name),
            *("--network", self.network, *self.rights, "--entrypoint", "/entry"),
            *("--tmpfs", "/run:rw,exec,mode=755", "--tmpfs", "/tmp:rw,exec,mode=1777"),
            *("-v", "/var/lib/docker", "-e", "container=docker"),
            *("-v", "/lib/modules:/lib/modules:ro", "-e", f"SYSTEMD_PROC_CMDLINE={LEGACY}"),
            self.image,
        )
        self.wait(name)
        for user, home in {"root": "/root", "ops": "/home/ops", "guest": "/home/guest"}.items():
            into = f"install -d -m 700 -o {user} {home}/.ssh && cat > {home}/.ssh/authorized_keys"
            self.run(name, into, given=key)
        if walled:
            self.run(name, WALLED)
        where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self._docker("inspect", "-f", where, self._named(name)).strip()

    def run(self, name: str, script: str, *, given: str = "", timeout: float = 120.0) -> str:
        """What a shell's line prints on a machine, by root, not through ssh."""
        argv = ("exec", "-i", self._named(name), "sh", "-ec", script)
        return self._docker(*argv, input=given, timeout=timeout)

    def wait(self, name: str) -> None:
        """Until its systemd has started everything."""
        deadline, state = time.monotonic() + START_SECONDS, ""
        while state != "running":
            assert time.monotonic() < deadline, f"{name}: {state}"
            time.sleep(0.5)
            argv = ("exec", self._named(name), "systemctl", "is-system-running")
            state = docker.cli(self.found.socket, *argv, check=False).stdout.strip()

    def restart(self, name: str) -> None:
        """As after a power cut: nothing is told to end."""
        self._docker("kill", self._named(name))
        self._docker("start", self._named(name))
        self.wait(name)

    def lose(self, name: str) -> None:
        """The machine is gone, its disk too; what comes in its place has another host key."""
        self._docker("rm", "-fv", self._named(name))
        (self.directory / "known").unlink(missing_ok=True)

    def replace(self, name: str) -> str:
        """Another bare machine of that name, at another address, in the place of a lost one."""
        former = f"{name}-former"
        self._docker("rename", self._named(name), self._named(former))
        address = self.make(name)
        self.lose(former)
        return address

    def give_image(self, name: str, *names: str, image: str = "") -> None:
        """Load an image (the machines' own) into a machine's engine, under these names."""
        given = image or self.image
        archive = self.directory / f"{given.partition(':')[2]}.tar"
        if not archive.exists():
            self._docker("save", "-o", str(archive), given, timeout=300)
        self._docker("cp", str(archive), f"{self._named(name)}:/image.tar", timeout=300)
        tags = "; ".join(f"docker tag {given} {each}" for each in names)
        self.run(name, f"docker load -q -i /image.tar; rm /image.tar; {tags}", timeout=300)

    def _named(self, name: str) -> str:
        return f"{self.network}.{name}"

    def _docker(self, *argv: str, input: str = "", timeout: float = 120.0) -> str:
        return docker.cli(self.found.socket, *argv, input=input, timeout=timeout).stdout


@contextmanager
def machines(directory: Path) -> Iterator[Machines]:
    """A place to make bare machines in; they are removed at the end."""
    found = engine.ensure(progress=Silent())
    image = _image(found)
    name = f"quorate.bare-{os.getpid()}"
    key = directory / "key"
    command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    (directory / "ssh-config").write_text(
        f"Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {directory / 'known'}\n"
    )
    rights, _ = probe.node_rights(found, image)
    docker.cli(found.socket, "network", "create", "--internal", name)
    try:
        yield Machines(found=found, image=image, network=name, rights=rights, directory=directory)
    finally:
        listed = docker.cli(found.socket, "ps", "-aqf", f"name=^{name}[.]").stdout.split()
        if listed:
            docker.cli(found.socket, "rm", "-fv", *listed, timeout=120)
        docker.cli(found.socket, "network", "rm", name)


def _image(found: LabEngine) -> str:
    base = nodeimage.ensure_base(found)
    tag = layers.content_tag("quorate-lab/bare", base, SCRIPT)
    with nodeimage.building(tag):
        if not layers.exists(found.socket, tag):
            layers.build(found.socket, tag, base=base, script=SCRIPT)
    return tag
