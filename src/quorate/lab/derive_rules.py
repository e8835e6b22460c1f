"""What the rules of deriving have in common. Pure."""

from __future__ import annotations

from typing import Any

from quorate.fleet.model import Model


class Change(Model):
    """A value the lab needs other than it is; `lab` None takes the key away."""

    path: tuple[str, ...]
    lab: Any
    why: str
