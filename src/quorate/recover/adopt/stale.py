"""Whether a container may be started again in its service's place: not on older data. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quorate.errors import RefusedError
from quorate.fleet.model import Fleet
from quorate.recover.adopt.model import Adopted


def require_data(
    fleet: Fleet,
    one: Adopted,
    homes: Mapping[str, Sequence[str]],
    running: Mapping[str, Sequence[str]],
) -> None:
    """See that the data of a service are still where its containers had them.

    Args:
        homes: where services belong by the last deployment, by their ids.
        running: where they run now.

    Raises:
        RefusedError: it lives elsewhere by now; what it has written there is not in the volumes
            of the containers.
    """
    at = {container.server for container in one.containers}
    now = {*homes.get(one.id, ()), *running.get(one.id, ())} - at
    if not now or not _keeps_data(fleet, one):
        return
    there, here = ", ".join(sorted(now)), ", ".join(sorted(at))
    raise RefusedError(
        f"{one.id} lives on {there} by now, and its container would start on {here} with the data "
        "as they were; nothing was changed",
        cause="it was moved after it was adopted",
        todo=f"`quorate move {one.id} --to {here}` first, then undo; or keep the service: "
        "`quorate adopt --finish`",
    )


def _keeps_data(fleet: Fleet, one: Adopted) -> bool:
    """A service that the files do not have any more is taken for one that does."""
    try:
        service = fleet.service(one.id)
    except KeyError:
        return True
    return service.state.keeps_data or any(use.kind == "volume" for use in service.volumes)
