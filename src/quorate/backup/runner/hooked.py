"""A job's hooks: commands in the source's container before and after, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from quorate.backup import inside
from quorate.backup.jobs.model import ENGINE
from quorate.backup.runner.saying import log
from quorate.backup.runner.setting import Setting
from quorate.errors import QuorateError, UsageError
from quorate.tools import docker


@contextmanager
def hooked(setting: Setting) -> Iterator[None]:
    """Run the hooks before the block, and those after it however it ends.

    Those after it are also run when one before it failed: it may have done half of its work.

    Raises:
        UsageError: the job does not say in which container.
        MachineError: the container does not run here, or a hook failed.
    """
    job = setting.job
    if not job.before and not job.after:
        yield
        return
    if not job.container:
        raise UsageError("hooks need the name of the source's container (`container`)")
    with closing(docker.connect_socket(ENGINE, timeout=setting.left)) as client:
        container = inside.matching(client, job.container)
        try:
            setting.say.step(f"hooks before {job.source}")
            inside.hooks(container, job.before, when="before")
            yield
        except BaseException:
            try:
                _after(setting, container)
            except QuorateError as error:  # what went wrong first is what is told
                log.error("%s", error)
            raise
        _after(setting, container)


def _after(setting: Setting, container: inside.Container) -> None:
    setting.say.step(f"hooks after {setting.job.source}")
    inside.hooks(container, setting.job.after, when="after")
