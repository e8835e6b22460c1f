"""The copies that there are, asked of the repositories themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quorate.backup.jobs import copies, decide, making, running
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.running import Ground
from quorate.tools import clock


def read(ground: Ground, names: Sequence[str] = ()) -> Known:
    """The copies in these repositories (in all), as they themselves tell it.

    Raises:
        UsageError: a name that is no repository's, or there is none.
    """
    came = running.run(ground, decide.catalogues(ground.scene, names, due=clock.now()))
    repositories = ground.scene.fleet.backup.repositories
    new = making.unmade(ground.door, repositories, [one.name for one in repositories])
    found = copies.known(came.outcomes, came.refused, [one.name for one in new])
    return replace(found, earlier=came.earlier)
