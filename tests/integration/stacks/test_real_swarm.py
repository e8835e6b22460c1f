"""Rendered stacks on a real swarm: docker takes them, the comparison agrees with the engine.

Every docker program on this machine is tried: stack files must be good for old
and new ones.
"""

from __future__ import annotations

import copy
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from quorate.deploy.desired import desired_stack
from quorate.deploy.diff import Changes
from quorate.deploy.spec import Spec
from quorate.stacks.model import Rendered, RenderedStack
from quorate.stacks.render import render, version
from quorate.stacks.secrets import bind
from quorate.stacks.write import write
from tests.integration.stacks.comparing import Document, compare, set_at
from tests.integration.stacks.engine import Node, wait_for
from tests.unit.stacks.cases import load, rich
from tests.unit.stacks.test_render import render_one

STACKS = ("shop", "tools")


def docker_programs() -> list[str]:
    """Every different docker program on the PATH."""
    found = {}
    for directory in os.environ["PATH"].split(os.pathsep):
        program = shutil.which("docker", path=directory)
        if program:
            found[Path(program).resolve()] = program
    return sorted(found.values())


@pytest.fixture(scope="module")
def rendered(node: Node) -> Iterator[Rendered]:
    """The rich stacks, bound to secrets and configs that exist in the swarm."""
    plain = render(*rich())
    secrets = {name: f"{name}-v1" for name in plain.secrets}
    configs = {name: f"{name}-v1" for name in plain.configs}
    for name in secrets.values():
        node.docker("secret", "create", name, "-", data="x")
    for name in configs.values():
        node.docker("config", "create", name, "-", data="x")
    for name, options in plain.networks.items():
        given = [f"--opt={key}={value}" for key, value in options.items()]
        node.docker("network", "create", "--driver=overlay", "--attachable", *given, name)
    stacks = tuple(
        stack.model_copy(update={"document": bind(stack.document, secrets, configs)})
        for stack in plain.stacks
    )
    # Nothing need run here: the services wait for a node that is not drained.
    node.docker("node", "update", "--availability", "drain", "alpha")
    yield plain.model_copy(update={"stacks": stacks})
    for name in STACKS:
        node.remove(name)
    node.docker("node", "update", "--availability", "active", "alpha")


@pytest.mark.parametrize("program", docker_programs())
def test_every_docker_takes_the_stacks_and_nothing_differs(
    node: Node, rendered: Rendered, program: str, tmp_path: Path
) -> None:
    write(rendered, tmp_path)
    for stack in rendered.stacks:
        options = ["--resolve-image=never", "-c", str(tmp_path / f"{stack.name}.yml")]
        node.docker("stack", "deploy", *options, stack.name, program=program)
    assert compare(node, rendered.stacks) == Changes()


