"""Metrics as text."""

from __future__ import annotations

from quorate.tools.exposition import Board, Family

FAMILY = Family(
    name="quorate_node_up",
    help="Up or not.",
    labels=("fleet", "server"),
    samples=((("office", 'a"b'), 1.0), (("office", "c"), 0.0)),
)


def test_the_text_form() -> None:
    board = Board()
    assert board.text() == ""
    board.put([FAMILY])
    assert board.text() == (
        "# HELP quorate_node_up Up or not.\n"
        "# TYPE quorate_node_up gauge\n"
        'quorate_node_up{fleet="office",server="a\\"b"} 1.0\n'
        'quorate_node_up{fleet="office",server="c"} 0.0\n'
    )


def test_what_is_put_replaces_what_was_there() -> None:
    board = Board()
    board.put([FAMILY])
    board.put([])
    assert board.text() == ""
