"""Hand stack files to the engine: `docker stack deploy`, run on a manager over ssh.

It runs there and not here so that its version is the engine's, and the
document goes in on standard input, so nothing is left behind on the server.
JSON is what is sent: every YAML parser reads it alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quorate.errors import CommandError
from quorate.tools import clock, ssh

DEPLOY_TIMEOUT_SECONDS = 180.0
REMOVE_SECONDS = 60.0
REMOVE_POLL_SECONDS = 0.5
IN_USE = "is in use by task"  # SwarmKit, manager/controlapi/network.go


def deploy_stack(
    manager: ssh.Target,
    name: str,
    document: Mapping[str, Any],
    *,
    prune: bool = False,
    config: str | None = None,
) -> str:
    """Create or update a stack's services; returns what docker printed.

    With `prune`, services of the stack that the document does not name are
    removed. `config` is a directory on the manager with a docker client
    configuration: the registries' credentials, which the services take along.

    Raises:
        UnreachableError: the manager does not answer.
        CommandError: docker refused the document; its words are the cause.
    """
    argv = ["docker", *(["--config", config] if config else [])]
    argv += ["stack", "deploy", "--with-registry-auth", "--resolve-image", "never"]
    if prune:
        argv.append("--prune")
    result = ssh.run(
        manager,
        [*argv, "-c", "-", name],
        input=json.dumps(document),
        timeout=DEPLOY_TIMEOUT_SECONDS,
    )
    return result.stdout


NO_SERVICE = ("no such service", "not found")


def spread_service(manager: ssh.Target, name: str, *, per_node: int) -> None:
    """Start a service's tasks anew, one after another, at most `per_node` on a node.

    The old task stops first: started first, its replacement would find its own
    place still taken by it, and wait for ever.

    Raises:
        UnreachableError, CommandError: as `deploy_stack`.
    """
    argv = ["docker", "service", "update", "--detach", "--force"]
    argv += ["--update-order", "stop-first", "--update-parallelism", "1"]
    argv += ["--replicas-max-per-node", str(per_node), name]
    ssh.run(manager, argv, timeout=DEPLOY_TIMEOUT_SECONDS)


def restart_service(manager: ssh.Target, name: str) -> None:
    """Start a service's tasks anew, as its own settings for updates say; does not wait.

    Raises:
        UnreachableError, CommandError: as `deploy_stack`.
    """
    argv = ["docker", "service", "update", "--detach", "--force", name]
    ssh.run(manager, argv, timeout=DEPLOY_TIMEOUT_SECONDS)


def remove_stack(manager: ssh.Target, name: str) -> str:
    """Remove a stack's services, and the networks it made; volumes stay.

    docker asks for the services and at once for the networks, and the swarm refuses a
    network while a task of a removed service is still on it: what is left is asked for
    again, for as long as tasks are given to stop.

    Raises:
        UnreachableError, CommandError: as `deploy_stack`; the network is still in use.
    """
    argv = ["docker", "stack", "rm", name]
    deadline = clock.monotonic() + REMOVE_SECONDS
    while True:
        try:
            return ssh.run(manager, argv, timeout=DEPLOY_TIMEOUT_SECONDS).stdout
        except CommandError as refusal:
            if IN_USE not in (refusal.cause or "") or clock.monotonic() > deadline:
                raise
        clock.sleep(REMOVE_POLL_SECONDS)


def remove_left(manager: ssh.Target, names: Sequence[str], *, stack: str | None) -> None:
    """Remove services; the whole stack, with its networks, where one is named. Safe to repeat.

    Raises:
        UnreachableError, CommandError: as `deploy_stack`.
    """
    if stack is not None:
        remove_stack(manager, stack)
        return
    argv = ["docker", "service", "rm", *names]
    done = ssh.run(manager, argv, timeout=DEPLOY_TIMEOUT_SECONDS, check=False)
    said = [line for line in done.stderr.splitlines() if line]
    gone = said and all(any(words in line.lower() for words in NO_SERVICE) for line in said)
    if not done.ok and not gone:
        raise CommandError(
            f"services could not be removed: {', '.join(names)}",
            cause="\n".join(said[-3:]) or None,
        )


def only_services(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The document with only these services (compose names), its other sections whole."""
    keep = set(names)
    services = document.get("services") or {}
    chosen = {name: body for name, body in services.items() if name in keep}
    return {**document, "services": chosen}
