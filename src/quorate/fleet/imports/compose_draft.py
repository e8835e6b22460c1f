"""A fleet drafted from compose files. They stay as they are: guesses go into files beside them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.errors import CheckError, UsageError
from quorate.fleet.compose import Project, read_project
from quorate.fleet.constraints import LABEL, parse_constraint
from quorate.fleet.imports.classes import DEFAULT_CLASS
from quorate.fleet.imports.engines import needs_compose
from quorate.fleet.imports.fleet_text import fleet_text
from quorate.fleet.imports.grouping import WRITTEN_NAME, Group, Head, clean_name, group
from quorate.fleet.imports.guesses import Guesser, guess_service, service_class, written_class
from quorate.fleet.imports.model import (
    FILL_IN,
    FLEET_FILE,
    GUESSES_FILE,
    IGNORE_FILE,
    VALUES_FILE,
    Draft,
    DraftStack,
    Guess,
    ImportOptions,
    Note,
)
from quorate.fleet.imports.secrets import secret_name
from quorate.fleet.imports.servers import Needs, describe, given_servers, placeholders
from quorate.fleet.imports.text import Said, dump
from quorate.fleet.imports.values import Value, values_text
from quorate.fleet.model import Engine, Mode, Service, Stack
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems, Severity
from quorate.fleet.resolve import resolve_service
from quorate.fleet.sources import Sources, tidy

OVERLAY_HEAD = (
    "What `quorate init` guessed about the stack {name}; its compose files are as they were.",
    "The fleet file merges this one over them. Correct what is wrong, delete what you say there.",
)


@dataclass(kw_only=True)
class Read:
    """A stack as read: its services, and variables that are set nowhere (name → required)."""

    group: Group
    project: Project
    services: list[Service]
    unset: Mapping[str, bool]
    reasons: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.group.name

    @property
    def compose(self) -> bool:
        """Whether it stays with docker compose."""
        return bool(self.reasons)


def draft_from_compose(
    paths: Sequence[Path], options: ImportOptions, environment: Mapping[str, str]
) -> Draft:
    """The files of a fleet that runs these compose files.

    Raises:
        CheckError: a file cannot be read, or is no YAML.
        UsageError: none of the files has services; a server cannot be read.
    """
    given = given_servers(options.servers)
    notes: list[Note] = []
    guesses: list[Guess] = []
    groups = group(_heads(paths), notes)
    if not groups:
        raise UsageError(
            "none of these files is a compose file",
            cause="; ".join(f"{note.subject} {note.what}" for note in notes) or None,
            todo="name the files that have `services:`",
        )
    reads = [_read(item, environment) for item in groups]
    needs = _needs(reads)
    servers = given or placeholders(needs)
    section, largest = describe(
        servers, needs, _by_subject(FLEET_FILE, guesses), invented=not given
    )
    files: dict[str, str] = {}
    stacks: dict[str, Any] = {}
    drafted = []
    for read, server in zip(reads, _hosts(reads, largest), strict=True):
        entry, overlay = _stack(read, server, options.directory, guesses)
        if overlay is not None:
            files[f"{read.name}{GUESSES_FILE}"] = overlay
        stacks[read.name] = _named(read, entry, guesses)
        drafted.append(_drafted(read, entry))
        notes += _notes(read)
    values = [value for read in reads for value in _values(read)]
    if values:
        files[VALUES_FILE] = values_text(values)
        files[IGNORE_FILE] = f"{VALUES_FILE}\n"
        notes.append(_unset_note(values))
    whole = Guesser(FLEET_FILE, "fleet")
    spiky = any(service_class(s)[0] == "ci" for read in reads for s in read.services)
    name: Any = options.name or _name(options.directory)
    if options.name is None:
        name = whole.say("name", name, "its directory's name")
    files[FLEET_FILE] = fleet_text(name, section, stacks, whole, spiky=spiky)
    return Draft(
        fleet=name.value if isinstance(name, Said) else name,
        files=dict(sorted(files.items(), key=lambda item: item[0] != FLEET_FILE)),
        servers=tuple(server.name for server in servers),
        stacks=tuple(drafted),
        guesses=tuple([*whole.guesses, *guesses]),
        notes=tuple(notes),
        private=(VALUES_FILE,) if values else (),
    )


def _heads(paths: Sequence[Path]) -> list[Head]:
    problems = Problems()
    sources = Sources(problems)
    heads = []
    for path in dict.fromkeys(tidy(path) for path in paths):
        found = sources.mapping(path, Mark(str(path)), what="compose file")
        if found is not None:
            heads.append(Head(path, found))
    errors = [str(p) for p in problems.sorted() if p.severity is Severity.ERROR]
    if errors:
        raise CheckError(
            f"{len(errors)} error{'s' if len(errors) > 1 else ''} in the compose files; "
            "nothing was written",
            problems=errors,
            todo="correct them, or leave those files out",
        )
    return heads


def _read(item: Group, environment: Mapping[str, str]) -> Read:
    """What is wrong in the files is not reported here: `check` reads the result again."""
    problems = Problems()
    sources = Sources(problems)
    mark = Mark(str(item.files[0]))
    stack = Stack(name=item.name, files=item.files)
    project = read_project(stack, mark, environment, sources)
    section = project.section("services")
    services = [
        resolve_service(project, name, mapping, section.at(name), sources)
        for name, mapping in section.items()
        if isinstance(mapping, Map) and name not in project.inactive
    ]
    found = Read(group=item, project=project, services=services, unset=dict(sources.unset))
    for service in services:
        reasons = needs_compose(service.image, service.raw)
        if reasons:
            found.reasons[service.name] = reasons
    return found


def _needs(reads: Iterable[Read]) -> Needs:
    needs = Needs()
    for read in reads:
        for service in read.services:
            needs = _add(needs, service, read.compose)
    return needs


def _add(needs: Needs, service: Service, compose: bool) -> Needs:
    count = 1 if service.mode is Mode.GLOBAL else service.replicas
    memory = (service.reservation_memory or service.load.memory) * count
    cpus = (service.reservation_cpus or service.load.cpu) * count
    # What is bound by a constraint, or to a compose stack's server, may all meet on one.
    bound = compose or bool(service.constraints or service.pins)
    labels = dict.fromkeys(needs.labels)
    worker = needs.worker
    for text in () if compose else service.constraints:
        try:
            constraint = parse_constraint(text)
        except ValueError:
            continue
        if constraint.equal and constraint.label is not None:
            labels[constraint.key.removeprefix(LABEL), constraint.value] = None
        if constraint.key == "node.role":
            worker |= (constraint.value.lower() == "worker") == constraint.equal
    return Needs(
        memory=needs.memory + memory,
        cpus=needs.cpus + cpus,
        largest=max(needs.largest, memory),
        bound_memory=needs.bound_memory + (memory if bound else 0),
        bound_cpus=needs.bound_cpus + (cpus if bound else 0),
        names=tuple(dict.fromkeys((*needs.names, *(() if compose else service.pins)))),
        labels=tuple(labels),
        worker=worker,
    )


def _hosts(reads: Sequence[Read], servers: Sequence[str]) -> list[str | None]:
    """A server for each stack that stays with docker compose: the largest, then the next."""
    found: list[str | None] = []
    number = 0
    for read in reads:
        found.append(servers[number % len(servers)] if read.compose else None)
        number += read.compose
    return found


def _stack(
    read: Read, server: str | None, directory: Path, guesses: list[Guess]
) -> tuple[dict[str, Any], str | None]:
    """The stack's entry in the fleet file, and the file with its services' guesses."""
    guesser = Guesser(FLEET_FILE, read.name)
    name, why = stack_class(read.services)
    file = f"{read.name}{GUESSES_FILE}"
    services: dict[str, Any] = {}
    for service in read.services:
        own = Guesser(file, f"{read.name}/{service.name}")
        found = guess_service(service, own, stack_class=name)
        guesses += own.guesses
        if found:
            services[service.name] = {"x-quorate": found}
    paths = [_relative(path, directory) for path in read.group.files]
    entry: dict[str, Any] = {"files": [*paths, file] if services else paths}
    if read.unset:
        entry["env_files"] = [VALUES_FILE]
    if name != DEFAULT_CLASS:
        entry["class"] = guesser.say("class", name, why)
    if server is not None:
        entry["engine"] = guesser.say("engine", Engine.COMPOSE.value, why_compose(read.reasons))
        entry["server"] = guesser.say(
            "server", server, "one of the largest; where does it run now?"
        )
    guesses += guesser.guesses
    head = [line.format(name=read.name) for line in OVERLAY_HEAD]
    return entry, dump({"services": services}, head=head) if services else None


def _named(read: Read, entry: dict[str, Any], guesses: list[Guess]) -> Any:
    """The entry, its name marked as a guess unless the compose file itself gives it."""
    if read.group.why == WRITTEN_NAME:
        return entry
    guesser = Guesser(FLEET_FILE, read.name)
    remark = guesser.say("name", read.name, read.group.why).remark
    guesses += guesser.guesses
    return Said(entry, remark)


def stack_class(services: Sequence[Service]) -> tuple[str, str]:
    """The class most of a stack's services have that say none themselves, and why."""
    found = [service_class(service) for service in services if not written_class(service)]
    if not found:
        return DEFAULT_CLASS, ""
    name = Counter(one for one, _ in found).most_common(1)[0][0]
    reasons = dict.fromkeys(why for one, why in found if one == name and why)
    return name, "; ".join(list(reasons)[:3])


