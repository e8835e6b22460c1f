"""A lost server, lost managers, or all of them: Swarm's own commands. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from quorate.backup.bundle.content import path_of
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Engine, Fleet, Role, Server, Service
from quorate.recover.runbook.projects import composed, data_of
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
    lives = [
        one.source.id
        for one in planned(fleet)
        if one.source.servers == (server.name,) and not one.source.id.startswith("system/")
    ]
    copies = [one.name for one in fleet.backup.repositories if one.server == server.name]
    yield f"Data that lives there alone: {', '.join(lives) or 'none'}."
    if copies:
        yield f"Copies that go with it: repository {', '.join(copies)}. Use another one."
    yield ""
    if manager is None:
        yield "It is the only manager: go on with step 6."
        yield ""
        return
    yield f"On a manager that is left, say {manager.name} (`{login(manager)}`):"
    yield ""
    held = _users(fleet, server.name)
    yield from block(_removed(server, held))
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
    swarms = [name for name in lives if name not in data_of(fleet)]
    if swarms:
        yield f"Then step 3 for {', '.join(swarms)}, on the new machine; a database's service is"
        yield "scaled to 1 before its data is restored, a volume's after."
        yield ""
    yield from composed(fleet, server.name)
    for one in copies:
        path = fleet.backup.repository(one).path
        yield f"Make the directory of the repository {one} on it: `mkdir -m 700 -p {path}`."
        yield ""


def _removed(server: Server, held: list[str]) -> Iterator[str]:
    yield "docker node ls    # the lost one is Down; of the managers, more than half are Ready"
    yield _labels_of(server)
    if held:
        yield f"docker service scale {' '.join(f'{name}=0' for name in held)}"
    if server.role is Role.MANAGER:
        yield f"docker node demote {server.name}"
    yield f"docker node rm --force {server.name}"
    yield f"docker swarm join-token -q {server.role.value}    # prints the TOKEN"


def _labels_of(server: Server) -> str:
    form = "{{range $k, $v := .Spec.Labels}}{{$k}}={{$v}} {{end}}"
    return f"docker node inspect -f '{form}' {server.name} > labels-{server.name}"


def _users(fleet: Fleet, server: str) -> list[str]:
    """Swarm services that keep data on this server alone."""
    names = {
        one.source.service
        for one in planned(fleet)
        if one.source.servers == (server,) and one.source.service
    }
    found = [fleet.service(name) for name in sorted(names)]
    return [one.swarm_name for one in found if one.engine is Engine.SWARM]


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
    yield "Services with data now stand still. Bring it back by step 3: volumes while their service"
    yield "stands still; a database is scaled to 1 first and filled then."
    yield ""
    yield from composed(fleet)


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
    mine = [one for one in fleet.swarm_services() if one.stack == name]
    files = " ".join(f"-c {value(path_of(fleet, path))}" for path in stack.files)
    pinned = [one for one in mine if one.state.keeps_data]
    yield f"Stack {name}:"
    yield ""
    lines = []
    if pinned:
        lines.append(f"cat > pins-{name}.yaml <<'END'")
        # Docker takes no two files of different versions together.
        version = next((one.version for one in fleet.files if one.stack == name), "")
        lines += [f'version: "{version}"'] if version else []
        lines.append("services:")
        lines += [line for one in pinned for line in _pin(one)]
        lines.append("END")
        files = f"{files} -c pins-{name}.yaml"
    lines.append(f"docker stack deploy --with-registry-auth {files} {name}")
    yield from block(lines)


def _pin(service: Service) -> Iterator[str]:
    yield f"  {service.name}:"
    yield "    deploy:"
    if service.mode.value == "replicated":
        yield "      replicas: 0"
    if service.pins:
        yield f'      placement: {{constraints: ["node.hostname=={service.pins[0]}"]}}'
    elif service.mode.value != "replicated":
        yield "      mode: global"
