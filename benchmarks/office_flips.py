"""Part `flips`: a byte changed in each copy of a source is found, told, and mended.

A source is given new data and backed up, copied and proven, so that every repository has a pack
of it alone. One bit of that pack is turned, on the disk of the repository's own machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import FailedError
from benchmarks.office_data import filled
from benchmarks.office_ground import Ground
from benchmarks.office_verdict import Raw, Target, cells
from quorate.backup.jobs.repositories import reached
from quorate.deploy.values import read_value
from quorate.fleet.backup import Repository
from quorate.image.recipe import image_name
from quorate.tools import docker

SERVICE = SOURCE = "redis"
PROVER = "wsasus"
"""Where restic is run to mend; a server with Quorate's image."""
NOISE = "head -c 300000 /dev/urandom | base64 -w 0 | redis-cli -x SET flips > /dev/null"
MARK = "/tmp/office-flips"
SFTP_ROOT, S3_ROOT = "/srv/sftp", "/srv/s3"
"""Where the lab's outside host keeps what it serves."""
SECRETS = "/run/office-flips"
VERDICT = 4
LARGEST = "find {root} -type f -newer {mark} -size +64k -printf '%s %p\\n' | sort -rn | head -n 1"
FLIP = """
at=$(($(stat -c %s "$0") / 2))
was=$(dd if="$0" bs=1 skip=$at count=1 2> /dev/null | od -An -tu1)
printf "\\\\$(printf %03o $((was ^ 1)))" | dd of="$0" bs=1 seek=$at conv=notrunc 2> /dev/null
echo "$at"
"""
NAMED = """
import os, re, sys
for name in os.listxattr(sys.argv[1]):
    found = re.search(rb"data/[0-9a-f]{2}/([0-9a-f]{64})", os.getxattr(sys.argv[1], name))
    if found:
        print(found[1].decode())
        break
"""
"""Swift keeps an object's name in the attributes of its file."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Where the files of a repository lie: a container, and the directory in it."""

    repository: Repository
    container: str
    root: str


def disks(here: Ground) -> tuple[Disk, ...]:
    """Those of off-site copies, then of the source's first one, which is made anew at last."""
    lab, found = here.lab, []
    outside: Any = getattr(lab, "outside", None)
    for one in here.desired().backup.repositories:
        if one.place == "local" and one.server == PROVER:
            found.append(Disk(repository=one, container=lab.node(PROVER).container, root=one.path))
        elif one.place in ("sftp", "s3") and outside is not None:
            root = f"{SFTP_ROOT}{one.path}" if one.place == "sftp" else S3_ROOT
            found.append(Disk(repository=one, container=outside.node.container, root=root))
    return tuple(sorted(found, key=lambda disk: disk.repository.place == "local"))


def measure(here: Ground) -> dict[str, Any]:
    """Turn a bit in each copy, one after the other.

    Raises:
        FailedError: what must be green at first is not, or no pack is found.
    """
    found = disks(here)
    if len(found) < 3:
        names = [disk.repository.name for disk in found]
        raise FailedError(f"copies on three kinds of places are wanted; the lab has {names}")
    here.inside(SERVICE, NOISE)
    for disk in found:
        _shell(here, disk, f"touch {MARK}")
    time.sleep(1.1)
    here.backup("run", SOURCE, "--copy", "--prove")
    flips = [_flipped(here, disk) for disk in found]
    here.backup("run", SOURCE, "--copy", "--prove", codes=(0, VERDICT))
    after = here.backup("status", codes=(0, VERDICT))
    return {"flips": flips, "after": [cell.good for cell in cells(after.answer)],
            "after_code": after.code}  # fmt: skip


def _flipped(here: Ground, disk: Disk) -> dict[str, Any]:
    """One copy: damaged, found, mended."""
    name = disk.repository.name
    print(f"evidence: office-backups: a byte changed in {name}", flush=True)
    size, path = _pack(here, disk)
    offset = _shell(here, disk, FLIP, path)
    proof = here.backup("prove", SOURCE, "--repository", name, codes=range(256))
    status = here.backup("status", codes=range(256))
    bad = red_copies(proof.answer)
    began = time.monotonic()
    said = _mend(here, disk, path, bad)
    if disk.repository.place == "local":
        here.backup("run", SOURCE)
    else:
        here.backup("copy", SOURCE, "--to", name)
    mended = time.monotonic() - began
    again = here.backup("prove", SOURCE, "--repository", name, codes=range(256))
    return {
        "repository": name,
        "place": disk.repository.place,
        "pack_bytes": size,
        "offset": int(offset),
        "proof_code": proof.code,
        "proof_seconds": proof.seconds,
        "why": reasons(proof.answer),
        "status_code": status.code,
        "status": _words(status.answer, name),
        "mending": said[-600:],
        "mended_seconds": round(mended, 1),
        "again_code": again.code,
        "green_again": again.code == 0 and not red_copies(again.answer),
    }


