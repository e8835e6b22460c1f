"""Settings written into a fleet file's text: what is asked, and not a character more."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.settings_text import NotSafeError, with_swarm

HEAD = "version: 1\nname: x\n"
TAIL = "\n# about secrets\nsecrets: {}\n"
VALUES = {"heartbeat": "3s", "restart_delay": "1s"}


def changed(swarm: str, values: dict[str, str] | None = None) -> str:
    """What becomes of a section between the others, which stay as they are."""
    text = with_swarm(f"{HEAD}{swarm}{TAIL}", values or VALUES, "why")
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    return text[len(HEAD) : -len(TAIL)]


def test_a_value_is_replaced_and_the_reason_stands_beside_it() -> None:
    assert changed("swarm:\n  heartbeat: 2s\n", {"heartbeat": "3s"}) == (
        "swarm:\n  heartbeat: 3s # quorate tune: why\n"
    )


def test_comments_stay_where_they_are() -> None:
    before = (
        "swarm: # ours\n  # Two seconds halve it.\n  heartbeat: 2s # since May\n  task_history: 3\n"
    )
    assert changed(before) == (
        "swarm: # ours\n"
        "  restart_delay: 1s # quorate tune: why\n"
        "  # Two seconds halve it.\n"
        "  heartbeat: 3s # since May\n"
        "  task_history: 3\n"
    )


def test_an_old_reason_is_replaced() -> None:
    once = changed("swarm:\n  heartbeat: 2s\n", {"heartbeat": "5s"})
    assert changed(once, {"heartbeat": "3s"}) == ("swarm:\n  heartbeat: 3s # quorate tune: why\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{heartbeat: 2s}", "{heartbeat: 3s, restart_delay: 1s} # quorate tune: why"),
        ("{ task_history: 3 } # x", "{ task_history: 3, heartbeat: 3s, restart_delay: 1s } # x"),
        ('{heartbeat: "2s", }', "{heartbeat: 3s, restart_delay: 1s, } # quorate tune: why"),
        (
            "{heartbeat: 2s,\n  task_history: 3}",
            "{heartbeat: 3s, # quorate tune: why\n  task_history: 3, restart_delay: 1s} "
            "# quorate tune: why",
        ),
    ],
)
def test_on_one_line(before: str, after: str) -> None:
    assert changed(f"swarm: {before}\n") == f"swarm: {after}\n"


def test_a_file_without_the_section_gets_one() -> None:
    for end in ("\n", ""):
        text = with_swarm(f"{HEAD}servers: {{}}{end}", VALUES, "why")
        assert text == (
            f"{HEAD}servers: {{}}\n\nswarm:\n  restart_delay: 1s # quorate tune: why\n"
            "  heartbeat: 3s # quorate tune: why\n"
        )


def test_line_ends_stay() -> None:
    text = with_swarm("name: x\r\nswarm:\r\n  task_history: 3\r\n", {"heartbeat": "3s"}, "why")
    assert (
        text == "name: x\r\nswarm:\r\n  heartbeat: 3s # quorate tune: why\r\n  task_history: 3\r\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x: &a {heartbeat: 2s}\nswarm: *a\n",
        "swarm:\n",
        "swarm: {}\n",
        "x: &a 2s\nswarm: {heartbeat: *a}\n",
        "x: 1\nswarm: {heartbeat: &a 2s, other: *a}\n",
    ],
)
def test_what_is_laid_out_oddly_is_left(text: str) -> None:
    with pytest.raises(NotSafeError):
        with_swarm(text, {"heartbeat": "3s"}, "why")


@given(
    st.dictionaries(
        st.sampled_from(["heartbeat", "restart_delay", "task_history", "minimum_engine"]),
        st.sampled_from(["2s", "'25.0'", "3"]),
        min_size=1,
    ),
    st.booleans(),
    st.sampled_from(["", " # a comment", " # quorate tune: old"]),
)
def test_nothing_else_changes(keys: dict[str, str], flow: bool, comment: str) -> None:
    if flow:
        section = f"swarm: {{{', '.join(f'{k}: {v}' for k, v in keys.items())}}}{comment}\n"
    else:
        section = "swarm:\n" + "".join(f"    {k}: {v}{comment}\n" for k, v in keys.items())
    before = f"{HEAD}{section}{TAIL}"
    after = with_swarm(before, VALUES, "why")
    wanted = yaml.safe_load(before)
    wanted["swarm"] |= VALUES
    assert yaml.safe_load(after) == wanted
    assert "# about secrets" in after
    assert after.count(" # a comment") == before.count(" # a comment")
