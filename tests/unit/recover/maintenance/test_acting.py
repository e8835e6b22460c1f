"""What undoes a step works from wherever the drain was ended."""

from __future__ import annotations

from typing import Any, cast

import pytest

from quorate.recover.maintenance import acting, chosen, moving, nodes


@pytest.mark.parametrize(
    ("work", "details"),
    [
        (chosen.STOP, {"service": "store", "server": "three", "seconds": 10.0}),
        (chosen.MOVE, {"shifts": [{"service": "site", "off": "three", "back": ["three"],
                                   "start_first": True, "patience": 1.0}]}),
    ],
)  # fmt: skip
def test_a_server_that_is_still_paused_gets_tasks_again_before_any_is_waited_for(
    work: str, details: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(nodes, "offer", lambda _, server, how: done.append(f"{server} {how}"))
    monkeypatch.setattr(moving, "start", lambda *_, **__: done.append("wait"))
    monkeypatch.setattr(moving, "move", lambda *_: done.append("wait"))
    undo = acting.WORK[work][1]
    assert undo is not None
    undo(cast("Any", None), details)
    assert done == ["three active", "wait"]
