"""References to images, compared the way engines do. Pure."""

from __future__ import annotations

from quorate.fleet.families import take_apart

HUB = "docker.io"
HUB_NAMES = (HUB, "index.docker.io", "registry-1.docker.io")
OFFICIAL = "library"


def full(reference: str) -> str:
    """A reference in full, its digest left out; "" when it has a digest and no tag.

    `postgres` is docker.io/library/postgres:latest.
    """
    image = take_apart(reference)
    if image.digest and not image.tag:
        return ""
    host = image.registry or HUB
    host = HUB if host in HUB_NAMES else host.lower()
    path = f"{OFFICIAL}/{image.path}" if host == HUB and "/" not in image.path else image.path
    return f"{host}/{path}:{image.tag or 'latest'}"


def tagged(reference: str) -> str:
    """A reference with its tag: engines save all tags of a repository that is named without."""
    image = take_apart(reference)
    return reference if image.tag or image.digest else f"{reference}:latest"


def repository(reference: str) -> str:
    """Host and path of a reference, without tag and digest."""
    return full(reference.partition("@")[0]).rpartition(":")[0]


def digest(reference: str) -> str:
    """The digest in a reference; "" when there is none."""
    return take_apart(reference).digest or ""
