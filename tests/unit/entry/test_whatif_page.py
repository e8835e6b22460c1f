"""The page of a what-if: complete, self-contained, safe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.web.whatif_page import page
from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.plan.whatif.model import WhatIf
from tests.unit.entry.page_reader import Reader
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.plan.whatif.asking import ask

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE)


@pytest.fixture(scope="module")
def answer(office: Fleet) -> WhatIf:
    return ask(office, move="gitlab=gmktec")


def test_it_says_what_the_answer_says(answer: WhatIf) -> None:
    read = Reader(page(answer))
    said = " ".join(read.words.split())
    assert "Stay with gitlab on hppavilion" in said
    for aspect in answer.aspects:
        assert aspect.title in said
    for con in answer.recommendation.cons:
        assert con.what in said
        assert con.mitigation in said
    for text in (*answer.assumptions, *answer.overridden):
        assert text in said


def test_it_fetches_nothing_and_runs_nothing(answer: WhatIf) -> None:
    text = page(answer)
    read = Reader(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    assert not [
        name for name, _ in read.attributes if name in ("src", "href") or name.startswith("on")
    ]
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"https?:", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_each_changed_server_has_a_bar_for_each_side_and_resource(answer: WhatIf) -> None:
    changed = [one for one in answer.servers.values() if one.before != one.after]
    read = Reader(page(answer))
    assert len(changed) == 2
    assert read.attributes.count(("class", "bar")) == 2 * 2 * len(changed)


def test_bars_stay_inside_their_picture(office: Fleet) -> None:
    questions: tuple[dict[str, Any], ...] = (
        {"lose": "hppavilion"},
        {"resize": "gmktec=12G"},
        {"move": "gitlab=hpr"},
    )
    for question in questions:
        text = page(ask(office, **question))
        for x, width in re.findall(
            r'<rect class="f-[a-z]+" x="(-?\d+)" y="0" width="(-?\d+)"', text
        ):
            assert int(x) >= 0
            assert int(width) >= 0
            assert int(x) + int(width) <= 1001


def test_names_are_never_markup() -> None:
    nasty = "<script>alert(1)</script>"
    one = fleet(
        [server("a", uptime_days=1), server(nasty, uptime_days=9)], [service("db", **data())]
    )
    text = page(ask(one, {"db": ("a",)}, move=f"db={nasty}"))
    assert "<script" not in text
    assert nasty in Reader(text).words


def test_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "answer.html"
    arguments = ["what-if", str(OFFICE), "--move", "gitlab=gmktec", "--html", str(path)]
    result = CliRunner().invoke(build(), arguments)
    assert result.exit_code == 0
    assert Reader(path.read_text(encoding="utf-8")).words
    arguments[-1] = str(tmp_path / "nowhere" / "answer.html")
    result = CliRunner().invoke(build(), arguments)
    assert isinstance(result.exception, UsageError)
    assert "cannot be written" in result.exception.what
