"""A Postgres that goes over as a replica: made while it runs, at rest when it has stopped.

Whatever speaks against it, or fails, its files are copied and compared as any other's are.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from quorate.errors import MachineError, QuorateError
from quorate.recover.moving.model import Pair
from quorate.recover.moving.spec import SERVE, WAIT
from quorate.recover.moving.standby import SAME
from quorate.tools import parallel

if TYPE_CHECKING:
    from quorate.deploy.progress import Reporter
    from quorate.recover.model import Facts
    from quorate.recover.moving.movers import Movers

SHUT_DOWN = "shut down"
SHUT_DOWN_IN_RECOVERY = "shut down in recovery"


def while_running(movers: Movers, report: Reporter) -> Facts:
    """Make the replica, and wait until it has caught up.

    Raises:
        MachineError: there can be none, with why; or it could not be made.
    """
    pair, told = _of(movers)
    found = movers.ask(pair, WAIT, "look-primary", told)
    if found["lacks"]:
        raise MachineError(str(found["lacks"]))
    below = below_mount(str(found["data"]), str(pair.volumes[0].mount.get("Target")))
    cluster = movers.ask(pair, SERVE, "cluster", {"below": below})
    if not cluster["alone"]:
        raise MachineError("its volume has other files beside its data directory")
    told |= {"below": below, "chain": cluster["chain"], "found": found}
    made = movers.ask(pair, WAIT, "follow", told)
    report.note(f"a replica that streams, made in {made['seconds']} s")
    return {"followed": {"below": below, "chain": cluster["chain"]}, "rounds": [made]}


def at_rest(movers: Movers, report: Reporter, followed: dict[str, Any]) -> Facts:
    """The replica once the primary has shut down: at the same place of the log, and at rest.

    Raises:
        MachineError: it is not, or the primary did not shut down cleanly.
    """
    pair, told = _of(movers)
    asked = [(SERVE, "control"), (WAIT, "rest")]
    told |= followed
    was, now = parallel.run(lambda one: movers.ask(pair, *one, told), asked)
    if was["state"] != SHUT_DOWN:
        raise MachineError(f"Postgres did not shut down cleanly: it is {was['state']}")
    if wrong := different(was, now):
        raise MachineError("the replica is not where the primary was", cause="\n".join(wrong))
    place = was["Latest checkpoint location"]
    report.note(f"the replica has everything up to {place}, where the primary shut down")
    return {"verified": {"log": place, **{name: was[name] for name in SAME}}}


def give_up(movers: Movers) -> None:
    """Stop the replica where it runs, if any does, so that its files can be written over.

    One that is being made is waited for: that goes on when the connection to it breaks.

    Raises:
        MachineError: it does not end, or cannot be asked to.
    """
    pair, told = _of(movers)
    movers.ask(pair, WAIT, "unfollow", told)


def dismiss(movers: Movers) -> None:
    """Nobody is admitted at the primary any more; where it does not answer, that is said."""
    pair, told = _of(movers)
    try:
        movers.ask(pair, WAIT, "dismiss", told)
    except QuorateError as error:
        movers.place.report.note(f"the replica's role may still be at the primary: {error.what}")


def below_mount(data: str, mount: str) -> str:
    """Where a data directory is below a volume. Pure.

    Raises:
        MachineError: it is not in it.
    """
    path, root = PurePosixPath(data), PurePosixPath(mount)
    if not path.is_relative_to(root):
        raise MachineError(f"its data directory {data} is not in its volume {mount}")
    below = str(path.relative_to(root))
    return "" if below == "." else below


def different(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is not as it must be once both have shut down, in words. Pure."""
    said = [
        f"{name}: {now[name]} instead of {was[name]}" for name in SAME if now[name] != was[name]
    ]
    if now["state"] != SHUT_DOWN_IN_RECOVERY:
        said.append(f"it is {now['state']}")
    return said


def _of(movers: Movers) -> tuple[Pair, dict[str, Any]]:
    replica = movers.move.replica
    assert replica is not None
    return movers.move.pairs[0], {"reach": replica.reach}
