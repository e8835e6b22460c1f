"""Everything an import needs to know of live engines; they are only read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from quorate.errors import EngineError, QuorateError
from quorate.fleet.imports.inventory import (
    Host,
    Inventory,
    Raw,
    SwarmSeen,
    listed,
    mapping,
    text,
)
from quorate.fleet.imports.live_stacks import RUNS
from quorate.fleet.mounts import of_the_host
from quorate.observe.connect import NO_LEADER_WORDS, no_quorum
from quorate.observe.sources import Source
from quorate.observe.usage import watch
from quorate.tools import command, docker, parallel, ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ANSWER_SECONDS = 120.0
"""A disk usage report of a full engine takes long."""
MEASURE_SECONDS = 20.0
AT_ONCE = 8


class Progress(Protocol):
    """Where the reading says how far it is."""

    def phase(self, title: str) -> None:
        """A new step begins."""

    def progress(self, done: int, total: int, what: str) -> None:
        """So many of so many servers are read."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How much to read: `seconds` to watch containers (0: not at all), `config` for ssh."""

    seconds: float = 6.0
    config: Path | None = None


class _Answers:
    """What engines said, and what of it made no sense."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.odd: list[tuple[str, str]] = []

    def mapping(self, what: str, ask: Any) -> Raw:
        """The answer as a mapping; empty, and reported, when it is none."""
        found = self._asked(what, ask)
        if isinstance(found, Mapping):
            return found
        if found is not None:
            self.odd.append((self.name, f"its engine's answer about {what} makes no sense"))
        return {}

    def items(self, what: str, ask: Any) -> list[Raw]:
        """The answer as mappings in a list; others, reported, left out."""
        found = self._asked(what, ask)
        items = [item for item in listed(found) if isinstance(item, Mapping)]
        if found is not None and (not isinstance(found, list) or len(items) < len(found)):
            self.odd.append((self.name, f"its engine's answer about {what} makes no sense"))
        return items

    def _asked(self, what: str, ask: Any) -> Any:
        try:
            return ask()
        except docker.engine_errors() as error:
            said = f"its engine does not tell about {what}: {docker.words(error)}"
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # The SDK takes answers apart itself, and stumbles over odd ones.
            said = f"its engine's answer about {what} makes no sense ({type(error).__name__})"
        self.odd.append((self.name, " ".join(said.split())[:300]))
        return None


def read_swarm(source: Source, reading: Reading, progress: Progress) -> Inventory:
    """A whole swarm: through a manager, and each node's own engine where ssh reaches it.

    Raises:
        UnreachableError, EngineError: the manager does not answer, or is none.
    """
    progress.phase("asking the manager")
    with source.open(timeout=ANSWER_SECONDS) as client:
        name, seen, odd = _swarm(source, client)
    progress.phase("reading the servers")
    sources = _of_nodes(source, name, seen, reading.config)
    found = _hosts(sources, reading, progress)
    return replace(found, swarm=seen, odd=(*odd, *found.odd))


def read_engines(sources: Sequence[Source], reading: Reading, progress: Progress) -> Inventory:
    """Several engines; where one of them manages a swarm, what it knows of that too.

    Raises:
        UnreachableError, EngineError: none of them answers.
    """
    progress.phase("reading the servers")
    named = [((source,), source.text) for source in sources]
    found = _hosts(named, reading, progress)
    if not found.hosts:
        raise EngineError(
            "none of these engines answers",
            cause="; ".join(f"{name}: {why}" for name, why in found.unreachable.items()),
            todo="make `ssh HOST docker version` work for one of them",
        )
    by_text = {source.text: source for source in sources}
    for host in found.hosts:
        if mapping(host.info, "Swarm").get("ControlAvailable") is True:
            progress.phase("asking the manager")
            try:
                with by_text[host.source].open(timeout=ANSWER_SECONDS) as client:
                    _, seen, odd = _swarm(by_text[host.source], client)
            except QuorateError as error:
                found = replace(found, odd=(*found.odd, (host.name, error.what)))
                continue
            return replace(found, swarm=seen, odd=(*found.odd, *odd))
    return found


def _swarm(
    source: Source, client: DockerClient
) -> tuple[str, SwarmSeen, tuple[tuple[str, str], ...]]:
    """The manager's name, its swarm, and what was odd."""
    answers = _Answers(source.text)
    info = answers.mapping("itself", client.api.info)
    swarm = mapping(info, "Swarm")
    said = text(swarm, "Error")
    if any(words in said for words in NO_LEADER_WORDS):
        raise no_quorum(source.text, said)
    if swarm.get("ControlAvailable") is not True:
        state = text(swarm, "LocalNodeState") or "unknown"
        raise EngineError(
            f"{source.text} manages no swarm (its state is {state})",
            cause="it is a worker" if state == "active" else said or None,
            todo="name a manager, or use --from-docker",
        )
    api = client.api
    seen = SwarmSeen(
        nodes=tuple(answers.items("nodes", api.nodes)),
        services=tuple(answers.items("services", api.services)),
        tasks=tuple(answers.items("tasks", api.tasks)),
        networks=tuple(answers.items("networks", api.networks)),
        settings=mapping(answers.mapping("its swarm", api.inspect_swarm), "Spec"),
    )
    return text(info, "Name"), seen, tuple(answers.odd)


