"""The lab's outside host: no server of the fleet, where its off-site repositories lie.

A container in the lab's network that is no node of the swarm. It serves every repository of the
fleet file that is reached by SFTP or S3 and lies on none of its servers; the fleet file stays as
it is, the lab's override says where they are and with which keys. Jobs reach it by its address,
through their node, as they would a host on the internet.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from importlib import resources
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from quorate.errors import LabError
from quorate.fleet.model import Fleet
from quorate.lab import faults, keys, layers, nodeimage, nodes
from quorate.lab.engine import LabEngine
from quorate.lab.node_options import LABEL_DIRECTORY, LABEL_LAB, LABEL_SERVER, LABEL_SPEC
from quorate.lab.progress import Progress, step
from quorate.lab.state import Lab, Node, Outside, Served
from quorate.tools import command, docker

NAME = "outside"
ADDRESS_INDEX = 3  # beside the registry
ACCOUNT = "keeper"
MEMORY = 1 << 30
READY_SECONDS = 180
SFTP_PORT = 22
STORE_PORT = 8080
STORE_USER = "lab:keeper"
REGION = "us-east-1"
CERTIFICATE = "store.pem"
SCRIPTS = {
    "outside-entry": "entry",
    "outside-engine": "engine",
    "object_store.py": "object_store.py",
}
STORE_PACKAGES = ("memcached", "swift-account", "swift-container", "swift-object", "swift-proxy")
STORE_SCRIPT = f"""\
apt-get update -q
apt-get install -y -q {" ".join(STORE_PACKAGES)}
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log
"""
ENTRY = ('ENTRYPOINT ["/bin/bash", "/lab/entry"]', "CMD []")
# What sshd needs to serve one account in a root of its own, and a fault to cut the link.
RIGHTS = ("--cap-add", "NET_ADMIN", "--security-opt", "label=disable")
SSHD = f"""\
Port {SFTP_PORT}
HostKey /etc/ssh/outside_host_key
PidFile /run/outside-sshd.pid
AuthorizedKeysFile /etc/ssh/keys/%u
AllowUsers {ACCOUNT}
AuthenticationMethods publickey
PasswordAuthentication no
UsePAM no
ChrootDirectory /srv/sftp
ForceCommand internal-sftp
AllowTcpForwarding no
X11Forwarding no
PermitTunnel no
Subsystem sftp internal-sftp
MaxStartups 100
"""
SSH = """\
Host {address}
    IdentityFile "{folder}/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known_hosts"
    StrictHostKeyChecking yes
    ProxyCommand docker -H unix://{socket} exec -i {container} bash -c \
"exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3"
"""


def described(fleet: Fleet, *, lab: str, subnet: str) -> Outside | None:
    """The outside host a fleet needs; None where every repository lies on its servers. Pure."""
    served = tuple(
        Served(name=one.name, place=one.place, path=one.path)
        for one in fleet.backup.repositories
        if one.place in ("sftp", "s3") and one.server is None
    )
    if not served:
        return None
    taken = {server.name for server in fleet.servers}
    name = next(name for name in (NAME, f"{NAME}-host", f"{NAME}.lab") if name not in taken)
    return Outside(
        node=Node(
            server=name,
            container=f"quorate.{lab}.{name}",
            volume=f"quorate.{lab}.{name}",
            address=str(IPv4Network(subnet)[ADDRESS_INDEX]),
            memory=MEMORY,
            cpus=1,
            cpuset="",
        ),
        repositories=served,
    )


def bring_up(lab: Lab, engine: LabEngine, *, progress: Progress) -> None:
    """Start the outside host of a lab that has one, and wait until it answers.

    Raises:
        LabError: its image cannot be built, or it does not answer.
    """
    if lab.outside is None:
        return
    image = _image(lab.outside, engine, progress)
    with step(progress, "start the outside host") as details:
        _start(lab, lab.outside.node, image)
        if lab.cuts:
            faults.apply_cuts(lab, [lab.outside.node.server])
        details.append(", ".join(one.name for one in lab.outside.repositories))


def override(lab: Lab) -> dict[str, Any]:
    """What the lab's override says of repositories: the outside host's address and keys. Pure."""
    if lab.outside is None:
        return {}
    address, folder = lab.outside.node.address, _folder(lab)
    given: dict[str, Any] = {}
    for one in lab.outside.repositories:
        if one.place == "sftp":
            given[one.name] = {
                "sftp": {
                    "host": address,
                    "port": SFTP_PORT,
                    "user": ACCOUNT,
                    "identity": _from(folder / "id_ed25519"),
                    "known_hosts": _from(folder / "known_hosts"),
                }
            }
        else:
            given[one.name] = {
                "s3": {
                    "endpoint": f"https://{address}:{STORE_PORT}",
                    "region": REGION,
                    "ca": _from(folder / "ca.pem"),
                    "access_key": _from(folder / "access_key"),
                    "secret_key": _from(folder / "secret_key"),
                }
            }
    return {"backup": {"repositories": given}}


def ssh_config(lab: Lab) -> str:
    """What a person's ssh takes to reach the outside host, as `--ssh-config` wants it. Pure.

    Through the lab's engine, since the host may not be reached by its address from this machine.

    Raises:
        ValueError: the lab has no outside host.
    """
    if lab.outside is None:
        raise ValueError(f"the lab {lab.name} has no outside host")
    return SSH.format(
        address=lab.outside.node.address,
        folder=_folder(lab),
        socket=lab.engine_socket,
        container=lab.outside.node.container,
        port=SFTP_PORT,
    )


def write_keys(lab: Lab) -> None:
    """Make the lab's keys to its outside host, where they are missing.

    Those of jobs are in a directory that the host itself does not see.
    """
    if lab.outside is None:
        return
    name, folder = lab.outside.node.server, _folder(lab)
    folder.mkdir(parents=True, exist_ok=True)
    mounted = keys.node_directory(lab, name)
    mounted.mkdir(parents=True, exist_ok=True)
    person = keys.ensure_key(folder / "id_ed25519", comment=f"backups of the lab {lab.name}")
    host = keys.ensure_key(mounted / "ssh_host_ed25519_key", comment=name)
    (folder / "known_hosts").write_text(f"{lab.outside.node.address} {host}\n")
    (mounted / "authorized_keys").write_text(f"{person}\n")
    ensure_store_keys(lab)
    if lab.outside.has("s3"):
        _ensure_certificate(folder, mounted, lab.outside.node.address)


def ensure_store_keys(lab: Lab) -> None:
    """The keys of the S3-compatible store, for jobs and for the host; a random secret."""
    if lab.outside is None:
        return
    folder, mounted = _folder(lab), keys.node_directory(lab, lab.outside.node.server)
    if not lab.outside.has("s3"):
        (mounted / "store-keys").unlink(missing_ok=True)
        return
    for directory in (folder, mounted):
        directory.mkdir(parents=True, exist_ok=True)
    _private(folder / "access_key", STORE_USER)
    secret = _private(folder / "secret_key", secrets.token_hex(20))
    text = f"STORE_ACCESS_KEY={STORE_USER}\nSTORE_SECRET_KEY={secret}\n"
    _private(mounted / "store-keys", f"{text}STORE_CERTIFICATE=/lab/{CERTIFICATE}\n")


def answering(lab: Lab) -> tuple[str, ...]:
    """What of `sftp` and `s3` answers there now; nothing when it is off."""
    if lab.outside is None:
        return ()
    said = docker.cli(
        lab.engine_socket,
        *("exec", lab.outside.node.container, "/lab/engine", "answers"),
        timeout=20.0,
        check=False,
    )
    return tuple(said.stdout.split()) if said.ok else ()


def create_arguments(
    node: Node, *, lab: str, network: str, image: str, directory: Path
) -> list[str]:
    """Arguments of `docker create` for it, `create` itself left out. Pure."""
    arguments = [
        *("--name", node.container, "--hostname", node.server),
        *("--label", f"{LABEL_LAB}={lab}", "--label", f"{LABEL_SERVER}={node.server}"),
        *("--label", f"{LABEL_DIRECTORY}={directory.parent.parent}"),
        *("--network", network, "--ip", node.address, "--network-alias", node.server),
        *("--memory", str(node.memory), "--tmpfs", "/run:rw,exec,mode=755"),
        *("-v", f"{node.volume}:/srv", "-v", f"{directory}:/lab:ro"),
        *RIGHTS,
    ]
    digest = hashlib.sha256("\0".join([*arguments, image]).encode()).hexdigest()[:16]
    entry = ("--entrypoint", "/bin/bash")
    return [*arguments, "--label", f"{LABEL_SPEC}={digest}", *entry, image, "/lab/entry"]


def store_tag() -> str:
    """The name of the image with the S3-compatible store: its recipe's hash."""
    return layers.content_tag("quorate-lab/outside", nodeimage.node_tag(), STORE_SCRIPT)


