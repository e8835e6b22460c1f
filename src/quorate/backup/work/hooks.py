"""Commands in the source's container, before and after it is gathered (`hooks:` of a source)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.backup.inside import Container, hooks
from quorate.backup.jobs.model import ENGINE
from quorate.backup.work.saying import log
from quorate.backup.work.setting import Setting
from quorate.errors import MachineError, QuorateError, UsageError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@contextmanager
def around(setting: Setting, engine: Path = Path(ENGINE)) -> Iterator[None]:
    """Run the commands before and after the block; those after it in any case.

    Raises:
        UsageError: there are commands, and no container is named.
        MachineError: a command failed, or there is no container to run it in.
    """
    job = setting.job
    if not job.before and not job.after:
        yield
        return
    if not job.container:
        raise UsageError("commands before and after a backup need a container to run in")
    with closing(docker.connect_socket(engine, timeout=setting.left)) as client:
        place = container(client, job.container)
        try:
            hooks(place, job.before, when="before")
            yield
        except BaseException:
            try:
                hooks(place, job.after, when="after")
            except QuorateError as error:  # what happened first is what is told
                log.error("%s", error)
            raise
        hooks(place, job.after, when="after")


def container(client: DockerClient, pattern: str) -> Container:
    """The running container whose name matches; of several, the one made last.

    Raises:
        MachineError: there is none.
    """
    with docker.translated("the engine of this server does not list its containers"):
        found = client.api.containers(filters={"name": pattern})
    if not found:
        raise MachineError(
            f"no container here has a name like {pattern}, so that nothing can be run in it",
            cause="its service does not run, or has moved to another server",
            todo="see that it runs, then run the backup again: it follows the service",
        )
    return Container(client=client, id=str(max(found, key=lambda one: int(one["Created"]))["Id"]))
