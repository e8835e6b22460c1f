"""`prepare`: a Postgres made ready for its write-ahead log to be received, or as it was before."""

from __future__ import annotations

from dataclasses import replace

from quorate.backup.jobs.model import Trouble
from quorate.backup.policy.primary import Wanted
from quorate.backup.runner.reach import postgres, required, text_of
from quorate.backup.runner.setting import Outcome, Setting
from quorate.backup.wal import primary
from quorate.errors import UsageError
from quorate.tools import pg


def prepare(setting: Setting, outcome: Outcome) -> Trouble | None:
    """Do it; what was changed is among the findings, empty where all was so already.

    Raises:
        MachineError, CommandError: it cannot be done, or the database does not answer.
        RefusedError: its receiver still runs (undo).
    """
    told = setting.job.primary
    if told is None:
        raise UsageError("a job that is to prepare a Postgres needs what is wanted (`primary`)")
    wanted = Wanted(role=told.role, room=told.room)
    # Rights on functions belong to one database: to that in which the receiver asks.
    server = replace(postgres(required(setting.job.reach, "prepare")), database=wanted.database)
    programs = pg.choose(pg.installed(), None)
    if told.undo:
        done = primary.undo(server, wanted, told.slot, programs)
    else:
        password = text_of(told.password_file, f"the password of {told.role}").rstrip("\n")
        done = primary.apply(server, wanted, password, told.slot, programs)
    outcome.findings += [change.line for change in done]
    return None
