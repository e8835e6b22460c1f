"""A value that an import left open is never deployed."""

from __future__ import annotations

import pytest

from quorate.deploy.unfilled import refuse_unfilled
from quorate.errors import CheckError
from quorate.stacks.model import Rendered, RenderedStack


def rendered(value: str) -> Rendered:
    body = {"image": "a:1", "environment": {"A": "b", "TOKEN": value}, "command": ["x", value]}
    return Rendered(stacks=(RenderedStack(name="shop", document={"services": {"web": body}}),))


def test_every_place_is_named() -> None:
    with pytest.raises(CheckError) as caught:
        refuse_unfilled(rendered("postgres://app:__fill_in__@db"))
    assert [line.split(" is ")[0] for line in caught.value.problems] == [
        "shop/web: environment.TOKEN", "shop/web: command.1",
    ]  # fmt: skip


def test_filled_in_it_may_go() -> None:
    refuse_unfilled(rendered("a value"))
