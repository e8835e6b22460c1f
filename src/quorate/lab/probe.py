"""What this machine's engine and kernel have to give, found out by trying."""

from __future__ import annotations

from pathlib import Path

from quorate.lab import node_options
from quorate.lab.engine import LabEngine
from quorate.lab.state import Features
from quorate.tools import docker

# The lines an encrypted overlay adds: a security association, and the mark
# that sends a network's VXLAN packets through it (by u32, or bpf in newer engines).
KERNEL_SCRIPT = """\
modprobe ip_vs 2>/dev/null
test -e /proc/net/ip_vs && echo ipvs
if ! iptables -t nat -nL >/dev/null 2>&1 && iptables-legacy -t nat -nL >/dev/null 2>&1; then
    iptables=iptables-legacy
    echo legacy
else
    iptables=iptables
fi
ip link set lo up
key=0x0102030405060708090a0b0c0d0e0f1011121314
ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x1 reqid 13681891 mode transport \
    aead 'rfc4106(gcm(aes))' $key 64 || exit 0
ip xfrm policy add src 127.0.0.1 dst 127.0.0.2 proto udp dport 4789 dir out mark 13681891 \
    tmpl proto esp spi 0x1 reqid 13681891 mode transport || exit 0
mark="-A OUTPUT -t mangle -p udp --dport 4789 -j MARK --set-mark 13681891"
$iptables $mark -m u32 --u32 '0>>22&0x3C@12&0xFFFFFF00=1048832' ||
    $iptables $mark -m bpf --bytecode '1,6 0 0 65535' || exit 0
$iptables -A INPUT -p udp --dport 4789 -m policy --dir in --pol ipsec -j ACCEPT || exit 0
echo esp
"""


def node_rights(engine: LabEngine, image: str) -> tuple[tuple[str, ...], bool]:
    """The `docker create` arguments that give a node its rights, and whether it is privileged."""
    full = node_options.rights(privileged=True)
    tried = docker.cli(
        engine.socket,
        *("run", "--rm", "--network", "none", *full, "--entrypoint", "/bin/true", image),
        check=False,
    )
    if tried.ok:
        return full, True
    status = Path("/proc/self/status").read_text()
    missing = node_options.missing_capabilities(status)
    return node_options.rights(privileged=False, missing=missing), False


def features(
    engine: LabEngine, image: str, *, rights: tuple[str, ...], privileged: bool, modules: bool
) -> Features:
    """Probe the kernel from inside a throw-away node."""
    mounts = ("-v", "/lib/modules:/lib/modules:ro") if modules else ()
    said = docker.cli(
        engine.socket,
        *("run", "--rm", "--network", "none", *rights, *mounts),
        *("--entrypoint", "/bin/sh", image, "-c", KERNEL_SCRIPT),
        check=False,
    ).stdout.split()
    return Features(
        ipvs="ipvs" in said,
        encrypted_overlay="esp" in said,
        iptables="legacy" if "legacy" in said else "nft",
        privileged=privileged,
    )


def machine_has_modules() -> bool:
    """Whether this machine's kernel has modules to load."""
    return Path("/lib/modules").is_dir()