_Ways = tuple[tuple[Source, ...], str]
"""Ways to try, one after the other, to reach one engine; and its name."""


def _of_nodes(source: Source, manager: str, seen: SwarmSeen, config: Path | None) -> list[_Ways]:
    """How each node's own engine may be reached: by its name and by its address."""
    found: list[_Ways] = []
    for node in seen.nodes:
        name = text(node, "Description", "Hostname")
        if not name or text(node, "Status", "State") == "down":
            continue
        if name == manager:
            found.append(((source,), name))
            continue
        user = source.target.user if source.target else None
        port = source.target.port if source.target else None
        address = text(node, "Status", "Addr")
        # A configuration of ssh usually knows names; without one addresses are surer.
        hosts = [name, address] if config is not None else [address, name]
        usable = [host for host in hosts if host not in ("", "0.0.0.0", "127.0.0.1")]
        targets = [
            ssh.Target(name=name, host=host, user=user, port=port, config=config) for host in usable
        ]
        found.append((tuple(Source(text=t.host, target=t) for t in targets), name))
    return found


def _hosts(ways: Sequence[_Ways], reading: Reading, progress: Progress) -> Inventory:
    hosts: dict[str, Host] = {}
    failed: dict[str, str] = {}
    odd: list[tuple[str, str]] = []
    done: list[str] = []

    def one(way: _Ways) -> None:
        sources, name = way
        answers = _Answers(name)
        why = "no way to reach it is known"
        for source in sources:
            try:
                hosts[name] = read_host(source, answers, reading)
                break
            except QuorateError as error:
                why = error.what
        else:
            failed[name] = why
        odd.extend(answers.odd)
        done.append(name)
        progress.progress(len(done), len(ways), name)

    parallel.run(one, ways)
    ordered = [hosts[name] for _, name in ways if name in hosts]
    return Inventory(hosts=tuple(ordered), unreachable=failed, odd=tuple(dict.fromkeys(odd)))


