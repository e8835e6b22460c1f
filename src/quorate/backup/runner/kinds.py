"""Which module knows a kind of source: one line for each."""

from __future__ import annotations

from collections.abc import Mapping

from quorate.backup.model import Kind
from quorate.backup.runner import files, gitlab, images, mariadb, postgres, redis, trees
from quorate.backup.runner.setting import Craft
from quorate.errors import UsageError

CRAFTS: Mapping[Kind, Craft] = {
    Kind.POSTGRES: postgres.CRAFT,
    Kind.MARIADB: mariadb.CRAFT,
    Kind.REDIS: redis.CRAFT,
    Kind.GITLAB: gitlab.CRAFT,
    Kind.VOLUME: files.CRAFT,
    Kind.CONFIGS: trees.CRAFT,
    Kind.SWARM: trees.CRAFT,
    Kind.SYSTEM: trees.CRAFT,
    Kind.IMAGES: images.CRAFT,
}


def craft(kind: Kind | None) -> Craft:
    """What can be done with a kind of source.

    Raises:
        UsageError: nothing.
    """
    if kind is None or kind not in CRAFTS:
        known = ", ".join(CRAFTS)
        raise UsageError(f"no job can be made of the kind {kind}; it knows {known}")
    return CRAFTS[kind]