def _image(host: Outside, engine: LabEngine, progress: Progress) -> str:
    """A node's image has sshd; the store is a layer on it, made where one is needed."""
    base = nodeimage.ensure_node(engine, progress=progress)
    tag = store_tag()
    if not host.has("s3"):
        return base
    with nodeimage.building(tag):
        if not layers.exists(engine.socket, tag):
            with step(progress, "outside host's image (an S3-compatible store)"):
                layers.build(engine.socket, tag, base=base, script=STORE_SCRIPT, changes=ENTRY)
    return tag


def _start(lab: Lab, node: Node, image: str) -> None:
    directory = keys.node_directory(lab, node.server)
    _write_files(lab, directory)
    arguments = create_arguments(
        node, lab=lab.name, network=lab.network, image=image, directory=directory
    )
    nodes.ensure_created(lab, node, arguments)
    try:
        wait = ("/lab/engine", "wait", str(READY_SECONDS))
        nodes.execute(lab, node.server, *wait, timeout=READY_SECONDS + 15)
    except LabError as error:
        raise LabError(
            "the lab's outside host does not answer",
            cause=error.cause or error.what,
            todo=f"look at `docker logs {node.container}`, then run `quorate lab up` again",
        ) from error


def _write_files(lab: Lab, directory: Path) -> None:
    package = resources.files("quorate.lab") / "files"
    for source, name in SCRIPTS.items():
        (directory / name).write_text((package / source).read_text())
        (directory / name).chmod(0o755)
    (directory / "sshd_config").write_text(SSHD)
    served = lab.outside.repositories if lab.outside else ()
    (directory / "paths").write_text(_lines(one.path for one in served if one.place == "sftp"))


def _lines(items: Iterable[str]) -> str:
    return "".join(f"{item}\n" for item in items)


def _folder(lab: Lab) -> Path:
    """What jobs need to get at the host; the nodes' own directories are beside it."""
    return lab.directory / "offsite"


def _from(file: Path) -> Mapping[str, str | None]:
    """Where a secret comes from, whatever the fleet file says."""
    return {"file": str(file), "environment": None, "command": None}


def _ensure_certificate(folder: Path, mounted: Path, address: str) -> None:
    """The store's certificate, its own authority, for the address it has."""
    shown, kept = folder / f"store-{address}.crt", mounted / CERTIFICATE
    if not (shown.exists() and kept.exists()):
        key = folder / "store.key"
        key.unlink(missing_ok=True)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        command.run(
            [
                *("openssl", "req", "-x509", *curve, "-days", "3650", "-subj", "/CN=lab store"),
                *("-addext", f"subjectAltName=IP:{address}", "-keyout", str(key)),
                *("-out", str(shown)),
            ]
        )
        kept.unlink(missing_ok=True)
        _private(kept, shown.read_text() + key.read_text())
    (folder / "ca.pem").write_text(shown.read_text())


def _private(path: Path, text: str) -> str:
    """The file's text, after writing it when it is missing."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text)
    return path.read_text()
