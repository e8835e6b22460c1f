"""The documentation speaks of commands and files that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md")]
    if "reference" not in path.relative_to(ROOT).parts
)


def command_names(app: typer.Typer, prefix: str = "") -> Iterator[str]:
    group = typer.main.get_command(app)
    yield from _names(group, prefix)


def _names(command: object, prefix: str) -> Iterator[str]:
    for name, child in getattr(command, "commands", {}).items():
        yield f"{prefix}{name}"
        yield from _names(child, f"{prefix}{name} ")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists(page: Path) -> None:
    from quorate.entry.cli.main import build

    known = set(command_names(build()))
    code = re.findall(r"`([^`\n]+)`|^ *(quorate [^\n]*)$", page.read_text(encoding="utf-8"), re.M)
    for text in (inline or line for inline, line in code):
        match = re.match(r"quorate ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", text)
        if match is None:
            continue
        verb, second = match.groups()
        assert verb in known, text
        if any(name.startswith(f"{verb} ") for name in known) and second:
            assert f"{verb} {second}" in known, text


def test_every_command_in_errors_and_alerts_exists() -> None:
    """What the program tells people to type, at three in the morning too."""
    from quorate.entry.cli.main import build

    known = set(command_names(build()))
    groups = {name.split()[0] for name in known if " " in name}
    said = re.compile(r"`quorate ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
    for path in sorted((ROOT / "src").rglob("*.py")):
        for verb, second in said.findall(path.read_text(encoding="utf-8")):
            assert verb in known, f"{path.name}: quorate {verb}"
            if verb in groups and second:
                assert f"{verb} {second}" in known, f"{path.name}: quorate {verb} {second}"


def test_every_decision_is_in_the_list() -> None:
    directory = ROOT / "docs" / "adr"
    listed = (directory / "README.md").read_text(encoding="utf-8")
    for path in directory.glob("0*.md"):
        assert f"]({path.name})" in listed


def test_every_exit_code_is_explained() -> None:
    from quorate import errors

    page = (ROOT / "docs" / "how-to" / "errors.md").read_text(encoding="utf-8")
    codes = {
        item.exit_code
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, errors.QuorateError)
    }
    assert codes <= {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)}


def test_the_code_map_names_every_package() -> None:
    page = (ROOT / "docs" / "code-map.md").read_text(encoding="utf-8")
    for package in (ROOT / "src" / "quorate").iterdir():
        if (package / "__init__.py").is_file():
            assert f"`{package.name}/`" in page, package.name


def test_every_file_of_the_code_map_exists() -> None:
    page = (ROOT / "docs" / "code-map.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w/]+(?:\.py|/))`", page):
        assert (ROOT / name).exists() or (ROOT / "src" / "quorate" / name).exists(), name
