"""What each `--json` prints, as models: docs/reference/schemas is made from these.

A verb's name is the file's name there. Where a verb prints a model of its own,
that model is named; the others are written down here.
"""

from __future__ import annotations

from importlib import import_module
from inspect import getdoc
from typing import Any

from pydantic import Field, TypeAdapter

from quorate.fleet.model import Model

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ErrorReport(Model):
    """What every verb prints with `--json` when it ends with an error."""

    error: str = Field(description="The error's class.")
    what: str = Field(description="What happened.")
    cause: str | None = Field(description="The likely cause.")
    todo: str | None = Field(description="What to do.")
    exit_code: int = Field(description="The exit code of the process.")
    problems: tuple[str, ...] = Field((), description="Of a CheckError: every problem.")
    conflict: tuple[str, ...] = Field((), description="Of an InfeasibleError: the rules.")


class LabelChange(Model):
    """Node labels of one server: those set anew, and those removed."""

    put: dict[str, str]
    drop: tuple[str, ...]


class PreviewReport(Model):
    """What `up` would change. Services by their names in Swarm."""

    steps: tuple[str, ...] = Field(
        description="What the swarm's set-up does, and what is done to databases."
    )
    networks: tuple[str, ...] = Field(description="Networks that are made.")
    labels: dict[str, LabelChange] = Field(description="By server.")
    changes: dict[str, Any] = Field(description="As `quorate diff --json` prints it.")
    homecoming: tuple[str, ...] = Field(description="Unchanged services brought home.")
    local_images: tuple[str, ...] = Field(
        description="Images no registry knows: each server runs the one it has."
    )
    moves: dict[str, str] = Field(description="What steering does with each service.")


class ServiceOutcome(Model):
    """Where a service was meant to run, and where it runs."""

    homes: tuple[str, ...]
    runs_on: tuple[str, ...]


class FailureReport(Model):
    """A service that did not become healthy, why, and its last log lines."""

    swarm_name: str
    why: str
    log: tuple[str, ...]
    todo: str


class UpReport(Model):
    """What came of `up` or `rollback`."""

    outcome: str = Field(description="healthy, failed, unchanged, dry-run …")
    record: int | None = Field(description="The number of this deployment in `history`.")
    seconds: float = Field(description="Seconds it took.")
    services: dict[str, ServiceOutcome] = Field(description="By service id.")
    away: dict[str, tuple[str, ...]] = Field(description="Not at home: name in Swarm → servers.")
    findings: tuple[str, ...] = Field(
        description="What stands in the way of Quorate's own services; the rest is deployed."
    )
    failures: tuple[FailureReport, ...]
    preview: PreviewReport


class DownReport(Model):
    """What `down` removed."""

    removed: tuple[str, ...] = Field(description="Stacks.")


class HistoryEntry(Model):
    """One recorded deployment."""

    number: int = Field(description="To name it by in `rollback`.")
    fleet: str
    time: str = Field(description="When it began, UTC.")
    who: str
    outcome: str = Field(description="started, healthy, failed, interrupted …")
    summary: str
    ids: tuple[str, ...] = Field(description="Of the swarm objects that hold the record.")


class HistoryReport(Model):
    """Every recorded deployment, oldest first."""

    deployments: tuple[HistoryEntry, ...]


class NotifiedAddress(Model):
    """Who is told, by the name in the fleet file; its URL is a secret."""

    address: str
    taken: bool | None = Field(None, description="It took the trial; null: none was sent.")
    why: str = Field("", description="Why not.")


class NotifyReport(Model):
    """Who is told of backups, and of what."""

    fleet: str
    tested: bool = Field(description="A trial was sent to each.")
    good: bool | None = Field(
        description="There is somebody, and all took the trial; null: none was sent."
    )
    to: tuple[NotifiedAddress, ...]
    events: tuple[str, ...] = Field(description="failure, recovery, digest.")
    digest: str = Field(description="When all is summed up, in words.")
    timezone: str


