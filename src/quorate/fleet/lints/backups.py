"""The backup policy: what it names, where copies lie, what nobody backs up."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.fleet.backup import Backup, Override, Repository, SourcePolicy, chosen
from quorate.fleet.backup_policies import excluded, overrides, policies
from quorate.fleet.datasets import DataSet, data_sets, ids_named, out_of_reach
from quorate.fleet.image_names import full
from quorate.fleet.lints import backups_wal
from quorate.fleet.lints.context import Context
from quorate.fleet.positions import Map
from quorate.fleet.problems import did_you_mean
from quorate.fleet.zones import known_zones, time_zone

SETTINGS = ("configs", "swarm", "system", "images")
"""Kinds that are no data of a service: nothing is rehearsed with them."""


def lint(context: Context) -> None:
    """Report a policy that cannot be kept, or that leaves data without a copy."""
    backup = context.fleet.backup
    sets = data_sets(context.fleet)
    if not backup.repositories:
        _without(context, sets)
        return
    _time_zone(context, backup)
    _notify(context, backup)
    _repositories(context, backup)
    _named_repositories(context, backup)
    _named_sources(context, backup, sets)
    if _settings(context, backup, sets):
        _places(context, backup, sets)
        _trials(context, backup, sets)
        backups_wal.lint(context, backup)
    if not backup.copies and not backup.copying.to:
        mark = context.parts.mark("backup", "repositories")
        context.problems.add("Q711", mark, "no repository is off-site")
    if backup.bundle is None and (context.fleet.secrets or context.fleet.registries):
        kept = sorted({*context.fleet.secrets, *(one.host for one in context.fleet.registries)})
        what = f"{_listed(kept)}: no recovery bundle holds their values"
        context.problems.add("Q716", context.parts.mark("backup"), what)


def _without(context: Context, sets: Sequence[DataSet]) -> None:
    if context.parts.mapping.get("backup"):
        mark = context.parts.mark("backup")
        context.problems.add("Q702", mark, "`backup` names no repository")
        return
    kept = [one.id for one in sets if one.services]
    if kept:
        what = f"nothing is backed up: {_listed(kept)}"
        context.problems.add("Q701", context.parts.mark("servers"), what)


def _time_zone(context: Context, backup: Backup) -> None:
    try:
        time_zone(backup.timezone)
    except ValueError as error:
        what = f"{error}{did_you_mean(backup.timezone, known_zones())}"
        context.problems.add("Q703", context.parts.mark("backup", "timezone"), what)


def _notify(context: Context, backup: Backup) -> None:
    said = (context.parts.mapping.get("backup") or {}).get("notify")
    if not isinstance(said, Map):
        return
    if not said.get("to"):
        mark = context.parts.mark("backup", "notify")
        context.problems.add("Q731", mark, "`backup.notify` has nobody in `to`")
    elif "digest" in said and "digest" not in backup.notify.events:
        mark = context.parts.mark("backup", "notify", "digest")
        context.problems.add("Q732", mark, "`digest` has a time, and is not among `events`")


def _repositories(context: Context, backup: Backup) -> None:
    names = [server.name for server in context.fleet.servers]
    for one in backup.repositories:
        if one.place == "local" and one.server not in names:
            context.problems.add(
                "Q706",
                context.parts.mark("backup", "repositories", one.name, "local", "server"),
                f"`{one.name}` lies on the unknown server `{one.server}`"
                + did_you_mean(one.server or "", names),
            )
    for number, one in enumerate(backup.repositories):
        other = next((o for o in backup.repositories[:number] if _together(one, o)), None)
        if other is not None:
            context.problems.add(
                "Q707",
                context.parts.mark("backup", "repositories", one.name),
                f"`{one.name}` lies where `{other.name}` does, or within it",
            )


def _together(one: Repository, other: Repository) -> bool:
    """Whether two repositories are one, or one is inside the other."""
    if (one.place == "s3") != (other.place == "s3") or "rest" in (one.place, other.place):
        return one.place == other.place and one.address == other.address
    if _host(one) != _host(other):
        return False
    first, second = (f"{item.path.rstrip('/')}/" for item in (one, other))
    return first.startswith(second) or second.startswith(first)


def _host(one: Repository) -> tuple[str, int | None]:
    if one.server is not None and one.place != "s3":
        return one.server, None
    return one.host.lower(), one.port


def _named_repositories(context: Context, backup: Backup) -> None:
    known = [one.name for one in backup.repositories]
    places: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("backup", "to"), backup.to),
        (("backup", "copy", "to"), backup.copying.to),
        *((("backup", "kinds", kind, "to"), one.to or ()) for kind, one in backup.kinds.items()),
        *(
            (("backup", "sources", name, "to"), one.to or ())
            for name, one in backup.sources.items()
        ),
    ]
    for path, names in places:
        for name in names:
            if name not in known:
                what = f"unknown repository `{name}`{did_you_mean(name, known)}"
                context.problems.add("Q705", context.parts.mark(*path), what)
    for name in backup.to:
        if name in backup.copying.to:
            mark = context.parts.mark("backup", "copy", "to")
            context.problems.add("Q715", mark, f"`{name}` is copied from, and to")
    servers = [server.name for server in context.fleet.servers]
    for key, there in (
        ("prove", backup.proving.servers),
        ("rehearse", backup.rehearsing.servers),
    ):
        for name in there:
            if name not in servers:
                what = f"unknown server `{name}`{did_you_mean(name, servers)}"
                context.problems.add("Q706", context.parts.mark("backup", key, "servers"), what)


def _named_sources(context: Context, backup: Backup, sets: Sequence[DataSet]) -> None:
    known = ids_named(sets)
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("backup", "sources", name), name) for name in backup.sources),
        *((("backup", "exclude", number), name) for number, name in enumerate(backup.exclude)),
        *((("backup", "rehearse", "sources"), name) for name in backup.rehearsing.sources),
    ]
    for path, name in named:
        if name not in known:
            what = f"`{name}` is no source of this fleet{did_you_mean(name, known)}"
            context.problems.add("Q704", context.parts.mark(*path), what)
    kinds = {one.id: one.kind for one in sets}
    for name in backup.rehearsing.sources:
        for one in known.get(name, ()):
            if kinds[one] in SETTINGS:
                mark = context.parts.mark("backup", "rehearse", "sources")
                what = f"`rehearse` of `{one}`, which no recovery brings back in place"
                context.problems.add("Q714", mark, what)
    used = {full(service.image): service.image for service in context.fleet.services}
    for number, name in enumerate(backup.images):
        if full(name) not in used:
            mark = context.parts.mark("backup", "images", number)
            meant = did_you_mean(name, used.values())
            context.problems.add("Q719", mark, f"no service uses the image `{name}`{meant}")
    both = excluded(backup, sets) & overrides(backup, sets).keys()
    for name in sorted(both):
        mark = context.parts.mark("backup", "exclude")
        context.problems.add("Q713", mark, f"`{name}` is excluded, and has settings")


def _settings(context: Context, backup: Backup, sets: Sequence[DataSet]) -> bool:
    """Report settings that cannot be; True when policies can be made of the rest."""
    plain = Backup(to=backup.to)
    kinds = [
        _sound(context, said, plain.of_kind(kind), ("backup", "kinds", kind))
        for kind, said in backup.kinds.items()
    ]
    if not all(kinds):
        return False
    known = {one.id: one for one in sets}
    named = ids_named(sets)
    sources = []
    for name, said in backup.sources.items():
        path = ("backup", "sources", name)
        for one in (known[number] for number in named.get(name, ())):
            sources.append(_sound(context, said, backup.of_kind(one.kind), path))
            _fitting(context, said, one, path)
    return all(sources)


def _sound(context: Context, said: Override, policy: SourcePolicy, path: tuple[str, ...]) -> bool:
    """Whether what is said fits what holds above it, and keeps anything."""
    if said.keep is not None and said.keep.nothing:
        mark = context.parts.mark(*path, "keep")
        context.problems.add("Q708", mark, f"`{'.'.join(path)}.keep` keeps no copy at all")
    try:
        said.over(policy)
    except ValueError as error:
        context.problems.add("Q712", context.parts.mark(*path), f"`{'.'.join(path)}`: {error}")
        return False
    return True


def _fitting(context: Context, said: Override, one: DataSet, path: tuple[str, ...]) -> None:
    """Report settings that only other kinds of source can have."""
    wrong: list[tuple[str, str]] = []
    if said.hooks is not None and not one.services:
        wrong.append(("hooks", "has no container to run them in"))
    if said.sqlite and one.kind != "volume":
        wrong.append(("sqlite", "is no volume"))
    if said.quiesce not in (None, "none") and one.kind != "volume":
        wrong.append(("quiesce", "is no volume"))
    if said.wal is not None and one.kind != "postgres" and said.wal.on:
        wrong.append(("wal", "is no Postgres"))
    for key, why in wrong:
        mark = context.parts.mark(*path, key)
        context.problems.add("Q714", mark, f"`{key}` of `{one.id}`, which {why}")


def _places(context: Context, backup: Backup, sets: Sequence[DataSet]) -> None:
    """Report sources that no job reaches, or whose only copy would lie on their own server."""
    always: dict[str, list[str]] = {}
    maybe: dict[str, list[str]] = {}
    of = policies(backup, sets)
    for one in sets:
        if one.id in of and (why := out_of_reach(context.fleet, one)):
            mark = context.mark(context.fleet.service(one.services[0]), "x-quorate", "state")
            context.problems.add("Q717", mark, f"`{one.id}` is not backed up: {why}")
            continue
        candidates = backup.candidates(of[one.id]) if one.id in of else ()
        beside = [name for name in one.servers if chosen(candidates, (name,)) is None]
        if candidates and beside:
            found = always if len(beside) == len(one.servers) else maybe
            found.setdefault(", ".join(beside), []).append(one.id)
    mark = context.parts.mark("backup", "to" if backup.to else "repositories")
    for server, ids in always.items():
        what = f"{_listed(ids)} and every repository for them are on {server}"
        context.problems.add("Q709", mark, what)
    for server, ids in maybe.items():
        what = f"{_listed(ids)} may run on {server}, where every repository for them is"
        context.problems.add("Q710", mark, what)


def _trials(context: Context, backup: Backup, sets: Sequence[DataSet]) -> None:
    """Report sources whose copies are tried on their own server, as the policy names no other."""
    if len(context.fleet.servers) < 2:
        return
    of = policies(backup, sets)
    trials = [("prove", "proven", backup.proving.servers)]
    if backup.rehearsing.on:
        trials.append(("rehearse", "rehearsed", backup.rehearsing.servers))
    for key, tried, named in trials:
        if len(set(named)) != 1:
            continue
        there = [one for one in sets if one.id in of and named[0] in one.servers]
        if key == "rehearse":
            there = [one for one in there if one.kind not in SETTINGS]
        ids = [one.id for one in there if not out_of_reach(context.fleet, one)]
        if ids:
            mark = context.parts.mark("backup", key, "servers")
            what = f"{_listed(ids)}: {tried} on {named[0]} alone, where the data are, or may be"
            context.problems.add("Q718", mark, what)


def _listed(ids: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return ", ".join(f"`{one}`" for one in ids[:3]) + more
