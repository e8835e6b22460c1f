"""Say why a service failed, in its own words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.deploy.settle import Verdict
from quorate.tools.docker import log_tail

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LOG_LINES = 8

ADVICE = (
    ("no suitable node (insufficient resources", "lower its reservation, or free or add memory"),
    ("no suitable node (host-mode port", "another service holds that port on its servers"),
    ("no suitable node", "look at its placement with `quorate plan`; a server may be down"),
    ("no such image", "check the image's name and the registry's credentials"),
    ("pull access denied", "check the image's name and the registry's credentials"),
    ("no space left on device", "free disk on that server (`docker system df` there)"),
    ("unhealthy", "its health check fails: see `quorate logs` of the service"),
    ("non-zero exit", "it starts and ends with an error: see its log lines"),
    ("invalid mount config", "create that path on the server, or use a named volume"),
    ("update paused", "fix the service and run `quorate up` again, or `quorate rollback`"),
    ("rollback", "the former version serves; fix the service and run `quorate up` again"),
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One service that did not become healthy; `log` are its last lines."""

    swarm_name: str
    why: str
    log: tuple[str, ...]
    todo: str


def explain(verdict: Verdict, client: DockerClient) -> Failure:
    """Why this service failed: Swarm's words, its last log lines, and an advice."""
    why = verdict.detail or f"{verdict.running} of {verdict.desired} tasks run ({verdict.phase})"
    return Failure(
        swarm_name=verdict.swarm_name,
        why=why,
        log=log_tail(client, verdict.swarm_name, LOG_LINES),
        todo=advise(why),
    )


def advise(why: str) -> str:
    """The next action for a failure described in Swarm's words."""
    lowered = why.lower()
    for words, advice in ADVICE:
        if words in lowered:
            return advice
    return "see `quorate logs` of the service, then run `quorate up` again"
