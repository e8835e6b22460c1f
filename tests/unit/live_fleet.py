"""A fleet as `backup status` and `backup doctor` meet it: a fake of its engines, no ssh.

What jobs answer is written into `scripts`, by work and repository. Real behaviour is tested on the
lab.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate import assessing
from quorate.assessing import Seen
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Answer, Holds, Trouble, Work
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.spec import LABEL_REPOSITORY, LABEL_WORK
from quorate.backup.jobs.watching import Silent
from quorate.backup.policy.strays import Stored
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedContainer
from quorate.observe.connect import Answers
from quorate.tools import clock
from quorate.workflows import Opened
from tests.unit.backup.jobs import made
from tests.unit.backup.jobs.fake_swarm import FakeSwarm, Response, Script, refused

SECTION = """\
backup:
  repositories:
    first: {local: {server: one, path: /b/first}, password: {environment: P}}
    second: {local: {server: two, path: /b/second}, password: {environment: P}}
  exclude: [out]
"""
GIB = 2**30


def answered(work: Work, *, trouble: Trouble | None = None, **more: Any) -> Script:
    """What a job of a repository says."""
    holds = Holds(stored=GIB, free=80 * GIB, disk=100 * GIB)
    said = Answer(work=work, run="r", trouble=trouble, **{"holds": holds, **more})
    return Script(out=[said.model_dump_json()], code=trouble.code if trouble else 0)


@dataclass
class FakeEngines(FakeSwarm):
    """One manager's API, and as much as is asked of every server. `without`: the image."""

    without: set[str] = field(default_factory=set)
    secrets_there: dict[str, dict[str, Any]] = field(default_factory=dict)
    server: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.without, self.secrets_there, self.server = set(), {}, ""
        self.answers: dict[tuple[str, str], Script] = {}

    def script(self, service: Mapping[str, Any]) -> Script:
        labels = service["Spec"]["Labels"]
        key = labels.get(LABEL_WORK, ""), labels.get(LABEL_REPOSITORY, "")
        return self.answers.setdefault(key, answered(Work(key[0])))

    def info(self) -> dict[str, Any]:
        return {"SystemTime": datetime.now(UTC).isoformat(), "DockerRootDir": "/var/lib/docker"}

    def inspect_distribution(self, image: str, auth_config: Any = None) -> dict[str, Any]:
        raise refused(404, f"{image} is in no registry")

    def inspect_image(self, image: str) -> dict[str, Any]:
        if self.server in self.without:
            raise refused(404, f"no such image: {image}")
        return {"Id": "sha256:1"}

    def secrets(self, filters: Any = None) -> list[dict[str, Any]]:
        return list(self.secrets_there.values())

    def create_secret(self, name: str, data: bytes, **more: Any) -> dict[str, str]:
        labels = dict(more.get("labels") or {})
        self.secrets_there[name] = {"ID": name, "Spec": {"Name": name, "Labels": labels}}
        return {"ID": name}

    def post(self, url: str, json: Mapping[str, Any], **more: Any) -> Response:
        if not url.endswith("/update"):
            return super().post(url, json, **more)
        self.services_there[url.split("/")[-2]]["Spec"] = dict(json)
        return Response(200, {})


@dataclass
class Live:
    """A fleet, its engines, and what its servers have."""

    fleet: Fleet
    engines: FakeEngines = field(default_factory=FakeEngines)
    stored: dict[str, Stored] = field(default_factory=dict)
    unasked: dict[str, str] = field(default_factory=dict)

    @property
    def opened(self) -> Opened:
        return Opened(fleet=self.fleet)

    def seen(self) -> Seen:
        ground = Ground(
            scene=made.scene(
                self.fleet, volumes={name: one.named for name, one in self.stored.items()}
            ),
            door=Door(lambda: self.engines.client, lambda text: None),
            watcher=Silent(),
        )
        return Seen(
            connections=cast(Any, self),
            ground=ground,
            stored=self.stored,
            unasked=self.unasked,
        )

    def manager(self) -> Any:
        return SimpleNamespace(client=self.engines.client)

    def each(self, ask: Callable[..., Any], servers: Iterable[str] | None = None) -> Answers[Any]:
        """As `Connections.each`."""
        results = {}
        for server in self.fleet.servers:
            if servers is None or server.name in servers:
                self.engines.server = server.name
                results[server.name] = ask(server, self.engines.client)
        return Answers(results=results)


def receiver(state: str = "running") -> Stored:
    """What a server has on which the log of `db` is received."""
    running = ObservedContainer(
        id="c1",
        name="quorate-wal-db.1",
        server="two",
        state=state,
        labels={"com.docker.swarm.service.name": "quorate-wal-db"},
    )
    return Stored(named=frozenset({"app_m"}), containers=(running,))


def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str = SECTION) -> Live:
    """The fleet of `made`, with two repositories on servers; sleeping moves the clock."""
    monkeypatch.setenv("P", "sesame")
    slept = [0.0]
    monkeypatch.setattr(clock, "sleep", lambda seconds: slept.__setitem__(0, slept[0] + seconds))
    monkeypatch.setattr(clock, "monotonic", lambda: slept[0])
    found = Live(made.fleet(tmp_path, section))
    volumes = {"one": ["app_d", "app_o", "app_m"], "two": ["app_m"], "three": ["app_m", "app_v"]}
    found.stored = {name: Stored(named=frozenset(names)) for name, names in volumes.items()}

    @contextmanager
    def looking(opened: Opened, watcher: Any) -> Iterator[Seen]:
        yield found.seen()

    monkeypatch.setattr(assessing, "looking", looking)
    return found
