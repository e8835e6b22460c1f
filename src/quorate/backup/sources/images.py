"""Images of a server that no registry has: each as `docker save` gives it, and checked by digests.

Uncompressed, so that a repository holds what two of them, or two copies, have in common only once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, image_archive
from quorate.errors import EngineError, MachineError, RefusedError
from quorate.fleet.image_names import full, repository, tagged
from quorate.tools import clock, docker, dockerimages

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

INDEX, NOTES = "images.json", "RESTORE.txt"
FORMAT = 1
NOT_FOUND = 404
CONTAINERD = "io.containerd.snapshotter.v1"
RESTORE = """\
Each .tar is an image as `docker save` gives it; images.json says which names it has. On the server
where it is needed:

    docker load --input FILE.tar
"""


@dataclass(frozen=True, kw_only=True)
class Held:
    """An image as an engine holds it. `layers`: the digests of their contents."""

    id: str
    size: int
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    layers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Of the references wanted: those to save by the image they mean, those that a registry has
    (with the digests it has them by), and those that are not here."""

    saved: Mapping[str, tuple[str, ...]]
    elsewhere: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Images:
    """A server's images as a source. `wanted`: references → whether also what a registry has."""

    client: DockerClient
    wanted: Mapping[str, bool]
    kind: Kind = field(default=Kind.IMAGES, init=False)

    def size(self) -> int:
        """Bytes of what a dump will hold, about."""
        held = self._held()
        ids = choose(self.wanted, held, tells=_tells(self.client)).saved
        return sum(one.size for one in {one.id: one for one in held.values()}.values()
                   if one.id in ids)  # fmt: skip

    def dump(self, spool: Path) -> Manifest:
        """Save each image, read it to its end, note what it is; see `base.DumpedSource`.

        Raises:
            MachineError: an image could not be saved whole.
        """
        with base.filling(spool):
            held = self._held()
            chosen = choose(self.wanted, held, tells=_tells(self.client))
            by_id = {one.id: one for one in held.values()}
            entries = [
                self._save(spool / f"{number}.tar", by_id[identity], names)
                for number, (identity, names) in enumerate(sorted(chosen.saved.items()), 1)
            ]
            index = {
                "format": FORMAT,
                "images": entries,
                "in_a_registry": {key: list(one) for key, one in chosen.elsewhere.items()},
            }
            (spool / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True))
            (spool / NOTES).write_text(RESTORE)
            read = look(spool)
            made = Manifest(
                kind=self.kind,
                version=str(self.client.version().get("Version") or ""),
                parts=read.parts,
                findings=tuple(
                    f"{name} is not on this server, so not in this copy" for name in chosen.missing
                ),
            )
            base.publish(spool, made)
        return made

    def _save(self, into: Path, image: Held, names: tuple[str, ...]) -> dict[str, Any]:
        dockerimages.save_images(self.client, [tagged(name) for name in names], into)
        saved = image_archive.read(into)
        same = is_same(image, saved, tells=_tells(self.client))
        if not same or not {*map(full, names)} <= {*map(full, saved.names)}:
            raise MachineError(
                f"what was saved of {names[0]} is not the image that was there",
                cause="it was built anew or removed meanwhile",
                todo="run the backup again",
            )
        return {"file": into.name, "names": list(names), "id": image.id, "config": saved.config}

    def _held(self) -> dict[str, Held]:
        with docker.translated("the server's images could not be listed"):
            found = {name: _inspect(self.client, name) for name in self.wanted}
        return {name: one for name, one in found.items() if one is not None}

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Read every archive to its last byte; see `base.DumpedSource`."""
        return tried_out(directory)


def _tells(client: DockerClient) -> bool:
    """Whether the engine tells which images came from a registry, and calls them by their
    configurations: containerd's store has a digest, too, of those that were built here."""
    with docker.translated("the engine could not be asked for its store"):
        status = client.info().get("DriverStatus") or ()
    return not any(CONTAINERD in map(str, pair) for pair in status)


def choose(wanted: Mapping[str, bool], held: Mapping[str, Held], *, tells: bool) -> Chosen:
    """What is to be saved. Pure.

    A name is in a registry where the image has a digest of that very repository: it was pulled
    from there, or pushed. One that was given here (`docker tag`) has none.

    Args:
        tells: the engine's digests are those of registries.
    """
    saved: dict[str, tuple[str, ...]] = {}
    elsewhere: dict[str, tuple[str, ...]] = {}
    for name, anyway in sorted(wanted.items()):
        one = held.get(name)
        if one is None:
            continue
        known = tuple(d for d in one.digests if repository(d) == repository(name))
        if known and tells and not anyway:
            elsewhere[name] = known
        else:
            saved[one.id] = (*saved.get(one.id, ()), name)
    missing = tuple(sorted(wanted.keys() - held.keys()))
    return Chosen(saved=saved, elsewhere=elsewhere, missing=_without_twins(missing, held))


