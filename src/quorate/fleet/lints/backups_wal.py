"""The write-ahead logs that are streamed: where they lie, and what they may hold back."""

from __future__ import annotations

from quorate.fleet.backup import Backup, SourcePolicy
from quorate.fleet.backup_policies import policies
from quorate.fleet.backup_wal import receiving_server, slot_room, smallest_disk
from quorate.fleet.datasets import DataSet, data_sets
from quorate.fleet.lints.context import Context
from quorate.fleet.positions import Mark
from quorate.fleet.problems import did_you_mean
from quorate.fleet.quantities import show_size

ROOM_HARM = 0.5
"""A slot that may hold back more than this share of a disk is no bound."""


def lint(context: Context, backup: Backup) -> None:
    """Report logs that would lie beside their database, or could fill its disk.

    Only where every policy can be made (`lints.backups` says so).
    """
    sets = data_sets(context.fleet)
    for id, policy in policies(backup, sets).items():
        one = next(each for each in sets if each.id == id)
        if policy.wal.on and one.kind == "postgres":
            _place(context, backup, policy, one)
            _room(context, policy, one)


def _place(context: Context, backup: Backup, policy: SourcePolicy, one: DataSet) -> None:
    names = [server.name for server in context.fleet.servers]
    mark = _mark(context, one, "server")
    named = policy.wal.server
    if named is not None and named not in names:
        what = f"unknown server `{named}`{did_you_mean(named, names)}"
        context.problems.add("Q706", mark, what)
        return
    chosen = receiving_server(backup, policy, one, context.fleet.servers)
    if chosen is None:
        what = f"the write-ahead log of `{one.id}` has no other server to go to"
        context.problems.add("Q721", mark, what)
    elif one.servers == (chosen,):
        what = f"the write-ahead log of `{one.id}` lies on {chosen}, where it is itself"
        context.problems.add("Q721", mark, what)
    elif chosen in one.servers:
        what = f"the write-ahead log of `{one.id}` lies on {chosen}, where it may be itself"
        context.problems.add("Q722", mark, what)


def _room(context: Context, policy: SourcePolicy, one: DataSet) -> None:
    disk = smallest_disk(one, context.fleet.servers)
    room = slot_room(policy, one, context.fleet.servers)
    if disk is not None and room > disk * ROOM_HARM:
        what = (
            f"`{one.id}` may hold back {show_size(room)} of its log, on a disk of {show_size(disk)}"
        )
        context.problems.add("Q723", _mark(context, one, "slot_room"), what)


def _mark(context: Context, one: DataSet, key: str) -> Mark:
    """Where it is said of this source; else of all Postgres."""
    for id in (one.id, *one.services):
        said = context.fleet.backup.sources.get(id)
        if said is not None and said.wal is not None:
            return context.parts.mark("backup", "sources", id, "wal", key)
    return context.parts.mark("backup", "kinds", "postgres", "wal", key)
