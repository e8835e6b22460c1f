"""What a loss does to jobs, which Swarm looks after less than after services. Pure."""

from __future__ import annotations

from quorate.fleet.model import Engine, Fleet, Mode, Service
from quorate.plan.scene import JOB_ENGINE
from quorate.predict.model import JobTrouble

JOBS = (Mode.REPLICATED_JOB, Mode.GLOBAL_JOB)

RUNNING = (
    "jobs are running when it happens; nobody knows here when they do: of one that has ended "
    "nothing is lost"
)


def is_job(service: Service, fleet: Fleet) -> bool:
    """Whether Swarm runs it as a job: older engines are given a plain service for it."""
    return (
        service.engine is Engine.SWARM and service.mode in JOBS and fleet.swarm.engine >= JOB_ENGINE
    )


def has_jobs(fleet: Fleet) -> bool:
    return any(is_job(service, fleet) for service in fleet.services)


def troubles(
    service: Service, fleet: Fleet, *, lost: bool, elected: bool
) -> tuple[JobTrouble, ...]:
    """What becomes of a job that runs.

    Args:
        lost: one of its tasks ran on what has no power any more.
        elected: another manager comes to lead.
    """
    if not is_job(service, fleet):
        return ()
    found = [JobTrouble.HANGS] if lost else []
    # Seen of replicated jobs only (swarm.jobs.led_again).
    if elected and service.mode is Mode.REPLICATED_JOB:
        found.append(JobTrouble.AGAIN)
    return tuple(found)
