"""Guesses as tables: the class, the engine, and what looks secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from quorate.fleet.imports.classes import guess_class
from quorate.fleet.imports.engines import needs_compose
from quorate.fleet.imports.secrets import arguments, pieces
from quorate.fleet.model import State

CASES = Path(__file__).parents[3] / "cases/import"


def rows(name: str, section: str | None = None) -> list[Any]:
    found = yaml.safe_load((CASES / f"{name}.yaml").read_text())
    return list(found[section] if section else found)


@pytest.mark.parametrize("row", rows("classes"), ids=lambda r: f"{r['stack']}-{r['service']}")
def test_classes(row: dict[str, str]) -> None:
    name, why = guess_class(
        row["stack"], row["service"], row["image"], State(row.get("state", "none"))
    )
    assert name == row["class"]
    assert row.get("why", "") in why
    assert bool(why) == (name != "production")


@pytest.mark.parametrize("row", rows("engines"), ids=lambda r: str(r["keys"]))
def test_engines(row: dict[str, Any]) -> None:
    found = needs_compose(row["keys"].get("image", ""), row["keys"])
    assert len(found) == len(row["reasons"])
    for word, words in zip(row["reasons"], found, strict=True):
        assert word in words


@pytest.mark.parametrize("row", rows("secrets", "variables"), ids=lambda r: str(r["value"]))
def test_values_that_look_secret(row: dict[str, str]) -> None:
    found = pieces(row["name"], row["value"])
    assert "".join(piece.text for piece in found) == row["value"]
    secret = [piece.text for piece in found if piece.secret]
    if "secret" not in row:
        assert secret == []
    else:
        assert row["secret"] in "".join(secret)
        assert row["secret"] not in "".join(piece.text for piece in found if not piece.secret)


@pytest.mark.parametrize("row", rows("secrets", "commands"), ids=lambda r: " ".join(r["words"]))
def test_arguments_that_look_secret(row: dict[str, Any]) -> None:
    found = arguments(row["words"])
    assert ["".join(piece.text for piece in item) for item in found] == row["words"]
    kept = " ".join(piece.text for item in found for piece in item if not piece.secret)
    secret = [piece.text for item in found for piece in item if piece.secret]
    if "secret" not in row:
        assert secret == []
    else:
        assert row["secret"] not in kept
        assert secret
