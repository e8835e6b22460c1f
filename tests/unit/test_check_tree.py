"""The tree's own rules find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check_tree


def test_hosts_are_read_from_urls_with_and_without_credentials() -> None:
    text = "see http://mirror.example.org/one, then\n'https://me:pw@pip.example.net/two'"
    assert check_tree.hosts_in(text) == {"mirror.example.org", "pip.example.net"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see https://mirror.example.org/x", 1),
        ("mirror.example.org", 1),
        ("not-mirror.example.org", 0),
        ("mirror.example.organisation", 0),
        ("mirror.example.org and mirror.example.org", 2),
    ],
)
def test_a_host_is_found_as_a_whole_word(line: str, found: int) -> None:
    assert len(list(check_tree.named(line, {"mirror.example.org"}))) == found


def test_only_code_is_held_to_a_length() -> None:
    text = "x\n" * (check_tree.MAX_LINES + 1)
    assert list(check_tree.too_long(Path("a.py"), text))
    assert not list(check_tree.too_long(Path("a.txt"), text))
    assert not list(check_tree.too_long(Path("a.py"), "x\n" * check_tree.MAX_LINES))


def test_findings_name_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_tree, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("one\nhttps://mirror.example.org\n")
    assert list(check_tree.findings([page], {"mirror.example.org"})) == [
        "page.md:2: names mirror.example.org, a registry host or a path of this machine"
    ]
