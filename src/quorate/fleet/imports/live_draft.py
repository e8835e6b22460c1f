"""A fleet drafted from live engines: a fleet file, and a compose file for each stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quorate.fleet.compose import read_project
from quorate.fleet.imports.classes import DEFAULT_CLASS
from quorate.fleet.imports.compose_draft import stack_class, why_compose
from quorate.fleet.imports.fleet_text import fleet_text
from quorate.fleet.imports.grouping import clean_name
from quorate.fleet.imports.guesses import Guesser, guess_service, service_class
from quorate.fleet.imports.inventory import Inventory
from quorate.fleet.imports.live_ports import part_ports
from quorate.fleet.imports.live_servers import live_servers
from quorate.fleet.imports.live_settings import swarm_settings
from quorate.fleet.imports.live_stacks import Builder, LiveService, LiveStack, add_sizes
from quorate.fleet.imports.model import (
    FILL_IN,
    FLEET_FILE,
    IGNORE_FILE,
    VALUES_FILE,
    Draft,
    DraftStack,
    Guess,
    ImportOptions,
    Kind,
    Note,
)
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.servers import Needs, describe
from quorate.fleet.imports.text import Said, dump
from quorate.fleet.imports.values import values_text
from quorate.fleet.model import Engine, Mode, Service, Stack
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems
from quorate.fleet.quantities import write_size
from quorate.fleet.resolve import resolve_service
from quorate.fleet.sources import Sources

CLASS_WHY = "its label quorate.class says so"
SMALLEST_SIZE = 2**20


def draft_live(inventory: Inventory, options: ImportOptions) -> Draft:
    """The files of a fleet that runs what these engines run.

    Never raises for what an engine said: that becomes a note.
    """
    notes = [Note(subject=name, what=what) for name, what in inventory.odd]
    notes += [
        Note(subject=name, what=f"could not be read: {why}",
             todo="what runs there is not in these files, unless the swarm knows it")
        for name, why in inventory.unreachable.items()
    ]  # fmt: skip
    scrub = Scrubber()
    # A secret may stand in one place in clear and in another inside an address:
    # the first look finds them all, the second one leaves them out everywhere.
    Builder(inventory, scrub, []).build()
    scrub.again()
    stacks = Builder(inventory, scrub, notes).build()
    add_sizes(stacks, {host.name: host for host in inventory.hosts})
    guesses: list[Guess] = []
    part_ports(stacks)
    files: dict[str, str] = {}
    entries: dict[str, Any] = {}
    drafted: list[DraftStack] = []
    services: list[Service] = []
    secret_stacks = {value.stack.partition("/")[0] for value in scrub.values}
    for stack in stacks:
        found = _resolved(stack)
        services += found
        entries[stack.name] = _entry(stack, found, guesses, secret=stack.name in secret_stacks)
        files[f"{stack.name}.yaml"] = _text(stack, found, entries[stack.name], guesses)
        drafted.append(_drafted(stack))
    servers = live_servers(inventory, notes)
    section, _ = describe(
        servers, _needs(services), lambda name: _Into(name, guesses), invented=not servers
    )
    if scrub.values:
        files[VALUES_FILE] = values_text(scrub.values)
        files[IGNORE_FILE] = f"{VALUES_FILE}\n"
        notes.append(_secret_note(scrub))
    whole = Guesser(FLEET_FILE, "fleet")
    name: Any = options.name or _name(options.directory)
    if options.name is None:
        name = whole.say("name", name, "its directory's name")
    spiky = any(service_class(service)[0] == "ci" for service in services)
    files[FLEET_FILE] = fleet_text(
        name, section, entries, whole, spiky=spiky, swarm=swarm_settings(inventory, whole)
    )
    clean, leaks = _gated(files, scrub)
    notes += leaks
    return Draft(
        fleet=name.value if isinstance(name, Said) else name,
        files=dict(sorted(clean.items(), key=lambda item: item[0] != FLEET_FILE)),
        servers=tuple(server.name for server in servers),
        stacks=tuple(drafted),
        guesses=tuple(_masked(guess, scrub) for guess in [*whole.guesses, *guesses]),
        notes=tuple(
            Note(subject=scrub.masked(n.subject), what=scrub.masked(n.what), todo=n.todo)
            for n in notes
        ),
        private=(VALUES_FILE,) if scrub.values else (),
    )


class _Into(Guesser):
    """A guesser whose guesses about a server go into a list shared with others."""

    def __init__(self, subject: str, guesses: list[Guess]) -> None:
        super().__init__(FLEET_FILE, subject)
        self.guesses = guesses


def _resolved(stack: LiveStack) -> list[Service]:
    """The stack's services as the fleet will read them: what they leave open is to be guessed."""
    path = Path(f"{stack.name}.yaml")
    text = dump(_document(stack, {}))
    sources = Sources(Problems(), {path: text})
    mark = Mark(str(path))
    engine = Engine.COMPOSE if stack.compose else Engine.SWARM
    wanted = Stack(name=stack.name, files=(path,), engine=engine, server=stack.server)
    # Variables stand for secrets only; what they are makes no difference here.
    project = read_project(wanted, mark, {}, sources)
    section = project.section("services")
    return [
        resolve_service(project, name, body, section.at(name), sources)
        for name, body in section.items()
        if isinstance(body, Map)
    ]


