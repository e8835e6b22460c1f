"""What an `up` shows of Quorate's own services, before and after."""

from __future__ import annotations

from typing import Any, cast

import pytest

from quorate.deploy.diff import Changes
from quorate.deploy.prepare import Foreseen
from quorate.deploy.preview import Beside, Preview
from quorate.deploy.run import UpResult
from quorate.entry.cli.output import console
from quorate.entry.cli.preview_view import lines, render, render_result
from quorate.stacks.model import Rendered

FORESEEN = Foreseen(
    rendered=Rendered(stacks=()), secrets={}, configs={}, images={}, networks=(), labels=()
)
FINDING = "backups do not run by themselves: no image quorate:1"


def seen(beside: Beside) -> Preview:
    return Preview(
        plan=cast(Any, None),
        foreseen=FORESEEN,
        steps=(),
        changes=Changes(),
        moves={},
        beside=beside,
    )


def test_what_is_done_beside_the_stacks_is_shown() -> None:
    preview = seen(
        Beside(
            changes=Changes(added=("quorate-controller",), removed=("quorate-wal-old",)),
            steps=("the primary of db is made ready",),
            findings=(FINDING,),
        )
    )
    assert not preview.nothing_to_do and preview.stacks_as_wanted
    text = "\n".join(lines(preview))
    for words in ("primary of db", "quorate-controller", "quorate-wal-old", FINDING):
        assert words in text
    assert preview.as_json()["changes"]["added"] == ["quorate-controller"]
    assert preview.as_json()["steps"] == ["the primary of db is made ready"]


def test_a_finding_is_nothing_to_do_and_is_said_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    preview = seen(Beside(findings=(FINDING,)))
    assert preview.nothing_to_do
    render(preview, console())
    render_result(UpResult(outcome="unchanged", preview=preview, findings=(FINDING,)), console())
    out = " ".join(capsys.readouterr().out.split())
    assert out.count(FINDING) == 2 and "nothing to do" in out
