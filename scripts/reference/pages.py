"""Every page of docs/reference, by its name there."""

from __future__ import annotations

import json
from pathlib import Path

from quorate.entry.schemas import MODELS, schema
from quorate.fleet.schema import fleet_schema, service_schema
from scripts.reference import alerts, cli, fleet_file, tables

DIRECTORY = Path(__file__).resolve().parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Name of each page → its text."""
    made = {
        "README.md": _contents(),
        "alerts.md": alerts.page(),
        "check.md": tables.checks(),
        "cli.md": cli.page(),
        "exit-codes.md": tables.exit_codes(),
        "fleet-file.md": fleet_file.fleet_page(),
        "x-quorate.md": fleet_file.service_page(),
    }
    made |= {f"schemas/{name}.json": _json(made_from) for name, made_from in _schemas().items()}
    return made


def _schemas() -> dict[str, dict[str, object]]:
    editors = {"fleet-file": fleet_schema(), "x-quorate": service_schema()}
    return {verb: schema(verb) for verb in sorted(MODELS)} | editors


def _json(value: dict[str, object]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _contents() -> str:
    verbs = "\n".join(f"- [{name}.json](schemas/{name}.json)" for name in sorted(_schemas()))
    return f"""# Reference

Made from the code by `make docs`; a change made here by hand is lost, and a test
fails where these pages and the code differ.

- [The fleet file](fleet-file.md)
- [`x-quorate` in compose files](x-quorate.md)
- [The command line](cli.md)
- [Exit codes](exit-codes.md)
- [What `quorate check` finds](check.md)
- [Metrics and alerts](alerts.md)

JSON Schemas, of what each verb prints with `--json` and of the two file formats:

{verbs}
"""
