"""The lab's registry: one container that holds every image under its upstream name.

Its storage is a volume that outlives labs, so that a second `lab up` finds it
filled; `lab down --all` removes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from quorate.errors import CommandError, LabError
from quorate.fleet.model import Fleet
from quorate.lab import images, images_build
from quorate.lab.engine import LabEngine
from quorate.lab.images import SERVICES, Holdings
from quorate.lab.images_debian import LIBRARY
from quorate.lab.node_options import LABEL_LAB, LABEL_SPEC
from quorate.lab.progress import Progress, step
from quorate.lab.state import Lab, RegistryTrust
from quorate.tools import clock, docker

VOLUME = "quorate.registry"
LABEL_SHARED = "quorate.shared"
HUB_MIRROR = "hub.lab"
ADDRESS_INDEX = 2  # .1 is the network's gateway; nodes begin at .11
STORE = "/store"
ANSWER_SECONDS = 20.0
FILL_SECONDS = 600.0


def supply(lab: Lab, fleet: Fleet, engine: LabEngine, *, progress: Progress) -> Lab:
    """The lab with images: its registry filled and running, or upstream's if so chosen.

    The lab's network must be there. Nodes that run already must be told of the
    registry afterwards (`trust.trust_registry`).

    Raises:
        LabError: an image cannot be held, built or served; or, for a lab with
            upstream images, no registry answers.
    """
    if lab.upstream:
        with step(progress, "look for an upstream registry"):
            require_upstream(engine, fleet)
        sources = images.upstream_images(fleet)
        return lab.model_copy(update={"images": sources, "registry": None})
    held = images.holdings(fleet)
    built = {name: images_build.BUILDERS[name](engine, progress=progress) for name in held.bases}
    with step(progress, "fill the lab's registry") as details:
        trust = ensure(lab, held, socket=engine.socket, built=built)
        details.append(f"{len(held.images)} names")
    return lab.model_copy(update={"images": held.sources, "registry": trust})


def announce(lab: Lab, fleet: Fleet) -> Lab:
    """The lab with the names its registry will answer for, before there is one.

    Engines started with them need not be told later: a running one looks up
    names in a copy of /etc/hosts that is up to 5 s old (Go's resolver).

    Raises:
        LabError: an image cannot be held.
    """
    if lab.upstream:
        return lab.model_copy(update={"registry": None})
    known = lab.registry
    trust = RegistryTrust(
        address=address(lab),
        names=(HUB_MIRROR, *images.holdings(fleet).hosts),
        certificate=known.certificate if known else "",
        mirrors=(f"https://{HUB_MIRROR}",),
    )
    return lab.model_copy(update={"registry": trust})


def ensure(lab: Lab, held: Holdings, *, socket: Path, built: Mapping[str, str]) -> RegistryTrust:
    """Fill the storage, start the registry where it does not run; what nodes must know of it.

    Args:
        built: the engine's image for each base of what is held.

    Raises:
        LabError: filling or starting failed.
    """
    names = (HUB_MIRROR, *held.hosts)
    volume = ("volume", "create", "--label", f"{LABEL_SHARED}=registry", VOLUME)
    try:
        docker.cli(socket, *volume)
        filled = _fill(lab, held, socket=socket, built=built, names=names)
        _serve(lab, socket=socket, services=built[SERVICES], names=names)
    except CommandError as error:
        raise LabError(
            "the lab's registry cannot be set up",
            cause=error.cause or error.what,
            todo="check the disk's free space, then run `quorate lab up` again",
        ) from error
    return RegistryTrust(
        address=address(lab),
        names=names,
        certificate=str(filled["certificate"]),
        mirrors=(f"https://{HUB_MIRROR}",),
    )


def address(lab: Lab) -> str:
    """The registry's address on the lab's network."""
    return str(IPv4Network(lab.subnet)[ADDRESS_INDEX])


def container_name(lab: Lab) -> str:
    return f"quorate.{lab.name}.registry"


def fill_plan(
    lab: Lab, held: Holdings, built: Mapping[str, str], names: tuple[str, ...]
) -> dict[str, Any]:
    """What the filling program is told; see its head for the shape."""
    return {
        "images": dict(built),
        "library": f"{STORE}/library",
        "root": f"{STORE}/labs/{lab.name}",
        "hosts": list(names),
        "names": [
            {
                "repository": image.reference.path,
                "tag": image.reference.tag,
                "base": image.base,
                "configuration": image.configuration,
                "links": list(image.links),
            }
            for image in held.images
        ],
    }


def _fill(
    lab: Lab, held: Holdings, *, socket: Path, built: Mapping[str, str], names: tuple[str, ...]
) -> dict[str, Any]:
    done = docker.cli(
        socket,
        *("run", "--rm", "-i", "--network", "none", "--user", "0", "--entrypoint", "python3"),
        *("--security-opt", "label=disable"),
        *("-v", f"{VOLUME}:{STORE}", "-v", f"{socket}:/run/engine.sock"),
        *(built[SERVICES], f"{LIBRARY}/fill.py"),
        input=json.dumps(fill_plan(lab, held, built, names)),
        timeout=FILL_SECONDS,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _serve(lab: Lab, *, socket: Path, services: str, names: tuple[str, ...]) -> None:
    """Start the registry; one with another image, address or certificate is replaced."""
    name = container_name(lab)
    spec = hashlib.sha256("\0".join((services, address(lab), *names)).encode()).hexdigest()[:16]
    form = f'{{{{.State.Running}}}} {{{{index .Config.Labels "{LABEL_SPEC}"}}}}'
    found = docker.cli(socket, "inspect", "--format", form, name, check=False).stdout.split()
    if found != ["true", spec]:
        docker.cli(socket, "rm", "-f", name, check=False)
        root = f"{STORE}/labs/{lab.name}"
        settings = {
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": root,
            "REGISTRY_HTTP_ADDR": ":443",
            "REGISTRY_HTTP_TLS_CERTIFICATE": f"{root}/tls/server.crt",
            "REGISTRY_HTTP_TLS_KEY": f"{root}/tls/server.key",
            "REGISTRY_LOG_LEVEL": "warn",
            "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
        }
        docker.cli(
            socket,
            *("run", "-d", "--name", name, "--hostname", HUB_MIRROR),
            *("--label", f"{LABEL_LAB}={lab.name}", "--label", f"{LABEL_SPEC}={spec}"),
            *("--network", lab.network, "--ip", address(lab), "-v", f"{VOLUME}:{STORE}"),
            *(part for item in settings.items() for part in ("-e", "=".join(item))),
            *("--entrypoint", "docker-registry", services),
            *("serve", "/etc/docker/registry/config.yml"),
        )
    _wait(name, socket)


def _wait(name: str, socket: Path) -> None:
    ask = ("exec", name, "curl", "-ksf", "-o", "/dev/null", "https://127.0.0.1/v2/")
    deadline = clock.monotonic() + ANSWER_SECONDS
    while not docker.cli(socket, *ask, check=False).ok:
        if clock.monotonic() > deadline:
            said = docker.cli(socket, "logs", "--tail", "5", name, check=False)
            raise LabError(
                f"the lab's registry does not answer within {ANSWER_SECONDS:.0f} s",
                cause=(said.stdout + said.stderr).strip() or None,
                todo=f"look at `docker logs {name}`",
            )
        clock.sleep(0.1)


def require_upstream(engine: LabEngine, fleet: Fleet) -> None:
    """Make sure that upstream images can be had, by asking for one.

    Raises:
        LabError: the first image's registry does not answer this machine's engine.
    """
    first = next((service.image for service in fleet.swarm_services()), None)
    if first is None:
        return
    client = docker.connect_socket(engine.socket)
    try:
        client.images.get_registry_data(first)
    except docker.engine_errors() as error:
        raise LabError(
            f"no registry gives {first}",
            cause=docker.words(error),
            todo="connect this machine to the registries, or leave `--images upstream` out",
        ) from error
    finally:
        client.close()


def remove_storage(socket: Path) -> bool:
    """Remove what the registries of all labs hold; False when there is nothing."""
    return docker.cli(socket, "volume", "rm", VOLUME, check=False).ok