MODELS = {
    "error": "quorate.entry.schemas:ErrorReport",
    "check": "quorate.fleet.report:CheckReport",
    "inspect": "quorate.intake.inspecting:InspectReport",
    "init": "quorate.fleet.imports.model:ImportReport",
    "plan": "quorate.plan.model:Plan",
    "explain": "quorate.plan.account:Account",
    "predict": "quorate.predict.model:Prediction",
    "tune": "quorate.predict.tune_model:Tuning",
    "drill-run": "quorate.drill.model:Report",
    "drill-dry-run": "quorate.drill.ground:Intent",
    "drill-history": "quorate.drill.history:Reports",
    "what-if": "quorate.plan.whatif.model:WhatIf",
    "measure": "quorate.measured.report:MeasureReport",
    "measurement": "quorate.measured.model:Measurement",
    "suggest": "quorate.measured.report:SuggestReport",
    "render": "quorate.stacks.model:RenderReport",
    "render-bacula": "quorate.stacks.bacula.model:BaculaReport",
    "diff": "quorate.deploy.diff:ChangesReport",
    "up": "quorate.entry.schemas:UpReport",
    "rollback": "quorate.entry.schemas:UpReport",
    "down": "quorate.entry.schemas:DownReport",
    "history": "quorate.entry.schemas:HistoryReport",
    "status": "quorate.observe.standing:Standing",
    "recover-server": "quorate.recover.server.report:Recovered",
    "recover-server-dry-run": "quorate.recover.model:Operation",
    "recover-fleet": "quorate.recover.server.report:Recovered",
    "recover-fleet-dry-run": "quorate.recover.model:Operation",
    "move": "quorate.recover.model:Journal",
    "recover-database": "quorate.entry.operation_schemas:RecoveredDatabase",
    "recover-service": "quorate.entry.operation_schemas:MendedService",
    "recover-quorum": "quorate.entry.operation_schemas:RecoveredQuorum",
    "server-add": "quorate.recover.model:Journal",
    "server-remove": "quorate.recover.model:Journal",
    "server-promote": "quorate.recover.model:Journal",
    "server-demote": "quorate.recover.model:Journal",
    "drain": "quorate.recover.model:Journal",
    "undrain": "quorate.recover.model:Journal",
    "rebalance": "quorate.recover.model:Journal",
    "upgrade-engines": "quorate.recover.model:Journal",
    "adopt": "quorate.recover.model:Journal",
    "adopt-dry-run": "quorate.entry.operation_schemas:Adoption",
    "clean": "quorate.entry.operation_schemas:Cleaned",
    "operations-list": "quorate.entry.operation_schemas:OperationsReport",
    "operations-show": "quorate.recover.model:Journal",
    "operations-resume": "quorate.recover.model:Journal",
    "operations-undo": "quorate.recover.model:Journal",
    "operations-abandon": "quorate.recover.model:Journal",
    "move-dry-run": "quorate.recover.model:Operation",
    "backup-plan": "quorate.backup.policy.report:BackupPlan",
    "backup-estimate": "quorate.backup.policy.report:BackupEstimate",
    "backup-bundle": "quorate.backup.bundle.compare:BundleSummary",
    "backup-bundle-check": "quorate.backup.bundle.compare:BundleCheck",
    "backup-status": "quorate.backup.policy.grid:BackupStatus",
    "backup-doctor": "quorate.backup.policy.doctor:Diagnosis",
    "backup-run": "quorate.backup.jobs.report_copies:RunReport",
    "backup-copy": "quorate.backup.jobs.report_copies:CopyReport",
    "backup-prove": "quorate.backup.jobs.report_copies:ProveReport",
    "backup-restore": "quorate.backup.jobs.report_copies:RestoreReport",
    "backup-prune": "quorate.backup.jobs.report_copies:PruneReport",
    "backup-run-dry-run": "quorate.backup.jobs.report:RunDryRun",
    "backup-copy-dry-run": "quorate.backup.jobs.report:RunDryRun",
    "backup-prove-dry-run": "quorate.backup.jobs.report:RunDryRun",
    "backup-list": "quorate.backup.jobs.report:CopiesReport",
    "backup-notify": "quorate.entry.schemas:NotifyReport",
    "lab-up": "quorate.lab.status:LabStatus",
    "lab-status": "quorate.lab.status:LabStatus",
    "lab-power-off": "quorate.losing:Loss",
}
"""Verb → `module:class` of what its `--json` prints."""

TITLES = {
    "render-bacula": "quorate render --bacula --json",
    "error": "any verb with --json that ends with an error",
    "measurement": "the file that quorate measure writes",
    "drill-run": "quorate drill run --json",
    "drill-dry-run": "quorate drill run --dry-run --json",
    "drill-history": "quorate drill history --json",
    "recover-server": "quorate recover server --json",
    "recover-server-dry-run": "quorate recover server --dry-run --json",
    "recover-fleet": "quorate recover fleet --json",
    "recover-fleet-dry-run": "quorate recover fleet --dry-run --json",
    "move-dry-run": "quorate move --dry-run --json",
    "adopt-dry-run": "quorate adopt --dry-run --json",
    "backup-plan": "quorate backup plan --json",
    "backup-estimate": "quorate backup estimate --json",
    "backup-bundle": "quorate backup bundle -o FILE --json",
    "backup-bundle-check": "quorate backup bundle --check FILE --json",
    "backup-status": "quorate backup status --json",
    "backup-doctor": "quorate backup doctor --json",
    "backup-run": "quorate backup run --json",
    "backup-copy": "quorate backup copy --json",
    "backup-prove": "quorate backup prove --json",
    "backup-restore": "quorate backup restore --json",
    "backup-prune": "quorate backup prune --json",
    "backup-run-dry-run": "quorate backup run --dry-run --json",
    "backup-copy-dry-run": "quorate backup copy --dry-run --json",
    "backup-prove-dry-run": "quorate backup prove --dry-run --json",
    "backup-list": "quorate backup list --json",
    "backup-notify": "quorate backup notify --json",
    "lab-up": "quorate lab up --json",
    "lab-status": "quorate lab status --json",
    "lab-power-off": "quorate lab power-off --json",
}


def schema(verb: str) -> dict[str, Any]:
    """The JSON Schema of what `verb --json` prints.

    Raises:
        KeyError: there is no such verb, or it prints no JSON.
    """
    module, name = MODELS[verb].split(":")
    model = getattr(import_module(module), name)
    made = TypeAdapter(model).json_schema(mode="serialization")
    return {
        "$schema": SCHEMA_DIALECT,
        **made,
        "title": TITLES.get(verb, f"quorate {verb} --json"),
        "description": getdoc(model),
    }