def _document(stack: LiveStack, extensions: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for name, live in stack.services.items():
        body = dict(live.body)
        if live.digest:
            body["image"] = Said(body["image"], f"runs as {live.digest}")
        if extensions.get(name):
            body["x-quorate"] = extensions[name]
        services[name] = body
    return {"services": services, **stack.sections.document()}


def _entry(
    stack: LiveStack, services: list[Service], guesses: list[Guess], *, secret: bool
) -> dict[str, Any]:
    guesser = Guesser(FLEET_FILE, stack.name)
    entry: dict[str, Any] = {"files": [f"{stack.name}.yaml"]}
    if secret:
        entry["env_files"] = [VALUES_FILE]
    known = [live.workload_class for live in stack.services.values() if live.workload_class]
    if known:
        name, why = Counter(known).most_common(1)[0][0], CLASS_WHY
    else:
        name, why = stack_class(services)
    if name != DEFAULT_CLASS:
        entry["class"] = guesser.say("class", name, why)
    if stack.compose:
        entry["engine"] = guesser.say("engine", Engine.COMPOSE.value, why_compose(stack.reasons))
        entry["server"] = stack.server
    guesses += guesser.guesses
    return entry


def _text(
    stack: LiveStack, services: list[Service], entry: Mapping[str, Any], guesses: list[Guess]
) -> str:
    """The stack's compose file."""
    named = entry.get("class", DEFAULT_CLASS)
    own_class = named.value if isinstance(named, Said) else str(named)
    extensions = {}
    for service in services:
        live = stack.services[service.name]
        guesser = Guesser(f"{stack.name}.yaml", f"{stack.name}/{service.name}")
        named = (live.workload_class, CLASS_WHY) if live.workload_class else None
        found = guess_service(
            service, guesser, stack_class=own_class, measured=live.measured, named=named
        )
        extensions[service.name] = found | _placed(stack, service, live, guesser)
        guesses += guesser.guesses
    head = [
        f"The stack {stack.name} as it runs, written by `quorate init`. Values that look secret"
    ]
    head += [
        f"are not here: {VALUES_FILE} has their names. `quorate schema x-quorate` has its keys."
    ]
    return dump(_document(stack, extensions), head=head)


def _placed(
    stack: LiveStack, service: Service, live: LiveService, guesser: Guesser
) -> dict[str, Any]:
    """Where it has to stay, and how much data it has there."""
    found: dict[str, Any] = {}
    local = service.state.keeps_data and any(v.local_data for v in service.volumes)
    bound = any(port.mode == "host" for port in service.ports) and stack.server is not None
    if stack.compose or service.mode is Mode.GLOBAL:
        pass
    elif (local or bound) and live.servers and not service.pins:
        why = "its data is on that server's disk" if local else "others publish its port elsewhere"
        found["pin"] = guesser.say("pin", list(live.servers), why)
    elif live.pool:
        found["pin"] = guesser.say("pin", list(live.pool), "the pool it was deployed with")
    if live.data_size >= SMALLEST_SIZE:
        size = write_size(live.data_size // SMALLEST_SIZE * SMALLEST_SIZE)
        found["data_size"] = guesser.say("data_size", size, "as its engine says", Kind.MEASURED)
    return found


def _needs(services: list[Service]) -> Needs:
    """For a server whose engine tells no figures."""
    return Needs(
        memory=sum(s.load.memory * s.replicas for s in services),
        cpus=sum(s.load.cpu * s.replicas for s in services),
        largest=max((s.load.memory for s in services), default=0),
    )


def _drafted(stack: LiveStack) -> DraftStack:
    return DraftStack(
        name=stack.name,
        engine=Engine.COMPOSE.value if stack.compose else Engine.SWARM.value,
        files=(f"{stack.name}.yaml",),
        services=len(stack.services),
        why=why_compose(stack.reasons) if stack.compose else "",
    )


def _secret_note(scrub: Scrubber) -> Note:
    names = dict.fromkeys(value.name for value in scrub.values)
    shown = ", ".join(list(names)[:6]) + (" …" if len(names) > 6 else "")
    return Note(
        subject="fleet",
        what=f"{len(names)} values look secret and were not taken: {shown}",
        todo=f"put them into {VALUES_FILE}, or better into `secrets:`; `up` refuses {FILL_IN}",
    )


def _gated(files: Mapping[str, str], scrub: Scrubber) -> tuple[dict[str, str], list[Note]]:
    """The files after the last look for secrets: whatever slipped through is cut out."""
    clean: dict[str, str] = {}
    notes = []
    for name, text in files.items():
        clean[name], found = scrub.gate(text)
        if found:
            what = f"a secret value was cut out of {name}; see {FILL_IN} there"
            notes.append(Note(subject=name, what=what))
    return clean, notes


def _masked(guess: Guess, scrub: Scrubber) -> Guess:
    return guess.model_copy(
        update={"value": scrub.masked(guess.value), "why": scrub.masked(guess.why)}
    )


def _name(directory: Path) -> str:
    found = clean_name(directory.absolute().name).replace("_", "-").strip("-")
    return found or "my-fleet"
