"""The rendered files used by hand, as their README says: prepare.sh, then each stack."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from quorate.deploy.diff import Changes
from quorate.stacks.render import render
from quorate.stacks.write import write
from tests.fakes.fleets import make_fleet, make_plan, make_server
from tests.integration.stacks.comparing import compare
from tests.integration.stacks.engine import Node


def test_prepare_then_deploy(node: Node, tmp_path: Path) -> None:
    body = {"image": "example/image:1", "networks": ["edge"], "deploy": {"replicas": 0}}
    networks = {"edge": {"external": True, "name": "by-hand"}}
    fleet = make_fleet(
        {
            "first": {"services": {"a": body}, "networks": networks},
            "second": {"services": {"b": body}, "networks": networks},
        },
        servers=[make_server("alpha", labels={"room": "it's $HOME"}, zone="one")],
    )
    rendered = render(fleet, make_plan(fleet))
    write(rendered, tmp_path)
    environment = {**os.environ, "DOCKER_HOST": f"unix://{node.socket}"}
    for _ in range(2):  # twice: it must not mind what is there
        done = subprocess.run(
            ["sh", str(tmp_path / "prepare.sh")], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    snapshot = node.observe()
    assert snapshot.nodes[0].labels == rendered.labels["alpha"]
    assert snapshot.networks["by-hand"]["encrypted"]
    try:
        for stack in rendered.stacks:
            node.docker("stack", "deploy", "-c", str(tmp_path / f"{stack.name}.yml"), stack.name)
        assert compare(node, rendered.stacks) == Changes()
    finally:
        for stack in rendered.stacks:
            node.remove(stack.name)
