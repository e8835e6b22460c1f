"""A repository made, where there is none."""

from __future__ import annotations

from quorate.backup.place import Repository
from quorate.backup.runner.saying import log
from quorate.backup.runner.setting import Setting
from quorate.errors import RepositoryError
from quorate.tools.restic_errors import Reason


def create(setting: Setting, there: Repository, origin: Repository | None) -> None:
    """Make the repository; one that is there, and opens with this password, stays as it is.

    Args:
        origin: one whose chunks it is to have, so that copies from there share them.

    Raises:
        RepositoryError: it cannot be made, or is there with another password.
    """
    setting.say.step(f"make {there.name}")
    try:
        known = there.restic.config()
    except RepositoryError as error:
        if error.reason != Reason.MISSING:
            raise
    else:
        log.info("the repository %s is there already: %s", there.name, known[:8])
        return
    there.restic.init(like=origin.restic if origin else None)
