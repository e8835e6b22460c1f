"""The policy of every set of data, with what groups share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quorate.fleet.backup import Backup, Keep, Override, SourcePolicy
from quorate.fleet.datasets import DataSet, ids_named

LEADERS = ("gitlab", "postgres", "mariadb", "redis", "volume")
"""Whose schedule a group takes: that of the first of these that is in it."""


def policies(backup: Backup, sets: Sequence[DataSet]) -> dict[str, SourcePolicy]:
    """Each set's policy, by id; those excluded left out.

    A group is backed up at one time and kept alike, or its parts would not fit together when
    they are restored: at its leader's time, and for as long as any of its members asks for.
    What is said of a source itself goes before that.

    Raises:
        ValueError: a time does not fit how often it comes round (`quorate check` finds it).
    """
    out = excluded(backup, sets)
    said = overrides(backup, sets)
    plain = {
        one.id: said.get(one.id, Override()).over(backup.of_kind(one.kind))
        for one in sets
        if one.id not in out
    }
    shared = _shared(
        {name: [one for one in members if one.id not in out] for name, members in groups(sets)},
        plain,
    )
    return {
        one.id: _in_group(plain[one.id], shared.get(one.group or ""), said.get(one.id))
        for one in sets
        if one.id in plain
    }


def overrides(backup: Backup, sets: Iterable[DataSet]) -> dict[str, Override]:
    """What is said of single sources, by id; what names a source itself goes before its service."""
    named = ids_named(sets)
    found: dict[str, Override] = {}
    for name in sorted(backup.sources, key=lambda name: named.get(name, ()) == (name,)):
        for one in named.get(name, ()):
            found[one] = backup.sources[name]
    return found


def excluded(backup: Backup, sets: Iterable[DataSet]) -> frozenset[str]:
    """The ids that are not backed up because somebody says so."""
    named = ids_named(sets)
    return frozenset(one for name in backup.exclude for one in named.get(name, ()))


def groups(sets: Iterable[DataSet]) -> list[tuple[str, list[DataSet]]]:
    """Each group with its members."""
    found: dict[str, list[DataSet]] = {}
    for one in sets:
        if one.group:
            found.setdefault(one.group, []).append(one)
    return list(found.items())


def _shared(
    members: Mapping[str, Sequence[DataSet]], plain: Mapping[str, SourcePolicy]
) -> dict[str, SourcePolicy]:
    """What each group's members have in common: the leader's policy, the longest keep."""
    found = {}
    for name, sets in members.items():
        if len(sets) < 2:
            continue
        leader = min(sets, key=lambda one: LEADERS.index(one.kind))
        policy = plain[leader.id]
        found[name] = policy.model_copy(
            update={"keep": _longest(policy, [plain[one.id].keep for one in sets])}
        )
    return found


def _longest(leader: SourcePolicy, keeps: Iterable[Keep]) -> Keep:
    """The most of each span; hours only where the leader counts in hours.

    24 hourly copies of what is copied daily would be 24 days.
    """
    each: dict[str, int] = {}
    for keep in keeps:
        for span, number in keep.items():
            each[span] = max(each.get(span, 0), number)
    return Keep(**{**each, "hourly": each.get("hourly", 0) if leader.keep.hourly else 0})


def _in_group(
    policy: SourcePolicy, shared: SourcePolicy | None, said: Override | None
) -> SourcePolicy:
    if shared is None:
        return policy
    update: dict[str, object] = {}
    if said is None or not said.when.said:
        update["schedule"] = shared.schedule
    if said is None or said.keep is None:
        update["keep"] = shared.keep
    return policy.model_copy(update=update)
