"""docs/reference is what the code says, and what verbs print fits its schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from quorate.entry.cli.main import build
from quorate.entry.schemas import MODELS, schema
from quorate.errors import CheckError, InfeasibleError, LockedError, QuorateError
from quorate.fleet.codes import CODES
from quorate.fleet.file import FleetFile, XFile, XService
from quorate.fleet.read import read_fleet
from quorate.fleet.schema import fleet_schema, service_schema
from quorate.plan.solve import make_plan
from quorate.stacks.render import render
from quorate.stacks.write import report, write
from scripts.reference import cli
from scripts.reference.pages import DIRECTORY, pages

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_no_page_has_drifted(made: dict[str, str]) -> None:
    there = {
        str(path.relative_to(DIRECTORY)): path.read_text()
        for path in DIRECTORY.rglob("*")
        if path.is_file()
    }
    drifted = sorted(
        name for name in made.keys() | there.keys() if made.get(name) != there.get(name)
    )
    assert drifted == [], "run `make docs` and commit docs/reference"


def test_every_link_between_the_pages_leads_somewhere(made: dict[str, str]) -> None:
    for name, text in made.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert str(Path(target)) in made, f"{name} links to {target}"


def test_every_problem_code_is_on_the_page(made: dict[str, str]) -> None:
    assert all(f"| {code} |" in made["check.md"] for code in CODES)


def test_every_key_of_the_fleet_file_is_described() -> None:
    for model in (FleetFile, XService, XFile):
        assert [n for n, field in model.model_fields.items() if not field.description] == []


def commands_with_json() -> list[str]:
    found = cli.commands(get_command(build()))
    return [
        name.removeprefix("quorate ").replace(" ", "-")
        for name, command in found
        if any("--json" in item.opts for item in command.params)
    ]


@pytest.mark.parametrize("verb", commands_with_json())
def test_every_verb_with_json_has_a_schema(verb: str) -> None:
    assert verb in MODELS, f"name what `{verb} --json` prints in quorate.entry.schemas"


def test_every_command_and_option_has_a_help_text() -> None:
    without = []
    for name, command in cli.commands(get_command(build())):
        if not command.help:
            without.append(name)
        without += [
            f"{name} {item.name}"
            for item in command.params
            if not getattr(item, "help", None) and item.name != "help"
        ]
    assert without == []


@pytest.mark.parametrize("verb", sorted(MODELS))
def test_every_schema_is_one(verb: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(verb))


@pytest.mark.parametrize("made_schema", [fleet_schema(), service_schema()])
def test_the_editors_schemas_are_ones(made_schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(made_schema)


@pytest.mark.parametrize(
    "error",
    [
        QuorateError("it broke"),
        CheckError("2 problems", problems=["a", "b"], todo="mend"),
        InfeasibleError("no placement", conflict=["a", "b"]),
        LockedError("somebody else", cause="up", todo="wait"),
    ],
)
def test_errors_fit_their_schema(error: QuorateError) -> None:
    jsonschema.validate(json.loads(json.dumps(error.as_json())), schema("error"))


def test_a_schema_refuses_what_does_not_fit() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"what": "it broke"}, schema("error"))


@pytest.mark.parametrize("example", ["tiny", "office"])
def test_a_plan_and_what_is_rendered_from_it_fit_their_schemas(
    example: str, tmp_path: Path
) -> None:
    fleet = read_fleet(EXAMPLES / example / "fleet.yaml", environment={})
    plan = make_plan(fleet)
    jsonschema.validate(plan.model_dump(mode="json"), schema("plan"))
    rendered = render(fleet, plan)
    written = write(rendered, tmp_path)
    said = report(rendered, written, tmp_path)
    jsonschema.validate(said.model_dump(mode="json"), schema("render"))


@pytest.mark.parametrize("example", ["tiny", "office"])
def test_the_examples_fit_the_schema_for_editors(example: str) -> None:
    written = YAML(typ="safe").load(EXAMPLES / example / "fleet.yaml")
    jsonschema.validate(written, fleet_schema())
