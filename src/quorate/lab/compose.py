"""Stacks with `engine: compose` run in the lab as on the real server: by docker compose there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from quorate.lab import nodes
from quorate.lab.state import Lab

COMPOSE_SECONDS = 300.0
PROJECTS = "/var/lib/docker/quorate-compose"


def start_compose(lab: Lab, server: str, project: str, document: Mapping[str, Any]) -> None:
    """Start a compose document on a node with `docker compose -p PROJECT up -d`.

    Args:
        document: the merged compose document; relative paths in it start in a
            directory of the project's own on the node.

    Raises:
        LabError: the node is off, or compose failed.
    """
    _compose(lab, server, project, document, "up", "-d", "--remove-orphans", "--no-build")


def stop_compose(lab: Lab, server: str, project: str, document: Mapping[str, Any]) -> None:
    """Stop and remove a project's containers on a node; its volumes stay.

    Raises:
        LabError: the node is off, or compose failed.
    """
    _compose(lab, server, project, document, "down")


def _compose(lab: Lab, server: str, project: str, document: Mapping[str, Any], *verb: str) -> None:
    folder = f"{PROJECTS}/{project}"
    nodes.execute(lab, server, "mkdir", "-p", folder)
    nodes.execute(
        lab,
        server,
        *("docker", "compose", "-p", project, "--project-directory", folder, "-f", "-", *verb),
        input=json.dumps(document),  # JSON is YAML
        timeout=COMPOSE_SECONDS,
    )
