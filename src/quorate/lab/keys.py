"""How a person (and Quorate) reaches the lab's nodes by ssh.

ssh runs an sshd in the node through `docker exec`, so nothing listens on the
machine. Host keys are made here and known beforehand: no key is ever taken on
trust.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from quorate.lab.state import Lab
from quorate.tools import command


def ensure_keys(lab: Lab, servers: Iterable[str]) -> None:
    """Make the lab's key pair, each node's host key and known_hosts, where missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    lab.directory.chmod(0o700)
    user_key = ensure_key(lab.directory / "id_ed25519", comment=f"quorate lab {lab.name}")
    known = []
    for server in servers:
        folder = node_directory(lab, server)
        folder.mkdir(parents=True, exist_ok=True)
        host_key = ensure_key(folder / "ssh_host_ed25519_key", comment=server)
        known.append(f"{server} {host_key}")
        (folder / "authorized_keys").write_text(f"{user_key}\n")
    (lab.directory / "known_hosts").write_text("".join(f"{line}\n" for line in known))


def node_directory(lab: Lab, server: str) -> Path:
    """The directory mounted as /lab in a node."""
    return lab.directory / "nodes" / server


def write_configuration(lab: Lab, docker_program: str) -> None:
    """Write the ssh_config that reaches every node."""
    blocks = []
    for node in lab.nodes:
        proxy = f"{docker_program} -H unix://{lab.engine_socket} exec -i {node.container}"
        blocks.append(
            f"Host {node.server}\n"
            f"    User root\n"
            f"    HostKeyAlias {node.server}\n"
            f"    ProxyCommand {proxy} /usr/sbin/sshd -i\n"
        )
    common = (
        "Host *\n"
        f"    IdentityFile {_quoted(lab.directory / 'id_ed25519')}\n"
        "    IdentitiesOnly yes\n"
        "    IdentityAgent none\n"
        f"    UserKnownHostsFile {_quoted(lab.directory / 'known_hosts')}\n"
        "    GlobalKnownHostsFile /dev/null\n"
        "    StrictHostKeyChecking yes\n"
        "    UpdateHostKeys no\n"
        "    PreferredAuthentications publickey\n"
        "    LogLevel ERROR\n"
    )
    lab.ssh_config.write_text(
        f"# Reaches the nodes of the lab {lab.name}: ssh -F {quote(str(lab.ssh_config))} SERVER\n"
        + "".join(blocks)
        + common
    )


def _quoted(path: Path) -> str:
    return f'"{path}"'


def ensure_key(path: Path, *, comment: str) -> str:
    """The public half of the key at `path`, made first when it is missing."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        path.unlink(missing_ok=True)
        command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return " ".join(public.read_text().split()[:2])
