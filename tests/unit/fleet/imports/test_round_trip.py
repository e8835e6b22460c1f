"""Compose files in, a fleet out: it checks without errors and can be planned at once."""

from __future__ import annotations

import cProfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quorate.fleet.check import check
from quorate.fleet.imports.compose_draft import draft_from_compose
from quorate.fleet.imports.model import FLEET_FILE, Draft, ImportOptions, Kind
from quorate.fleet.model import Fleet
from quorate.fleet.problems import Severity
from quorate.plan.solve import make_plan

pytestmark = pytest.mark.slow

IMAGES = (
    "nginx:1.27", "postgres:16", "redis:7", "mariadb:11", "gitlab/gitlab-ce:17.1.0-ce.0",
    "gitlab/gitlab-runner:v17", "grafana/grafana:11.1.0", "registry.example.com/team/app:1.0",
)  # fmt: skip
NAMES = st.sampled_from([f"{word}{n}" for word in ("web", "db", "cache", "job") for n in range(4)])


def written(directory: Path, files: dict[str, str]) -> list[Path]:
    """The files, written; their paths."""
    paths = []
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def fleet_of(draft: Draft, directory: Path) -> Fleet:
    """The fleet of a draft that was not written; it must have no errors."""
    drafts = {directory / name: text for name, text in draft.files.items()}
    report = check(directory / FLEET_FILE, drafts=drafts, environment={})
    errors = [str(p) for p in report.problems if p.severity is Severity.ERROR]
    assert errors == []
    assert report.fleet is not None
    return report.fleet


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    service: dict[str, Any] = {"image": draw(st.sampled_from(IMAGES))}
    deploy: dict[str, Any] = {}
    if draw(st.booleans()):
        deploy["replicas"] = draw(st.integers(0, 3))
    if draw(st.booleans()):
        deploy["resources"] = {"limits": {"memory": draw(st.sampled_from(["64M", "1G"]))}}
    elif draw(st.booleans()):
        deploy["resources"] = {"reservations": {"memory": "96M", "cpus": "0.2"}}
    elif draw(st.booleans()):
        service["mem_limit"] = "512m"
    constraint = draw(
        st.sampled_from([None, "node.role==worker", "node.labels.disk==ssd", "node.hostname==big"])
    )
    if constraint:
        deploy["placement"] = {"constraints": [constraint]}
    if deploy:
        service["deploy"] = deploy
    if draw(st.booleans()):
        service["volumes"] = ["VOLUME:/data"]
    if draw(st.booleans()):
        service["environment"] = {"TAG": "${TAG}", "DB_PASSWORD": "${DB_PASSWORD:?}"}
    key: str = draw(
        st.sampled_from(["", "", "", "privileged", "container_name", "devices", "restart"])
    )
    values = {"privileged": True, "container_name": "x", "devices": ["/dev/a"], "restart": "no"}
    if key:
        service[key] = values[key]
    return service


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    found = draw(st.dictionaries(NAMES, services(), min_size=1, max_size=5))
    for name, service in found.items():
        # One volume in two services ties them together, and their constraints may not agree.
        service["volumes"] = [v.replace("VOLUME", name) for v in service.get("volumes", [])]
        others = [other for other in found if other != name]
        if others and len(others) % 2:
            service["depends_on"] = others[:2]
    return {"services": found, "volumes": dict.fromkeys(found)}


