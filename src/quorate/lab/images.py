"""Which images a lab holds in the place of a fleet's: real ones from Debian, or stand-ins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quorate.errors import LabError
from quorate.fleet.model import Fleet, Model
from quorate.image import recipe
from quorate.image.recipe import image_name
from quorate.lab import standin
from quorate.lab.images_debian import PATH, Program, program
from quorate.lab.images_names import HUB, Reference, parse
from quorate.lab.state import ImageSource

LABEL_STAND_IN = "quorate.lab.stand-in"
LABEL_SOURCE = "quorate.lab.source"


SERVICES, QUORATE = "services", "quorate"


class LabImage(Model):
    """One name in the lab's registry.

    `configuration` is the image's own (`Entrypoint`, `Cmd`, `Env` …, as in an
    engine's `inspect`); `links` are paths in it that lead to the stand-ins'
    health check. `base` says whose layers it has: `SERVICES` (all that stands in
    the place of a fleet's images) or `QUORATE` (what backup jobs run).
    """

    reference: Reference
    configuration: dict[str, Any]
    links: tuple[str, ...] = ()
    base: str = SERVICES


class Holdings(Model):
    """What the lab's registry holds for a fleet.

    `sources` says for each reference, as the compose files have it, where its
    image comes from. `hosts` are the registries whose names it answers for.
    """

    sources: dict[str, ImageSource]
    images: tuple[LabImage, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        names = {image.reference.host for image in self.images} - {HUB}
        return tuple(sorted(names))

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases its images have, the services' always."""
        return tuple(sorted({SERVICES, *(image.base for image in self.images)}, reverse=True))


def plan_images(fleet: Fleet) -> dict[str, ImageSource]:
    """Where the image of every reference of the fleet comes from.

    Raises:
        LabError: something is no image reference.
    """
    return holdings(fleet).sources


def upstream_images(fleet: Fleet) -> dict[str, ImageSource]:
    """The same with the real images from their own registries."""
    source = ImageSource(kind="upstream", detail="pulled by the nodes from its own registry")
    return {name: source for name in _users(fleet)}


def holdings(fleet: Fleet) -> Holdings:
    """All images the lab's registry must hold for a fleet.

    Raises:
        LabError: something is no image reference, or one repository path is
            asked of two registries with different images behind it.
    """
    sources: dict[str, ImageSource] = {}
    images: dict[tuple[str, str], LabImage] = {}
    for name, services in _users(fleet).items():
        reference = parse(name)
        found = program(reference)
        if found is not None and not _needs_more(services):
            sources[name] = ImageSource(kind="debian", detail=found.name)
            _add(images, LabImage(reference=reference, configuration=_configure(found, reference)))
            continue
        sources[name] = ImageSource(kind="stand-in", detail="listens and answers health checks")
        listen = sorted({p for service in services for p in standin.ports(reference, service)})
        links = standin.shims(services)
        for tag, mode in ((reference.tag, "ok"), *standin.MODES.items()):
            variant = reference.model_copy(update={"tag": tag, "digest": ""})
            configuration = stand_in_configuration(variant, listen, mode)
            image = LabImage(reference=variant, configuration=configuration, links=links)
            if mode == "ok" or _key(variant) not in images:
                _add(images, image)
    if fleet.backup.repositories:
        own = _own(fleet)
        sources[image_name(fleet.backup)] = ImageSource(
            kind="debian", detail="Quorate itself, with Debian's restic, rclone and databases"
        )
        _add(images, own)
    return Holdings(sources=sources, images=tuple(images.values()))


def _own(fleet: Fleet) -> LabImage:
    """Quorate's own image, under the name that the fleet's servers know it by."""
    reference = parse(image_name(fleet.backup)).model_copy(update={"digest": ""})
    environment = {"PATH": PATH, **recipe.ENVIRONMENT}
    configuration = {
        "Cmd": list(recipe.COMMAND),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": _labels(reference, "Quorate, from Debian's packages"),
    }
    return LabImage(reference=reference, configuration=configuration, base=QUORATE)


def stand_in_configuration(
    reference: Reference, listen: Iterable[str], mode: str = "ok"
) -> dict[str, Any]:
    """The configuration of a stand-in; `mode` as in its program."""
    environment = {
        "PATH": PATH,
        "STANDIN_IMAGE": reference.tagged,
        standin.ENVIRONMENT: ",".join(listen),
        "STANDIN_MODE": mode,
    }
    return {
        "Entrypoint": [standin.ENTRY],
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": _labels(reference, "a stand-in, not the real program")
        | {LABEL_STAND_IN: reference.tagged},
    }


def _configure(found: Program, reference: Reference) -> dict[str, Any]:
    environment = {"PATH": PATH, **found.environment}
    return {
        "Entrypoint": list(found.entry) or None,
        "Cmd": list(found.command) or None,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "ExposedPorts": {port: {} for port in found.ports},
        "Volumes": {path: {} for path in found.volumes},
        "WorkingDir": found.directory,
        "User": found.user,
        **({"StopSignal": found.stop_signal} if found.stop_signal else {}),
        "Labels": _labels(reference, f"{found.name}, from Debian's packages"),
    }


def _labels(reference: Reference, said: str) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": reference.tagged,
        "org.opencontainers.image.description": f"In a Quorate lab in the place of "
        f"{reference.tagged}: {said}",
        LABEL_SOURCE: said,
    }


def _needs_more(services: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a service installs packages at its start, from a registry that is not there."""
    for service in services:
        words = " ".join(
            word
            for key in ("entrypoint", "command")
            for word in (
                [service[key]] if isinstance(service.get(key), str) else service.get(key) or ()
            )
        )
        if any(
            tool in words for tool in ("apk add", "apt-get install", "apt install", "pip install")
        ):
            return True
    return False


def _users(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Every image reference with the services (as written) that use it."""
    out: dict[str, list[dict[str, Any]]] = {}
    for service in fleet.services:
        out.setdefault(service.image, []).append(service.raw)
    return out


def _key(reference: Reference) -> tuple[str, str]:
    return reference.path, reference.tag


def _add(images: dict[tuple[str, str], LabImage], image: LabImage) -> None:
    """Take an image in; the registry knows paths only, not the host they were asked of.

    Raises:
        LabError: another image is there under the same path and tag.
    """
    key = _key(image.reference)
    other = images.get(key)
    if other is not None and other.reference.host != image.reference.host:
        raise LabError(
            f"the lab cannot hold {other.reference.tagged} and {image.reference.tagged}",
            cause="its registry answers for every host, and their paths and tags are the same",
            todo="use one of the two in the compose files",
        )
    images[key] = image
