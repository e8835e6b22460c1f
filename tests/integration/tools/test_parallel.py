"""Several things at once, interrupted.

Not among the unit tests: those run in several processes, whose own main
threads a SIGINT would end.
"""

from __future__ import annotations

import signal
import threading

import pytest

from quorate.tools import parallel


def test_ctrl_c_ends_the_wait_though_work_goes_on() -> None:
    release = threading.Event()
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            parallel.run(lambda _: release.wait(20), range(3))
        assert not release.is_set()
    finally:
        release.set()
        timer.join()
