"""What a service of the lab needs because its image is another one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.lab import standin
from quorate.lab.derive_rules import Change
from quorate.lab.images_debian import program
from quorate.lab.images_names import parse
from quorate.lab.state import Lab


def kind(image: str, lab: Lab) -> str:
    """Where the lab's copy of an image comes from, also of one it does not know yet."""
    source = lab.images.get(image)
    if source is not None:
        return source.kind
    if lab.upstream:
        return "upstream"
    return "debian" if program(parse(image)) is not None else "stand-in"


def changes(service: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    """Nothing for upstream images; for the others a name without digest, for stand-ins more."""
    image = str(service.get("image", ""))
    found = kind(image, lab)
    if found == "upstream":
        return
    reference = parse(image)
    if reference.digest:
        why = "the lab's image of that name is another one, with another digest"
        yield Change(path=("image",), lab=image.partition("@")[0], why=why)
    if found != "stand-in":
        return
    if service.get("entrypoint"):
        why = "a stand-in has its own first process; the real image's program is not in it"
        yield Change(path=("entrypoint",), lab=None, why=why)
    listen = ",".join(standin.ports(reference, service))
    if listen:
        yield _environment(service, standin.ENVIRONMENT, listen)


def _environment(service: Mapping[str, Any], name: str, value: str) -> Change:
    why = "tells the stand-in what to listen on"
    present = service.get("environment")
    if isinstance(present, list):
        return Change(path=("environment",), lab=[*present, f"{name}={value}"], why=why)
    return Change(path=("environment", name), lab=value, why=why)