def why_compose(reasons: Mapping[str, list[str]]) -> str:
    """The first service's reasons, and how many more there are."""
    (name, first), *rest = reasons.items()
    count = f"{len(rest)} more service{'s' if len(rest) > 1 else ''}"
    more = f", nor to {count}" if rest else ""
    return f"Swarm has no way to give {name} what it asks for ({', '.join(first)}){more}"


def _drafted(read: Read, entry: Mapping[str, Any]) -> DraftStack:
    return DraftStack(
        name=read.name,
        engine=Engine.COMPOSE.value if read.compose else Engine.SWARM.value,
        files=tuple(entry["files"]),
        services=len(read.services),
        why=why_compose(read.reasons) if read.compose else "",
    )


def _notes(read: Read) -> list[Note]:
    found = []
    if read.project.inactive:
        names = ", ".join(sorted(read.project.inactive)[:8])
        found.append(
            Note(
                subject=read.name,
                what=f"{names}: only with a profile, which is not enabled here",
                todo="add `profiles:` to the stack for those that run",
            )
        )
    kept = [
        s.name for s in read.services
        if not read.compose and s.state.keeps_data and not s.pins
        and any(v.local_data for v in s.volumes)
    ]  # fmt: skip
    if kept:
        found.append(
            Note(
                subject=read.name,
                what=f"{_names(kept)} keep data on a server's disk; compose files do not say where",
                todo="where data exists already: `x-quorate: {pin: SERVER}`",
            )
        )
    return found


