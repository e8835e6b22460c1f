"""References to images, read the way engines read them. Pure."""

from __future__ import annotations

import re

from quorate.errors import LabError
from quorate.fleet.model import Model

HUB = "docker.io"
HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
OFFICIAL = "library"
_PATH = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"\w[\w.-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")


class Reference(Model):
    """A reference in full: `postgres:16` is docker.io, library/postgres, 16.

    `path` is the repository within the registry `host`.
    """

    host: str
    path: str
    tag: str = "latest"
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.path}:{self.tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def tagged(self) -> str:
        """The reference without its digest, as short as engines accept it."""
        path = self.path.removeprefix(f"{OFFICIAL}/") if self.host == HUB else self.path
        return f"{path}:{self.tag}" if self.host == HUB else f"{self.host}/{path}:{self.tag}"


def parse(text: str) -> Reference:
    """Read an image reference.

    The first part is a host when it has a dot or a colon or is `localhost`;
    else the image is Docker Hub's, and without a slash an official one.

    Raises:
        LabError: it is no image reference.
    """
    name, _, digest = text.strip().partition("@")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, remainder = first.lower(), rest
    else:
        host, remainder = HUB, name
    host = HUB if host in HUB_NAMES else host
    path, _, tag = remainder.partition(":")
    if host == HUB and "/" not in path:
        path = f"{OFFICIAL}/{path}"
    good = _PATH.fullmatch(path) and (not tag or _TAG.fullmatch(tag))
    if not good or (digest and not _DIGEST.fullmatch(digest)):
        raise LabError(
            f"`{text}` is no image reference",
            cause="a reference is [HOST/]NAME[:TAG][@DIGEST], its name in lower case",
            todo="correct `image:` in the compose file",
        )
    return Reference(host=host, path=path, tag=tag or "latest", digest=digest)
