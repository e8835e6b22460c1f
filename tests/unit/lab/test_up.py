"""The disks of a lab's nodes: made with them, or never."""

from __future__ import annotations

import pytest

from quorate.errors import LabError
from quorate.lab.state import Lab
from quorate.lab.up import _disk

GIB = 1 << 30


def test_a_disk_is_kept_and_not_changed(lab: Lab) -> None:
    assert _disk(None, 0) == 0
    assert _disk(None, 8 * GIB) == 8 * GIB
    with_disks = lab.model_copy(update={"disk": 8 * GIB})
    assert _disk(with_disks, 0) == 8 * GIB
    assert _disk(with_disks, 8 * GIB) == 8 * GIB
    with pytest.raises(LabError, match="have disks of"):
        _disk(with_disks, 16 * GIB)
    with pytest.raises(LabError, match="no disks of their own"):
        _disk(lab, 16 * GIB)
