"""Servers asked for their hardware over ssh, all at once."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.errors import QuorateError
from quorate.fleet.imports.hardware import Hardware, read_hardware
from quorate.observe.hardware_script import SCRIPT
from quorate.observe.inventory import Progress
from quorate.tools import parallel, ssh

SCRIPT_SECONDS = 60.0


def inspect(
    targets: Sequence[ssh.Target], progress: Progress
) -> tuple[dict[str, Hardware], dict[str, QuorateError]]:
    """The hardware of each server by the target's name, and why others did not answer."""
    found: dict[str, Hardware] = {}
    failed: dict[str, QuorateError] = {}
    done: list[str] = []

    def one(target: ssh.Target) -> None:
        try:
            said = ssh.run(target, ["sh", "-s"], input=SCRIPT, timeout=SCRIPT_SECONDS, check=False)
            found[target.name] = read_hardware(said.stdout)
        except QuorateError as error:
            failed[target.name] = error
        done.append(target.name)
        progress.progress(len(done), len(targets), target.name)

    parallel.run(one, targets)
    return found, failed
