"""What runs in the containers of a move whose Postgres goes as a streaming replica."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from quorate.errors import MachineError
from quorate.recover.moving import standby
from quorate.recover.moving.mover import LOCK_SECONDS, Places
from quorate.tools import filelock

BEGUN = "replica"
"""Says of which directory a replica was begun in this container."""


def cluster(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Who owns a data directory and what is above it in its volume; whether it is alone there."""
    here, chain, alone = places.data / "0", [], True
    for part in (*Path(told["below"]).parts, ""):
        state = here.stat()
        chain.append([state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)])
        if part:
            alone = alone and [path.name for path in here.iterdir()] == [part]
            here /= part
    return {"chain": chain, "alone": alone and (here / "PG_VERSION").exists()}


def look_primary(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the primary of a replica is."""
    del places
    return standby.look(told)


def follow(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Make a streaming replica here."""
    replica = _replica(places, told)
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        here = places.data / "0"
        for part, (owner, group, mode) in zip(
            ("", *Path(told["below"]).parts), told["chain"], strict=True
        ):
            here = here / part if part else here
            here.mkdir(exist_ok=True)
            os.chown(here, owner, group)
            here.chmod(mode)
        (places.state / BEGUN).write_text(
            json.dumps({name: told[name] for name in ("reach", "below", "chain")})
        )
        try:
            return standby.begin(replica, told, told["found"])
        except MachineError:
            _stop(places, replica)
            raise


def rest(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the replica is, once its primary has shut down."""
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        return dict(standby.end(_replica(places, told)))


def unfollow(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Stop the replica, if one was begun in this container: a former one's ended with it."""
    del told
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        begun = places.state / BEGUN
        if begun.exists():
            _stop(places, _replica(places, json.loads(begun.read_text())))
            begun.unlink()
    return {}


def dismiss(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Take what admits a replica out of the primary again."""
    del places
    standby.dismiss(told)
    return {}


def control(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the cluster at the source is, by its own record."""
    return dict(standby.at_source(places.data / "0" / told["below"]))


def _stop(places: Places, replica: standby.Standby) -> None:
    """Stop a replica, whose directory is none any more: its files are written over."""
    (places.state / "standby" / standby.DONE).unlink(missing_ok=True)
    standby.stop(replica)


def _replica(places: Places, told: dict[str, Any]) -> standby.Standby:
    owner, group, _ = told["chain"][-1]
    return standby.Standby(
        data=places.data / "0" / told["below"],
        state=places.state / "standby",
        owner=owner,
        group=group,
        user=str(told["reach"].get("user") or "postgres"),
    )


VERBS = {
    **{"cluster": cluster, "look-primary": look_primary, "follow": follow, "rest": rest},
    **{"unfollow": unfollow, "dismiss": dismiss, "control": control},
}
