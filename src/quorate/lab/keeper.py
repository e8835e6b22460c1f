"""The keeper of a drill's lease: a container beside the lab's nodes that undoes a fault in time.

A frozen or dead node cannot undo itself, and the program that made the fault may be killed.
The keeper needs neither: it holds what undoes the fault from before it begins, and does it
when the lease ends. Doing it twice changes nothing.
"""

from __future__ import annotations

import json

from quorate.errors import LabError, LockedError
from quorate.lab.node_options import LABEL_LAB
from quorate.lab.state import Lab
from quorate.tools import docker

LABEL_DRILL = "quorate.drill"
UNDO_SECONDS = 150.0

# Undone even where the first tries fail, a node being halfway up, say.
PROGRAM = """\
docker() { command docker -H unix:///run/engine.sock "$@"; }
export -f docker
case "$1" in
hold)
    sleep "$LEASE"
    for _ in $(seq 60); do
        bash -euc "$UNDO" && exit 0
        sleep 2
    done
    exit 1 ;;
undo)
    bash -euc "$UNDO" ;;
esac
"""


def container(lab: Lab) -> str:
    """The keeper's name: one for a lab, so that there is one drill at a time."""
    return f"quorate.{lab.name}.keeper"


def arm(lab: Lab, *, drill: str, undo: str, lease: float) -> None:
    """Start the keeper of a fault that is about to begin.

    Args:
        drill: its name, for those who find the keeper.
        undo: shell commands that undo the fault; `docker` in them is the lab's engine.
        lease: seconds until they are run.

    Raises:
        LockedError: another drill's keeper is there. LabError: it does not start.
    """
    mine = container(lab)
    if (other := holder(lab)) is not None:
        raise LockedError(
            f"the drill {other} is under way in the lab {lab.name}",
            cause="its keeper is there, and undoes the fault when its lease ends",
            todo="wait, or end it: `quorate drill stop`",
        )
    done = docker.cli(
        lab.engine_socket,
        *("run", "-d", "--rm", "--name", mine, "--network", "none"),
        *("--label", f"{LABEL_LAB}={lab.name}", "--label", f"{LABEL_DRILL}={drill}"),
        *("--security-opt", "label=disable", "-v", f"{lab.engine_socket}:/run/engine.sock"),
        *("-e", f"LEASE={lease:g}", "-e", f"UNDO={undo}", "--entrypoint", "/bin/bash"),
        *(lab.node_image, "-c", PROGRAM, "keeper", "hold"),
        check=False,
    )
    if not done.ok:
        raise LabError(
            "the keeper, which undoes the fault whatever happens, does not start",
            cause=done.stderr.strip() or None,
            todo="nothing was broken; run `quorate lab up` and try again",
        )


def holder(lab: Lab) -> str | None:
    """The drill whose lease runs; None when there is no keeper."""
    found = docker.cli(
        lab.engine_socket, "inspect", "--format", "{{json .Config.Labels}}", container(lab),
        check=False,
    )  # fmt: skip
    return str(json.loads(found.stdout).get(LABEL_DRILL, "")) if found.ok else None


def undo(lab: Lab) -> bool:
    """Undo the fault now and let the keeper go; False when there was none.

    Raises:
        LabError: it could not be undone; the keeper stays, and tries when its lease ends.
    """
    mine = container(lab)
    if holder(lab) is None:
        return False
    done = docker.cli(
        lab.engine_socket, "exec", mine, "/bin/bash", "-c", PROGRAM, "keeper", "undo",
        timeout=UNDO_SECONDS, check=False,
    )  # fmt: skip
    if not done.ok and holder(lab) is not None:
        raise LabError(
            "the fault could not be undone",
            cause=done.stderr.strip() or done.stdout.strip() or None,
            todo="the keeper tries again when its lease ends; `quorate lab up` mends the lab",
        )
    docker.cli(lab.engine_socket, "rm", "-f", mine, check=False)
    return True
