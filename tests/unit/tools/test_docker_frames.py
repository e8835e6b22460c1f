"""What a command in a container prints, as the engine frames it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.tools.docker import unframed


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=400))))
def test_pieces_of_both_streams_are_put_together(pieces: list[tuple[int, bytes]]) -> None:
    framed = b"".join(
        bytes((stream, 0, 0, 0)) + len(said).to_bytes(4, "big") + said for stream, said in pieces
    )
    assert unframed(framed) == b"".join(said for _, said in pieces)
    assert unframed(framed + b"\x01\0\0") == unframed(framed), "cut off in a header"
