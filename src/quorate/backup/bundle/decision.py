"""The bundle as a source of its own: kept with the off-site copies, like the configs. Pure."""

from __future__ import annotations

from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import Planned
from quorate.fleet.model import Fleet

ID = "bundle"


def bundle_source(fleet: Fleet) -> Planned | None:
    """How the bundle is kept; None where nobody says who may open one.

    In the first repository off-site, and copied to the others there: what it is for has taken the
    servers. Where none is off-site it goes where the configs go, which is better than nowhere.
    It is encrypted before it is stored, and opened without that repository's password only
    where somebody keeps the file elsewhere too.
    """
    backup = fleet.backup
    if backup.bundle is None or not backup.repositories:
        return None
    policy = backup.of_kind(Kind.CONFIGS.value)
    away = tuple(one for one in backup.repositories if one.offsite)
    goes, *others = away or backup.candidates(policy)[:1]
    return Planned(
        source=Source(id=ID, kind=Kind.CONFIGS),
        policy=policy.model_copy(update={"to": tuple(one.name for one in (goes, *others))}),
        repository=goes,
        copies=tuple(others),
    )
