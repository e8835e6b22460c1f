"""A lost server, lost managers, or all of them: Swarm's own commands. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from quorate.backup.bundle.content import path_of
from quorate.backup.policy.sources import Planned
from quorate.fleet.eligible import eligible_servers
from quorate.fleet.model import Engine, Fleet, Role, Server, Service
from quorate.recover.runbook import still
from quorate.recover.runbook.lived import Lived
from quorate.recover.runbook.projects import composed
from quorate.recover.runbook.still import Still
from quorate.recover.runbook.words import Paths, block, login, value
from quorate.stacks.secrets import secrets_section

PORTS = "2377/tcp, 7946/tcp+udp, 4789/udp"


def lost_server(fleet: Fleet) -> Iterator[str]:
    """Each server: what lives there, how another machine takes its place."""
    yield "## 4. A server is lost"
    yield ""
    yield "See that it is really off: two of one name spoil data. The new machine gets the same"
    yield f"name and address, Docker, your ssh key; {PORTS} open between all servers."
    yield ""
    for server in fleet.servers:
        yield from _lost(fleet, server)


def _lost(fleet: Fleet, server: Server) -> Iterator[str]:
    manager = next((one for one in fleet.managers if one.name != server.name), None)
    yield f"### Server {server.name} ({server.role.value}, {server.address})"
    yield ""
    lived = Lived.of(fleet, server.name)
    copies = [one.name for one in fleet.backup.repositories if one.server == server.name]
    if lived.alone or not lived.perhaps:
        yield f"Data that lives there alone: {_ids(lived.alone) or 'none'}."
    if lived.perhaps:
        yield f"Data that may have lived there, since nothing pins it: {_ids(lived.perhaps)}."
    if copies:
        yield f"Copies that go with it: repository {', '.join(copies)}. Use another one."
    yield ""
    if manager is None:
        yield "It is the only manager: go on with step 6."
        yield ""
        return
    yield f"On a manager that is left, say {manager.name} (`{login(manager)}`):"
    yield ""
    yield from _perhaps(server, lived)
    yield from block(_removed(server, lived.held))
    if lived.composed:
        yield f"By compose on other servers, {', '.join(lived.composed)} need it: stop them there"
        yield "by step 3, and start them at the end."
        yield ""
    yield f"On the new machine (`{login(server)}`):"
    yield ""
    yield from block(
        [
            f"hostnamectl set-hostname {server.name}",
            f"docker swarm join --token TOKEN --advertise-addr {server.address} "
            f"{manager.address}:2377",
        ]
    )
    yield f"On {manager.name} again:"
    yield ""
    yield from block(
        [f'for l in $(cat labels-{server.name}); do docker node update --label-add "$l" '
         f"{server.name}; done"]
    )  # fmt: skip
    yield from _back(manager, lived)
    yield from composed(fleet, server.name)
    for one in copies:
        path = fleet.backup.repository(one).path
        yield f"Make the directory of the repository {one} on it: `mkdir -m 700 -p {path}`."
        yield ""


def _perhaps(server: Server, lived: Lived) -> Iterator[str]:
    """To be looked for while the swarm still knows the lost node by its name."""
    fleet = lived.fleet
    found = [(one.source, held) for one in lived.perhaps
             if (held := still.by_swarm(
                 still.held(fleet, one.source, lost=True, home=server.name)))]  # fmt: skip
    if not found:
        return
    names = dict.fromkeys(
        fleet.service(name).swarm_name
        for source, _ in found
        for name in still.users_of(fleet, source)
    )
    yield from block([f"docker service ps {' '.join(names)}    # on which server each ran"])
    yield f"Only what ran on {server.name} until it was lost stops here. Swarm may have started it"
    yield "elsewhere since, without its data:"
    yield ""
    yield from block(
        line
        for source, held in found
        for line in (f"# if {source.id} lived on {server.name}:", *still.stops(held))
    )
    yield "Then, on the same manager:"
    yield ""


def _back(manager: Server, lived: Lived) -> Iterator[str]:
    """The way through step 3, whose stops were typed before."""
    first, second = lived.back
    begins = list(still.begins(lived.held, lived.kinds))
    ends = list(still.ends(lived.held, lived.kinds))
    if first:
        yield f"Then step 3, its stops being done, on the new machine: {', '.join(first)}."
        yield ""
    if begins:
        wait = "; go on when `docker service ls` says 1/1" if second else ""
        yield f"Start its databases, on {manager.name}{wait}:"
        yield ""
        yield from block(begins)
    if second:
        yield f"By step 3, on the new machine: {', '.join(second)}."
        yield ""
    if ends:
        yield f"When all of that is back, on {manager.name}:"
        yield ""
        yield from block(ends)
    if lived.perhaps:
        yield f"{_ids(lived.perhaps)}, if it lived there: by its lines in step 3, but for those"
        yield "that stop it."
        yield ""


def _ids(found: Iterable[Planned]) -> str:
    return ", ".join(one.source.id for one in found)


def _removed(server: Server, held: Sequence[Still]) -> Iterator[str]:
    yield "docker node ls    # the lost one is Down; of the managers, more than half are Ready"
    yield _labels_of(server)
    yield from still.stops(held)
    if server.role is Role.MANAGER:
        yield f"docker node demote {server.name}"
    yield f"docker node rm --force {server.name}"
    yield f"docker swarm join-token -q {server.role.value}    # prints the TOKEN"


def _labels_of(server: Server) -> str:
    form = "{{range $k, $v := .Spec.Labels}}{{$k}}={{$v}} {{end}}"
    return f"docker node inspect -f '{form}' {server.name} > labels-{server.name}"


def lost_quorum(fleet: Fleet) -> Iterator[str]:
    """More than half of the managers are gone."""
    managers = fleet.managers
    yield "## 5. Too few managers are left"
    yield ""
    yield f"This fleet has {len(managers)}: with fewer than {len(managers) // 2 + 1} the swarm "
    yield "decides nothing; services run on. First try to power the others on: then nothing of this"
    yield "is needed. See that those you give up are off, and stay off."
    yield ""
    yield "On the manager that is left (if several: whose `docker node ls` said Leader last):"
    yield ""
    for server in managers:
        yield f"{server.name} (`{login(server)}`):"
        yield ""
        yield from block(
            [f"docker swarm init --force-new-cluster --advertise-addr {server.address}"]
        )
    yield "Services, networks, secrets and configs are still there. Then, on the same one:"
    yield ""
    yield from block(
        [
            "docker node ls    # those given up are Down",
            *(line for one in managers for line in _given_up(one)),
            "docker swarm join-token -q manager    # prints the TOKEN: new managers, as in step 4",
        ]
    )
    yield "A manager that comes back later, before it is given a network again:"
    yield ""
    yield from block(["docker swarm leave --force    # then join it as in step 4"])


def _given_up(server: Server) -> Iterator[str]:
    yield f"# if {server.name} is given up:"
    yield _labels_of(server)
    # Of a cluster that was forced it is no manager any more: a demotion is refused.
    yield f"docker node rm --force {server.name}"


def all_lost(fleet: Fleet, paths: Paths) -> Iterator[str]:
    """From empty servers to running services; data after that by step 3."""
    managers = fleet.managers
    first = managers[0] if managers else fleet.servers[0]
    yield "## 6. All servers are lost"
    yield ""
    yield "Debian, Docker and your ssh key on as many of these as there are:"
    yield ""
    yield "| server | address | role | threads | memory |"
    yield "|---|---|---|---|---|"
    for one in fleet.servers:
        size = f"{one.cpus:g} | {one.memory / 2**30:.0f} GiB"
        yield f"| {one.name} | {one.address} | {one.role.value} | {size} |"
    yield ""
    yield f"On {first.name} (`{login(first)}`), with the opened bundle copied there:"
    yield ""
    yield from block(
        [
            f"docker swarm init --advertise-addr {first.address}",
            "docker swarm join-token -q manager    # for the other managers",
            "docker swarm join-token -q worker     # for the workers",
        ]
    )
    yield "On each other one, with the token of its role:"
    yield ""
    yield from block(
        f"docker swarm join --token TOKEN --advertise-addr {one.address} {first.address}:2377"
        f"    # {one.name}, {one.role.value}"
        for one in fleet.servers
        if one is not first
    )
    yield f"On {first.name}:"
    yield ""
    yield from block(_made(fleet, paths))
    for stack in fleet.stacks:
        if stack.engine is Engine.SWARM:
            yield from _stack(fleet, stack.name)
    yield from _filled(fleet, first)
    yield from composed(fleet)


def _filled(fleet: Fleet, first: Server) -> Iterator[str]:
    """The way through step 3: what it stops stands still already."""
    data = [one.source for one in still.wanted(fleet)]
    found, kinds = still.in_need(fleet), still.databases(fleet, data)
    begins, ends = list(still.begins(found, kinds)), list(still.ends(found, kinds))
    if not found:
        return
    yield "Services with data, and those that need a database, stand still now. Go through steps 2"
    yield "and 3 on the servers, but stop nothing, and start things by these lines, not by its own."
    if begins:
        yield f"Start the databases once volumes and Redis are back, on {first.name}:"
        yield ""
        yield from block(begins)
    yield f"When all data is back, on {first.name}:"
    yield ""
    yield from block(ends)


def _made(fleet: Fleet, paths: Paths) -> Iterator[str]:
    """Labels, secrets and networks."""
    for server in fleet.servers:
        for key, label in server.labels.items():
            yield f"docker node update --label-add {shlex.quote(f'{key}={label}')} {server.name}"
    for name in _secrets(fleet):
        path = paths.get(f"secret {name}")
        if path:
            yield f"docker secret create {name} {value(path)}"
        else:
            yield f"docker secret create {name} -    # in no file of the fleet: type a new value"
    for name in _networks(fleet):
        yield f"docker network create -d overlay --attachable {name}"


def _secrets(fleet: Fleet) -> list[str]:
    names = set(fleet.secrets)
    for files in fleet.files:
        section = secrets_section(files.secrets, files, fleet.secrets)
        names |= {str(spec["name"]) for spec in section.section.values() if spec.get("external")}
    return sorted(names)


def _networks(fleet: Fleet) -> list[str]:
    """Those that stacks expect to be there."""
    found = set()
    for files in fleet.files:
        for short, spec in files.networks.items():
            if (spec or {}).get("external"):
                found.add(str(spec.get("name") or short))
    return sorted(found)


def _stack(fleet: Fleet, name: str) -> Iterator[str]:
    stack = next(one for one in fleet.stacks if one.name == name)
    still_now = {one.service.id: one for one in still.in_need(fleet)}
    mine = [one for one in fleet.swarm_services() if one.stack == name]
    pins = [line for one in mine for line in _pin(fleet, one, still_now.get(one.id))]
    files = " ".join(f"-c {value(path_of(fleet, path))}" for path in stack.files)
    yield f"Stack {name}:"
    yield ""
    if any(still.SERVER in line for line in pins):
        yield f"(For {still.SERVER} write where the data of that service is to live.)"
        yield ""
    lines = []
    if pins:
        lines.append(f"cat > pins-{name}.yaml <<'END'")
        # Docker takes no two files of different versions together.
        version = next((one.version for one in fleet.files if one.stack == name), "")
        lines += [f'version: "{version}"'] if version else []
        lines += ["services:", *pins, "END"]
        files = f"{files} -c pins-{name}.yaml"
    lines.append(f"docker stack deploy --with-registry-auth {files} {name}")
    yield from block(lines)


def _pin(fleet: Fleet, service: Service, halt: Still | None) -> Iterator[str]:
    """Where a service with data lives; and that it, or what needs a database, stands still."""
    constraints, note = _homes(fleet, service) if service.state.keeps_data else ([], "")
    if halt is not None and not halt.counted:
        constraints.append(still.NOWHERE)
    if halt is None and not constraints:
        return
    yield f"  {service.name}:"
    yield "    deploy:"
    if halt is not None and halt.counted:
        yield "      replicas: 0"
    if constraints:
        listed = ", ".join(f'"{one}"' for one in constraints)
        yield f"      placement: {{constraints: [{listed}]}}{note}"


def _homes(fleet: Fleet, service: Service) -> tuple[list[str], str]:
    """Constraints, and what there is to say of them."""
    among = [one.name for one in eligible_servers(service, fleet.servers)]
    if len(among) == 1:
        return [f"node.hostname=={among[0]}"], ""
    if still.loose(fleet, service):
        said = f"    # {still.SERVER}: one of {', '.join(among)}"
        return [f"node.hostname=={still.SERVER}"], said
    others = [one.name for one in fleet.servers if one.name not in among]
    return [f"node.hostname!={name}" for name in others if service.pins], ""
