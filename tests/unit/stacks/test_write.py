"""The files on disk, and what programs are told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.deploy.desired import desired_services
from quorate.errors import QuorateError
from quorate.fleet.model import SecretSource
from quorate.stacks.model import ConfigSource, Rendered
from quorate.stacks.render import render
from quorate.stacks.write import prepare, report, write
from tests.unit.stacks.cases import load, rich
from tests.unit.stacks.test_render import render_one


def test_what_was_written_is_told(tmp_path: Path) -> None:
    rendered = render(*rich())
    written = write(rendered, tmp_path / "new")
    assert all(path.is_file() for path in written)
    assert (tmp_path / "new" / "prepare.sh").stat().st_mode & 0o111
    told = report(rendered, written, tmp_path / "new")
    assert told.files == ("shop.yml", "tools.yml", "prepare.sh", "README")
    assert told.stacks["tools"].services == ("exporter", "mailer")
    assert told.secrets == ("shop_session_key", "smtp_password")


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QuorateError, match="cannot be written") as caught:
        write(render(*rich()), tmp_path / "file" / "inside")
    assert caught.value.todo


def test_nothing_of_a_source_leaves_its_comment() -> None:
    rendered = Rendered(
        stacks=(),
        secrets={
            "a": SecretSource(command=("sh", "-c", "echo a\ntouch /tmp/pwned")),
            "b": SecretSource(file=Path("x\ny")),
        },
        configs={"c": ConfigSource(content="c\nd"), "d": ConfigSource(environment="D")},
    )
    lines = prepare(rendered).splitlines()
    assert all(line.startswith("#") or line in ("", "set -eu") for line in lines), lines


@pytest.mark.parametrize("case", load("services.yaml"), ids=lambda case: str(case["case"]))
def test_every_case_has_a_normal_form(case: dict[str, object]) -> None:
    """Whatever is rendered can also be compared."""
    (spec,) = desired_services(render_one(case)).values()
    assert spec["mode"] and spec["networks"]
