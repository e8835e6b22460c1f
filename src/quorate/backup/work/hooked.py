"""A job's hooks: commands in the source's container before and after, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from quorate.backup import inside
from quorate.backup.jobs.model import ENGINE
from quorate.backup.work.setting import Setting
from quorate.errors import UsageError
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
        finally:
            setting.say.step(f"hooks after {job.source}")
            inside.hooks(container, job.after, when="after")