def read_host(source: Source, answers: _Answers, reading: Reading) -> Host:
    """One engine and what runs on it.

    Raises:
        UnreachableError, EngineError: it does not answer.
    """
    target = source.target
    with source.open(timeout=ANSWER_SECONDS) as client:
        api = client.api
        info = answers.mapping("itself", api.info)
        where = text(info, "Name") or answers.name
        answers.name = where
        ids = [text(c, "Id") for c in answers.items("containers", lambda: api.containers(all=True))]
        containers = _inspected(api.inspect_container, ids, answers)
        images = {text(raw, "Image") for raw in containers} - {""}
        running = [text(raw, "Id") for raw in containers if text(raw, "State", "Status") in RUNS]
        usage = (
            watch(client, running, seconds=reading.seconds, where=where) if reading.seconds else {}
        )
        volumes = answers.mapping("volumes", api.volumes)
        disk = answers.mapping("disk usage", api.df)
        networks = answers.items("networks", api.networks)
        return Host(
            source=source.text,
            address=target.host if target else "",
            user=target.user if target else None,
            port=target.port if target else None,
            config=str(target.config) if target and target.config else None,
            info=info,
            containers=tuple(containers),
            images={text(i, "Id"): i for i in _inspected(api.inspect_image, images, answers)},
            networks=tuple(networks),
            volumes={text(v, "Name"): v for v in listed(volumes, "Volumes") if text(v, "Name")},
            volume_sizes=_volume_sizes(disk, answers),
            path_sizes=_path_sizes(source, containers, answers),
            usage=usage,
        )


def _inspected(inspect: Any, names: Iterable[str], answers: _Answers) -> list[Raw]:
    """Each thing inspected; what is gone meanwhile left out."""
    found: dict[str, Raw] = {}

    def one(name: str) -> None:
        try:
            raw = inspect(name)
        except docker.engine_errors() as error:
            if docker.status_of(error) != 404:
                answers.odd.append((answers.name, f"does not tell about {name[:12]}"))
            return
        except (ValueError, TypeError):
            raw = None
        if isinstance(raw, Mapping) and text(raw, "Id"):
            found[name] = raw
        else:
            answers.odd.append((answers.name, f"its answer about {name[:12]} makes no sense"))

    wanted = [name for name in names if name]
    parallel.run(one, wanted, limit=AT_ONCE)
    return [found[name] for name in wanted if name in found]


def _volume_sizes(disk: Raw, answers: _Answers) -> dict[str, int]:
    """Bytes by volume; -1 is an engine's word for unknown."""
    sizes: dict[str, int] = {}
    for raw in listed(disk, "Volumes"):
        size = mapping(raw, "UsageData").get("Size")
        name = text(raw, "Name")
        if not name or size in (None, -1):
            continue
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**60:
            answers.odd.append((answers.name, f"the size of the volume {name} makes no sense"))
        else:
            sizes[name] = size
    return sizes


def _path_sizes(source: Source, containers: Sequence[Raw], answers: _Answers) -> dict[str, int]:
    """Bytes in the directories that containers write to, as far as they may be read."""
    paths = sorted(
        {
            text(item, "Source")
            for raw in containers
            if text(raw, "State", "Status") in RUNS
            for item in listed(raw, "Mounts")
            if text(item, "Type") == "bind" and item.get("RW") is not False
            and text(item, "Source").startswith("/") and not of_the_host(text(item, "Source"))
        }
    )  # fmt: skip
    if not paths:
        return {}
    argv = ["timeout", f"{MEASURE_SECONDS:.0f}", "du", "-skx", "--", *paths]
    try:
        if source.target is not None:
            done = ssh.run(source.target, argv, timeout=MEASURE_SECONDS + 20, check=False)
        else:
            done = command.run(argv, timeout=MEASURE_SECONDS + 20, check=False)
    except QuorateError as error:
        answers.odd.append((answers.name, f"directories were not measured: {error.what}"))
        return {}
    sizes = {}
    for line in done.stdout.splitlines():
        size, _, path = line.partition("\t")
        if size.isdigit() and path in paths:
            sizes[path] = int(size) * 1024
    missing = [path for path in paths if path not in sizes]
    if missing or not done.ok:
        shown = ", ".join(missing[:3]) or "some directories"
        what = f"the size of {shown} is not known in full (no right to read, or too much to count)"
        answers.odd.append((answers.name, what))
    return sizes