def _values(read: Read) -> Iterator[Value]:
    """The variables that are set nowhere; a blank password would go unnoticed, so none is blank."""
    for name, required in sorted(read.unset.items()):
        secret = not required and secret_name(name)
        why = "set nowhere; not left blank, as it looks secret" if secret else ""
        yield Value(name=name, required=required or secret, stack=read.name, why=why)


def _unset_note(values: Sequence[Value]) -> Note:
    required = sum(value.required for value in values)
    words = f"{len(values)} variables are set nowhere"
    if required:
        words += f", {required} of them needed (`quorate up` refuses {FILL_IN})"
    return Note(subject="fleet", what=words, todo=f"set them in {VALUES_FILE}")


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _relative(path: Path, directory: Path) -> str:
    """The path from the fleet file's directory; absolute when they have nothing in common."""
    target, start = path.absolute(), directory.absolute()
    if os.path.commonpath([target, start]) == os.sep:
        return str(target)
    return os.path.relpath(target, start)


def _name(directory: Path) -> str:
    found = clean_name(directory.absolute().name).replace("_", "-").strip("-")
    return found or "my-fleet"


def _by_subject(file: str, guesses: list[Guess]) -> Any:
    """A guesser for each server whose guesses end in one list."""

    def guesser(subject: str) -> Guesser:
        made = Guesser(file, subject)
        made.guesses = guesses
        return made

    return guesser
