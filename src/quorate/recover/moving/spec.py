"""The two services of a move, and what a moved service's own spec becomes. Pure.

Specs are the engine's own; they go back as they came but for what is changed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from quorate.backup.jobs.names import MAX_SERVICE, NETWORK
from quorate.backup.policy import quiesce
from quorate.backup.policy.quiesce import Record
from quorate.recover.moving.model import Pair
from quorate.stacks.pools import is_ours, replace_ours

Spec = dict[str, Any]

LABEL = "quorate.mover"
LABEL_PAIR = "quorate.mover.pair"
LABEL_FLEET = "quorate.mover.fleet"
DATA = "/data"
SECRET_FILE = "mover-password"
VERIFIED = f"{quiesce.PREFIX}verified"
"""On a service that is kept still: what it has written was copied and compared. Goes with the
record, so that whoever stops it once more has to copy once more."""
SERVE, WAIT = "serve", "wait"
PROGRAM = ("python3", "-m", "quorate.recover.moving.program")
NANO = 1_000_000_000


def mover_name(run: str, pair: Pair, side: str) -> str:
    """The name of one of the two services, the same whenever it is asked."""
    digest = hashlib.sha256(f"{run}\0{pair.source}\0{pair.target}".encode()).hexdigest()[:12]
    return f"quorate-mover-{side}-{digest}"[:MAX_SERVICE]


def mover_spec(
    run: str,
    pair: Pair,
    side: str,
    *,
    fleet: str,
    image: str,
    secrets: Sequence[Spec],
    networks: Sequence[str] = (),
) -> Spec:
    """The service beside the data (`serve`), or where they go (`wait`).

    Args:
        image: Quorate's own, as deployed.
        secrets: the password's, and what a replica needs, in the engine's form.
        networks: beside that of backup work.
    """
    serving = side == SERVE
    container = {
        "Image": image,
        "Command": [*PROGRAM, side],
        "Init": True,
        "StopGracePeriod": 2 * NANO,
        "Mounts": [
            _mount(one.mount, f"{DATA}/{number}", read_only=serving)
            for number, one in enumerate(pair.volumes)
        ],
        "Secrets": list(secrets),
        "Labels": {LABEL: side},
    }
    server = pair.source if serving else pair.target
    return {
        "Name": mover_name(run, pair, side),
        "Labels": {LABEL: run, LABEL_PAIR: f"{pair.source}>{pair.target}", LABEL_FLEET: fleet},
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": {"Constraints": [f"node.hostname=={server}"]},
            "RestartPolicy": {"Condition": "any", "Delay": NANO},
            "Networks": [{"Target": name} for name in (NETWORK, *networks)],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _mount(mount: Mapping[str, Any], target: str, *, read_only: bool) -> Spec:
    """The service's own mount, so that a volume that is made is made as the service would."""
    out: Spec = {**mount, "Target": target, "ReadOnly": read_only}
    if out.get("Type") == "volume":
        # Nothing of the image may get into a volume that happens to be empty.
        out["VolumeOptions"] = {**(mount.get("VolumeOptions") or {}), "NoCopy": True}
    return out


def stopped(spec: Mapping[str, Any], *, run: str, source: str, now: datetime, down: float) -> Spec:
    """The spec that scales a service to 0 and says who did, until when."""
    deadline = now + timedelta(seconds=down)
    record = Record(run=run, source=source, replicas=1, deadline=deadline, awaited=deadline)
    return quiesce.stopped(spec, record)


def verified(spec: Mapping[str, Any], run: str) -> Spec | None:
    """The spec that says that its data were compared; None: it is no longer kept still."""
    if not quiesce.held(spec, run):
        return None
    return {**spec, "Labels": {**quiesce.labels_of(spec), VERIFIED: "yes"}}


def ready(spec: Mapping[str, Any], run: str) -> bool:
    """Whether a service is kept still by this run, and was ever since its data were compared."""
    return quiesce.held(spec, run) and VERIFIED in quiesce.labels_of(spec)


def switched(spec: Mapping[str, Any], constraint: str, run: str) -> Spec | None:
    """The spec that starts a service at its new home, in one update; None: it is not `ready`.

    Whoever started it meanwhile may have written at the old place: what was compared is no more.
    """
    if not ready(spec, run):
        return None
    return quiesce.resumed(placed(spec, constraint))


def placed(spec: Mapping[str, Any], constraint: str | None) -> Spec:
    """The spec with another constraint of Quorate's own; all others stay."""
    return _with(spec, replace_ours(_written(spec), constraint))


def returned(spec: Mapping[str, Any], former: tuple[str, ...]) -> Spec:
    """The spec with Quorate's constraints of before in place of those it has now."""
    theirs = [one for one in _written(spec) if not is_ours(one)]
    return _with(spec, [*(one for one in former if is_ours(one)), *theirs])


def _with(spec: Mapping[str, Any], wanted: list[str]) -> Spec:
    template = dict(spec.get("TaskTemplate") or {})
    placement = {**(template.get("Placement") or {}), "Constraints": wanted}
    return {**spec, "TaskTemplate": {**template, "Placement": placement}}


def constraints(spec: Mapping[str, Any]) -> list[str]:
    """The constraints of a service, blanks removed so that they compare."""
    return [one.replace(" ", "") for one in _written(spec)]


def _written(spec: Mapping[str, Any]) -> list[str]:
    """The constraints as they are written: a value may have blanks, and they count."""
    placement = (spec.get("TaskTemplate") or {}).get("Placement") or {}
    return [str(one) for one in placement.get("Constraints") or ()]