EDITS: Mapping[str, tuple[str, Callable[[Document], None]]] = {
    "image": ("image", set_at("image", "example/other:1")),
    "command": ("command", set_at("command", ["a", "$$b"])),
    "entrypoint": ("entrypoint", set_at("entrypoint", ["/other"])),
    "environment": ("environment.DOLLAR", set_at("environment", "DOLLAR", "$$")),
    "label": ("labels.owner", set_at("deploy", "labels", "owner", "other")),
    "container label": ("container_labels.tier", set_at("labels", "tier", "back")),
    "hostname": ("hostname", set_at("hostname", "other")),
    "user": ("user", set_at("user", "7")),
    "working directory": ("working_dir", set_at("working_dir", "/other")),
    "init": ("init", set_at("init", False)),
    "read-only": ("read_only", set_at("read_only", False)),
    "terminal": ("tty", set_at("tty", True)),
    "standard input": ("stdin_open", set_at("stdin_open", True)),
    "stop signal": ("stop_signal", set_at("stop_signal", "SIGINT")),
    "grace": ("stop_grace_period", set_at("stop_grace_period", "1m30s")),
    "health test": ("healthcheck.test", set_at("healthcheck", "test", ["CMD", "x"])),
    "health interval": ("healthcheck.interval", set_at("healthcheck", "interval", "11s")),
    "health retries": ("healthcheck.retries", set_at("healthcheck", "retries", 9)),
    "health start": ("healthcheck.start_period", set_at("healthcheck", "start_period", "90s")),
    "mount": ("mounts./run.size", lambda b: b["volumes"][0]["tmpfs"].update(size=1048576)),
    "new volume": (
        "mounts./data",
        lambda b: b["volumes"].append({"type": "volume", "source": "data", "target": "/data"}),
    ),
    "alias": (
        "networks.public.aliases",
        lambda b: b["networks"].update(front={"aliases": ["new"]}),
    ),
    "network": ("networks.shop_back", lambda b: b["networks"].pop("back")),
    "port": ("ports", lambda b: b["ports"][0].update(published=8444)),
    "port mode": ("ports", lambda b: b["ports"][0].update(mode="host")),
    "secret mode": ("secrets.smtp.mode", lambda b: b["secrets"][1].update(mode=0o400)),
    "secret target": ("secrets.other", lambda b: b["secrets"][1].update(target="other")),
    "config owner": ("configs./srv/page.html.uid", lambda b: b["configs"][0].update(uid="9")),
    "hosts": ("extra_hosts", set_at("extra_hosts", ["other:192.0.2.8"])),
    "resolver": ("dns", set_at("dns", ["192.0.2.54"])),
    "search": ("dns_search", set_at("dns_search", ["other.test"])),
    "capability": ("cap_add", set_at("cap_add", ["SYS_TIME"])),
    "capability dropped": ("cap_drop", set_at("cap_drop", ["ALL"])),
    "sysctl": ("sysctls.net.core.somaxconn", set_at("sysctls", "net.core.somaxconn", "7")),
    "ulimit": ("ulimits.nproc.soft", set_at("ulimits", "nproc", {"soft": 7, "hard": 512})),
    "log": ("logging.options.max-size", set_at("logging", "options", "max-size", "6m")),
    "log driver": ("logging.driver", set_at("logging", "driver", "local")),
    "replicas": ("replicas", set_at("deploy", "replicas", 5)),
    "constraint": (
        "placement.constraints",
        set_at("deploy", "placement", "constraints", ["node.hostname==beta"]),
    ),
    "preference": ("placement.preferences", set_at("deploy", "placement", "preferences", [])),
    "copies": (
        "placement.max_replicas_per_node",
        set_at("deploy", "placement", "max_replicas_per_node", 9),
    ),
    "limit": ("resources.limits.cpus", set_at("deploy", "resources", "limits", "cpus", "1.25")),
    "reservation": (
        "resources.reservations.memory",
        set_at("deploy", "resources", "reservations", "memory", "130M"),
    ),
    "restart condition": (
        "restart_policy.condition",
        set_at("deploy", "restart_policy", "condition", "none"),
    ),
    "restart delay": (
        "restart_policy.delay",
        set_at("deploy", "restart_policy", "delay", "1500ms"),
    ),
    "attempts": (
        "restart_policy.max_attempts",
        set_at("deploy", "restart_policy", "max_attempts", 4),
    ),
    "update order": (
        "update_config.order",
        set_at("deploy", "update_config", "order", "stop-first"),
    ),
    "update all at once": (
        "update_config.parallelism",
        set_at("deploy", "update_config", "parallelism", 0),
    ),
    "failure ratio": (
        "update_config.max_failure_ratio",
        set_at("deploy", "update_config", "max_failure_ratio", 0.25),
    ),
    "rollback monitor": (
        "rollback_config.monitor",
        set_at("deploy", "rollback_config", "monitor", "53s"),
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_one_edit_shows_alone_and_is_gone_once_deployed(
    node: Node, rendered: Rendered, edit: str
) -> None:
    path, change = EDITS[edit]
    shop = rendered.stacks[0]
    if compare(node, (shop,)):
        node.deploy("shop", shop.document)
    document = copy.deepcopy(shop.document)
    change(document["services"]["web"])
    edited = shop.model_copy(update={"document": document})
    found = compare(node, (edited,))
    assert [service.name for service in found.changed] == ["shop_web"]
    names = [field.name for field in found.changed[0].fields]
    assert any(name == path or name.startswith(path) for name in names), names
    assert len(names) == (2 if edit == "secret target" else 1), names
    node.deploy("shop", document)
    assert compare(node, (edited,)) == Changes()


def test_a_service_unknown_to_the_engine_is_new(node: Node) -> None:
    stack = RenderedStack(
        name="absent", document={"version": "3.8", "services": {"x": {"image": "example/x:1"}}}
    )
    wanted: dict[str, Spec] = desired_stack(stack)
    assert compare(node, (stack,)).added == tuple(wanted)


def all_cases(program: tuple[int, ...]) -> dict[str, Document]:
    """The services of the table of cases, in one document per version of the stack file.

    A case for newer engines only is left out when the docker program is older.
    """
    documents: dict[str, Document] = {}
    published = itertools.count(10000)
    for number, case in enumerate(load("services.yaml")):
        if version(case.get("swarm", {}).get("minimum_engine", "0")) > program:
            continue
        found = render_one(case).stacks[0].document
        body = copy.deepcopy(found["services"]["it"])
        for port in body.get("ports", ()):
            port["published"] = next(published)
        document = documents.setdefault(found["version"], {"version": found["version"]})
        document.setdefault("services", {})[f"case-{number}"] = body
        for section in ("networks", "volumes"):
            document.setdefault(section, {}).update(found.get(section, {}))
    return documents


def client_version(program: str) -> tuple[int, ...]:
    """The version of a docker program (not of the engine it talks to)."""
    words = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return version(words.split()[2])


@pytest.mark.parametrize("program", docker_programs())
def test_every_case_is_taken_and_nothing_differs(
    node: Node, rendered: Rendered, program: str
) -> None:
    for number, document in all_cases(client_version(program)).items():
        stack = RenderedStack(name="cases", document=document)
        try:
            node.deploy(stack.name, document, program=program)
            if number != "3.12":  # this engine may drop what it does not know
                assert compare(node, (stack,)) == Changes()
        finally:
            node.remove(stack.name)
            wait_for(lambda: "cases_default" not in node.observe().networks, 30)
