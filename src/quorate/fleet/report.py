"""What `quorate check` found, as a value: problems and a summary."""

from __future__ import annotations

from pydantic import Field

from quorate.fleet.eligible import eligible_servers
from quorate.fleet.model import Fleet, Mode, Model, Service
from quorate.fleet.problems import Problem, Severity


class Report(Model):
    """Every problem, and the fleet (None when any problem is an error)."""

    problems: tuple[Problem, ...]
    fleet: Fleet | None

    def count(self, severity: Severity) -> int:
        """How many problems of that severity there are."""
        return sum(problem.severity is severity for problem in self.problems)


class Summary(Model):
    """How much there is in a fleet."""

    servers: int = Field(description="Servers.")
    managers: int = Field(description="Servers that are Swarm managers.")
    stacks: int = Field(description="Stacks.")
    services: int = Field(description="Services, of both engines.")
    containers: int = Field(description="Containers when every service is complete.")
    memory: int = Field(description="Memory of all servers, in bytes.")
    cpus: float = Field(description="CPU threads of all servers.")


class CheckReport(Model):
    """What `quorate check --json` prints."""

    status: str = Field(description="`ok`, `warnings` or `errors`.")
    fleet: str | None = Field(description="The fleet's name; null when there are errors.")
    digest: str | None = Field(description="SHA-256 over all that was read.")
    errors: int = Field(description="How many problems are errors.")
    warnings: int = Field(description="How many are warnings.")
    notes: int = Field(description="How many are notes.")
    problems: tuple[Problem, ...] = Field(description="Every problem, by file and line.")
    summary: Summary | None = Field(description="What there is; null when there are errors.")


def summarise(fleet: Fleet) -> Summary:
    """Count what is in a fleet."""
    return Summary(
        servers=len(fleet.servers),
        managers=len(fleet.managers),
        stacks=len(fleet.stacks),
        services=len(fleet.services),
        containers=sum(containers(fleet, service) for service in fleet.services),
        memory=sum(server.memory for server in fleet.servers),
        cpus=sum(server.cpus for server in fleet.servers),
    )


def containers(fleet: Fleet, service: Service) -> int:
    """How many containers a service has when it is complete."""
    if service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB):
        return len(eligible_servers(service, fleet.servers))
    return service.replicas


def check_report(report: Report) -> CheckReport:
    """The report in the form that is printed as JSON."""
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    return CheckReport(
        status="errors" if errors else "warnings" if warnings else "ok",
        fleet=report.fleet.name if report.fleet else None,
        digest=report.fleet.digest if report.fleet else None,
        errors=errors,
        warnings=warnings,
        notes=report.count(Severity.NOTE),
        problems=report.problems,
        summary=summarise(report.fleet) if report.fleet else None,
    )