def is_same(held: Held, saved: image_archive.Saved, *, tells: bool) -> bool:
    """Whether an engine's image is the one in an archive. Pure.

    Args:
        tells: the engine calls images by their configurations; else the layers have to do.
    """
    return held.layers == saved.diffs and (not tells or held.id == f"sha256:{saved.config}")


def _without_twins(missing: Iterable[str], held: Mapping[str, Held]) -> tuple[str, ...]:
    """What compose may call by two names is there by one of them."""
    there = {name.replace("_", "-") for name in held}
    return tuple(name for name in missing if name.replace("_", "-") not in there)


def _inspect(client: DockerClient, name: str) -> Held | None:
    try:
        raw = client.api.inspect_image(name)
    except docker.engine_errors() as error:
        if docker.status_of(error) == NOT_FOUND:
            return None
        raise
    return Held(
        id=str(raw["Id"]),
        size=int(raw.get("Size") or 0),
        tags=tuple(raw.get("RepoTags") or ()),
        digests=tuple(raw.get("RepoDigests") or ()),
        layers=tuple((raw.get("RootFS") or {}).get("Layers") or ()),
    )


def tried_out(directory: Path) -> Restored:
    """Every archive of a dump read to its last byte, with no engine.

    Raises:
        MachineError: one is damaged.
    """
    began = clock.monotonic()
    return Restored(manifest=look(directory), seconds=clock.monotonic() - began)


def look(directory: Path) -> Manifest:
    """What is in a directory with archives.

    Raises:
        MachineError: one is damaged, or there are others than its list says.
    """
    listed = [str(entry["file"]) for entry in index(directory)]
    there = sorted(path.name for path in directory.glob("*.tar"))
    if sorted(listed) != there:
        raise MachineError(
            f"{INDEX} names {', '.join(sorted(listed)) or 'no archive'}, and there is "
            f"{', '.join(there) or 'none'}",
            todo="use another copy",
        )
    text = (directory / INDEX).read_bytes()
    parts = {INDEX: f"{len(listed)}:{hashlib.sha256(text).hexdigest()}"}
    for file in listed:
        parts |= image_archive.parts_of(file, image_archive.read(directory / file))
    return Manifest(kind=Kind.IMAGES, parts=parts)


def index(directory: Path) -> list[dict[str, Any]]:
    """The images of a dump.

    Raises:
        MachineError: its list cannot be read.
    """
    try:
        found = json.loads((directory / INDEX).read_text())
        if found["format"] != FORMAT:
            raise ValueError("it is of another format")
        return [
            {"file": str(one["file"]), "names": [str(name) for name in one["names"]]}
            for one in found["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MachineError(
            f"{directory / INDEX} cannot be read", cause=str(error), todo="use another copy"
        ) from error


def load(directory: Path, client: DockerClient, *, over: bool = False) -> tuple[str, ...]:
    """Give the images of a dump to an engine; what was done, in words.

    Args:
        over: a name may be taken from another image, which stays there without it.

    Raises:
        RefusedError: a name is another image's there, and `over` was not said; nothing was changed.
        MachineError: the engine does not take one, or calls another image so afterwards.
    """
    wanted = {
        entry["file"]: (entry["names"], image_archive.read(directory / entry["file"]))
        for entry in index(directory)
    }
    tells = _tells(client)
    taken = [
        name
        for names, saved in wanted.values()
        for name in names
        if (there := _there(client, name)) and not is_same(there, saved, tells=tells)
    ]
    if taken and not over:
        raise RefusedError(
            f"{', '.join(taken)} is another image on this server; nothing was changed",
            todo="load it on another server, or say that it may take the name (`--in-place`)",
        )
    for file in wanted:
        dockerimages.load_image(client, directory / file)
    return tuple(_said(client, wanted.values(), taken, tells=tells))


def _said(
    client: DockerClient,
    wanted: Iterable[tuple[list[str], image_archive.Saved]],
    taken: list[str],
    *,
    tells: bool,
) -> Iterator[str]:
    for names, saved in wanted:
        for name in names:
            there = _there(client, name)
            if there is None or not is_same(there, saved, tells=tells):
                raise EngineError(
                    f"{name} was loaded, and the engine has another image of that name",
                    todo="see who builds or pulls there meanwhile, then run it again",
                )
            yield f"{name} is loaded" + (
                "; the image that had the name is there without it" if name in taken else ""
            )


def _there(client: DockerClient, name: str) -> Held | None:
    with docker.translated(f"the engine could not be asked for {name}"):
        return _inspect(client, name)