# Each example is solved by the planner: making a failing one small would take minutes.
@settings(max_examples=25, phases=[Phase.generate])
@given(st.lists(documents(), min_size=1, max_size=3))
def test_what_is_imported_checks_and_plans(found: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        files = {f"s{n}/compose.yaml": yaml.safe_dump(doc) for n, doc in enumerate(found)}
        paths = written(directory, files)
        draft = draft_from_compose(paths, ImportOptions(directory=directory / "out"), {})
        fleet = fleet_of(draft, directory / "out")
        assert sorted(s.name for s in fleet.services) == sorted(
            name for doc in found for name in doc["services"]
        )
        plan = make_plan(fleet, time_limit=2.0)
        assert set(plan.services) >= {s.id for s in fleet.services if s.replicas}
        # Everything assumed is written down, marked, and listed.
        assumed = [w for s in fleet.services for w in s.assumed if not w.startswith("needs ")]
        assert assumed == []
        text = "\n".join(draft.files.values())
        marked = sum(line.count(f" # {kind}: ") for kind in Kind for line in text.splitlines())
        assert marked == len(draft.guesses)


def test_the_files_stay_as_they_are_and_what_they_say_counts(tmp_path: Path) -> None:
    compose = """\
        services:
          app:
            image: example/app:1
            deploy: {resources: {reservations: {memory: 128M, cpus: "0.5"}}}
            x-quorate: {class: staging, state: cache}
        """
    (path,) = written(tmp_path, {"compose.yaml": compose})
    draft = draft_from_compose([path], ImportOptions(directory=tmp_path), {})
    assert list(draft.files) == [FLEET_FILE]
    assert path.read_text() == compose
    service = fleet_of(draft, tmp_path).services[0]
    assert (service.workload_class, service.reservation_memory) == ("staging", 128 * 2**20)


def test_servers_that_are_given_are_no_placeholders(tmp_path: Path) -> None:
    paths = written(tmp_path, {"app.yaml": "services: {web: {image: 'nginx:1'}}\n"})
    servers = (
        "name=one,address=192.0.2.1,memory=8GiB,cpus=4,role=manager",
        "name=two,memory=4G,cpus=2,user=ops,port=2222,label.disk=ssd",
    )
    options = ImportOptions(directory=tmp_path, servers=servers, name="mine")
    draft = draft_from_compose(paths, options, {})
    fleet = fleet_of(draft, tmp_path)
    assert [g for g in draft.guesses if g.kind is Kind.PLACEHOLDER] == []
    two = fleet.server("two")
    assert (two.memory, two.ssh.user, two.ssh.port, two.labels) == (
        4 * 2**30, "ops", 2222, {"disk": "ssd"},
    )  # fmt: skip
    assert (two.role.value, two.address) == ("worker", "two")
    assert {(g.subject, g.key) for g in draft.guesses if g.subject == "two"} == {
        ("two", "address"), ("two", "role"),
    }  # fmt: skip


def test_override_files_belong_to_their_base(tmp_path: Path) -> None:
    base = "services: {web: {image: 'nginx:1'}}\n"
    paths = written(
        tmp_path,
        {
            "shop/compose.yaml": base,
            "shop/compose.override.yaml": "services: {web: {environment: {A: b}}}\n",
            "shop/compose.dev.yaml": "services: {web: {environment: {A: dev}}}\n",
            "shop/compose.prod.yaml": "services: {web: {environment: {A: prod}}}\n",
            "shop/prometheus.yml": "scrape_configs: []\n",
            "blog/docker-compose.yml": base,
            "docker-compose.wiki.yml": base,
            "whole.yaml": "name: all\ninclude: [part.yaml]\nservices: {x: {image: 'a:1'}}\n",
            "part.yaml": base,
        },
    )
    draft = draft_from_compose(paths, ImportOptions(directory=tmp_path), {})
    fleet = fleet_of(draft, tmp_path)
    assert {s.name: [f.name for f in s.files if "quorate" not in f.name] for s in fleet.stacks} == {
        "shop": ["compose.yaml", "compose.override.yaml", "compose.prod.yaml"],
        "blog": ["docker-compose.yml"],
        "wiki": ["docker-compose.wiki.yml"],
        "all": ["whole.yaml"],
    }
    assert fleet.service("shop/web").environment == {"A": "prod"}
    told = {Path(note.subject).name for note in draft.notes}
    assert told == {"compose.dev.yaml", "prometheus.yml", "part.yaml"}


def test_many_services_take_work_in_proportion(tmp_path: Path) -> None:
    def calls(count: int) -> int:
        document = {
            "services": {
                f"app{n}": {
                    "image": IMAGES[n % len(IMAGES)],
                    "volumes": [f"v{n}:/data"],
                    "environment": {"KEY": f"${{KEY{n % 50}}}"},
                    "depends_on": [f"app{max(0, n - 1)}"] if n else [],
                    "ports": [f"{10000 + n}:80"],
                }
                for n in range(count)
            },
            "volumes": {f"v{n}": None for n in range(count)},
        }
        (path,) = written(tmp_path, {"compose.yaml": yaml.safe_dump(document)})
        with cProfile.Profile() as profile:
            draft = draft_from_compose([path], ImportOptions(directory=tmp_path / "out"), {})
            drafts = {tmp_path / "out" / name: text for name, text in draft.files.items()}
            assert check(tmp_path / "out" / FLEET_FILE, drafts=drafts, environment={}).fleet
        return sum(entry.callcount for entry in profile.getstats())

    calls(8)  # what happens once only
    few = calls(100)
    # Calls are counted, not seconds: a busy machine has no say. Four times as many services
    # take four times as many; were it by the square, sixteen times.
    assert calls(400) < 6 * few