def _pack(here: Ground, disk: Disk) -> tuple[int, str]:
    said = _shell(here, disk, LARGEST.format(root=disk.root, mark=MARK)).strip()
    if not said:
        raise FailedError(f"{disk.repository.name}: no new pack in {disk.root}")
    size, _, path = said.partition(" ")
    return int(size), path


def _mend(here: Ground, disk: Disk, path: str, copies: Sequence[str]) -> str:
    """Drop the damaged pack and the copies that it is of; what restic said."""
    pack = path.rpartition("/")[2]
    if disk.repository.place == "s3":
        pack = _run(here, disk.container, "python3", "-c", NAMED, path).strip()
    way = reached(disk.repository, PROVER)
    mounts = [f"{one.source}:{one.target}" for one in way.mounts]
    here.on(PROVER, "install", "-d", "-m", "700", SECRETS)
    for secret in way.secrets:
        if secret.source is not None:
            value = read_value(secret.name, secret.source, directory=here.fleet.parent)
            here.on(PROVER, "sh", "-c", f"cat > {SECRETS}/{secret.file}", input=value.decode())
    try:
        return here.on(
            PROVER,
            *("docker", "run", "--rm", "-i", "-v", f"{SECRETS}:/run/secrets:ro"),
            *(word for mount in mounts for word in ("-v", mount)),
            *(image_name(here.desired().backup), "python3", "-c", filled("mend.py")),
            input=json.dumps(
                {"at": way.at.model_dump(mode="json"), "pack": pack, "copies": list(copies)}
            ),
            seconds=1800.0,
        )
    finally:
        here.on(PROVER, "rm", "-rf", SECRETS)


def _shell(here: Ground, disk: Disk, line: str, *words: str) -> str:
    return _run(here, disk.container, "sh", "-ec", line, *words)


def _run(here: Ground, container: str, *argv: str) -> str:
    done = docker.cli(here.lab.engine_socket, "exec", "-i", container, *argv, timeout=120.0)
    return done.stdout


def red_copies(answer: Any) -> tuple[str, ...]:
    """Ids of the copies that a proof found not to be right, or could not read."""
    proofs = (answer or {}).get("proofs", ())
    return tuple(one["copy_id"] for one in proofs if one.get("proven") is not True)


def reasons(answer: Any) -> str:
    """Why, in the proof's own words."""
    words = []
    for one in (answer or {}).get("proofs", ()):
        error = one.get("error") or {}
        words += [*one.get("differences", ()), *filter(None, (error.get("what"),))]
    return "; ".join(words)[:300]


def _words(status: Any, repository: str) -> str:
    """What a status says of the source there."""
    for cell in cells(status):
        if (cell.source, cell.repository) == (SOURCE, repository):
            return f"copy {cell.state}, proof {cell.proof}"
    return ""


def targets(raw: Raw) -> tuple[Target, ...]:
    """Whether each was found and mended."""
    out = []
    for one in raw["flips"]:
        red = one["proof_code"] == VERDICT and one["status_code"] == VERDICT
        seen = f"prove {one['proof_code']}, status {one['status_code']} ({one['status']})"
        out.append(
            Target(
                part="flips",
                what=f"a byte changed in {one['repository']} ({one['place']})",
                wanted="`prove` and `status` exit with 4, the copy is red; green when mended",
                seen=f"{seen}; then {'green' if one['green_again'] else 'not green'}",
                met=red and "failed" in one["status"] and one["green_again"],
            )
        )
    return tuple(out)


def section(raw: Raw) -> Iterator[str]:
    """What was found where."""
    yield from ("## A byte changed", "")
    yield from ("| Repository | At, of bytes | Proof | In, s | Why | Status | Mended in, s |",
                "| --- | --- | --- | ---: | --- | --- | ---: |")  # fmt: skip
    for one in raw["flips"]:
        why = one["why"].replace("|", "\\|").replace("\n", " ")
        yield (
            f"| {one['repository']} | {one['offset']} of {one['pack_bytes']} | "
            f"exit code {one['proof_code']} | {one['proof_seconds']:.0f} | {why} | "
            f"{one['status']} | {one['mended_seconds']:.0f} |"
        )
    good = sum(raw["after"])
    yield from ("", f"Afterwards {good} of {len(raw['after'])} copies are green.", "")
    yield (
        "Mended: the damaged pack is dropped with `restic repair packs`, the copies it is of with "
        "`restic forget`,"
    )
    yield from ("and they are made again by `backup copy`, or `backup run` for the first one.", "")
