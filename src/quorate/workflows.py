"""Each verb as its visible, typed steps, top to bottom."""

from __future__ import annotations
