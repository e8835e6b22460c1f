"""The office's figures: the sums of the source document, every estimate marked and listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

OFFICE = Path(__file__).parents[3] / "examples" / "office"
UNITS = {"K": 1 / 1024**2, "M": 1 / 1024, "G": 1.0}

# Where the document puts each stack ("Updated Distribution"), and the exceptions.
DOCUMENT_HOMES = {
    "core": "gmktec",
    "appwrite": "gmktec",
    "data": "hppavilion",
    "ci": "hppavilion",
    "mailcow": "hppavilion",
    "monitoring": "wsasus",
    "staging": "hpr",
}
DOCUMENT_EXCEPTIONS = {
    "ws-gateway": ("gmktec", "hppavilion", "wsasus"),
    "backup-metrics": ("hppavilion",),
}


def load(name: str) -> Any:
    return YAML(typ="safe").load(OFFICE / name)


FLEET = load("fleet.yaml")
STACKS = {name: load(stack["files"][0]) for name, stack in FLEET["stacks"].items()}


def services() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, document in STACKS.items():
        for name, service in document["services"].items():
            yield stack, name, service


def gib(size: object) -> float:
    match = re.fullmatch(r"([\d.]+)([KMG])", str(size))
    assert match, size
    number, unit = match.groups()
    return float(number) * UNITS[unit]


def homes(stack: str, name: str, service: dict[str, Any]) -> tuple[str, ...]:
    if service.get("deploy", {}).get("mode") == "global":
        return tuple(FLEET["servers"])
    return DOCUMENT_EXCEPTIONS.get(name, (DOCUMENT_HOMES[stack],))


@pytest.mark.parametrize(
    ("server", "memory_gb", "cpu_percent"),
    [("gmktec", 15, 30), ("hppavilion", 19, 40), ("wsasus", 8, 25), ("hpr", 5, 30)],
)
def test_totals_are_the_documents(server: str, memory_gb: float, cpu_percent: float) -> None:
    """'Revised Distribution with GitLab on Server 80', within 5 % and 2 points."""
    machine = FLEET["servers"][server]
    memory = sum(gib(item["memory"]) for item in machine["reserved"] if "memory" in item)
    cpu = sum(item.get("cpus", 0.0) for item in machine["reserved"])
    for stack, name, service in services():
        if server in homes(stack, name, service):
            memory += gib(service["x-quorate"]["load"]["memory"])
            cpu += service["x-quorate"]["load"]["cpu"]
    assert memory == pytest.approx(memory_gb, rel=0.05)
    assert 100 * cpu / (machine["cpus"] * machine["speed"]) == pytest.approx(cpu_percent, abs=2)


def test_the_documents_lists_and_what_was_added() -> None:
    count = {stack: len(document["services"]) for stack, document in STACKS.items()}
    assert count == {
        "core": 12,
        "appwrite": 1 + 21 + 2,
        "data": 4,
        "ci": 2,
        "monitoring": 8,
        "staging": 5,
        "mailcow": 18,
    }
    tasks = 0
    for stack, _, service in services():
        deploy = service.get("deploy", {})
        replicas = 4 if deploy.get("mode") == "global" else deploy.get("replicas", 1)
        tasks += 0 if stack == "mailcow" else replicas
    assert tasks == 70
    sources = (OFFICE / "SOURCES.md").read_text(encoding="utf-8")
    assert "**73 services**" in sources
    assert "**70 tasks and 18 compose containers: 88**" in sources


def test_gitlab_is_the_documents() -> None:
    gitlab = STACKS["ci"]["services"]["gitlab"]
    assert gitlab["image"] == "gitlab/gitlab-ce:18.4.1-ce.0"
    assert gitlab["deploy"]["resources"] == {
        "limits": {"memory": "8G", "cpus": "4"},
        "reservations": {"memory": "4G", "cpus": "2"},
    }
    load = gitlab["x-quorate"]["load"]
    assert (load["memory"], load["memory_peak"]) == ("7G", "11G")
    assert (load["cpu"], load["cpu_peak"], load["spiky"]) == (2, 6, True)


def test_every_service_has_its_row_in_the_sources() -> None:
    sources = (OFFICE / "SOURCES.md").read_text(encoding="utf-8")
    for stack, name, service in services():
        load = service["x-quorate"]["load"]
        row = (
            f"| {stack} | {name} | {load['memory']} / {load['memory_peak']} "
            f"| {load['cpu']} / {load['cpu_peak']} |"
        )
        assert row in sources


def test_every_figure_of_ours_is_marked() -> None:
    """A line with a load, a limit, a reservation or a data size says `estimate`."""
    documented = {
        ("ci.yaml", 'limits: {memory: 8G, cpus: "4"}'),
        ("ci.yaml", 'reservations: {memory: 4G, cpus: "2"}'),
    }
    figure = re.compile(r"^(load|limits|reservations|data_size|x-quorate): ?.*\d")
    unmarked = []
    for path in sorted(OFFICE.glob("*.yaml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            ours = figure.match(text) and (path.name, text) not in documented
            if ours and "estimate" not in text:
                unmarked.append(f"{path.name}:{number}: {text}")
    assert unmarked == []


def test_only_documentation_addresses_and_names() -> None:
    """Nobody's real address, domain or mailbox is in the example."""
    for path in sorted(OFFICE.rglob("*")):
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        for address in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text):
            allowed = address.startswith(("192.0.2.", "127.0.0.1", "0.0.0.0", "172.22.1."))
            assert allowed, f"{path.name}: {address}"
        for mailbox in re.findall(r"[\w.]+@[\w.$]+", text):
            # `ops@192.0.2.…`, `root@…`: where ssh goes, in the runbook.
            assert mailbox.startswith(("ops@$", "ops@192.0.2.", "root@192.0.2.")), (
                f"{path.name}: {mailbox}"
            )


def test_every_secret_used_has_a_source_and_none_is_here() -> None:
    used = {name for document in STACKS.values() for name in document.get("secrets", {})}
    assert used == set(FLEET["secrets"])
    for name, source in FLEET["secrets"].items():
        assert source == {"command": ["sh", "demo-secret.sh", name]}


def test_every_file_that_is_named_exists() -> None:
    for document in STACKS.values():
        for config in document.get("configs", {}).values():
            assert (OFFICE / config["file"]).is_file()


def test_nothing_gives_up_restarting() -> None:
    for _, name, service in services():
        policy = service.get("deploy", {}).get("restart_policy", {})
        assert "max_attempts" not in policy, name
