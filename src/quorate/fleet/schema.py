"""JSON Schemas for editors, generated from the models that validate."""

from __future__ import annotations

from typing import Any

from quorate.fleet.file import FleetFile, XService

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def fleet_schema() -> dict[str, Any]:
    """JSON Schema of a fleet file."""
    return {"$schema": DIALECT, **FleetFile.model_json_schema(), "title": "Quorate fleet file"}


def service_schema() -> dict[str, Any]:
    """JSON Schema of `x-quorate` on a compose service."""
    return {"$schema": DIALECT, **XService.model_json_schema(), "title": "x-quorate of a service"}
