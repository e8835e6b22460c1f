"""A server's own settings: /etc, its packages, engine and Swarm, systemd's units, crontabs.

Read from the server's file system, mounted read-only; nothing of the server is run. Its list of
packages is made from dpkg's own status file, in the form that `dpkg --set-selections` takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, copied
from quorate.errors import MachineError

PATHS = (
    "etc",  # apt's sources, docker/daemon.json, systemd/, cron.d/, ssh/ among it
    "root/.ssh",
    "usr/local/etc",
    "usr/local/lib/systemd",
    "usr/local/bin",
    "usr/local/sbin",
    "usr/lib/systemd/system-preset",
    "var/spool/cron",
    "var/lib/dpkg/status",
    "var/lib/dpkg/diversions",
    "var/lib/dpkg/statoverride",
    "var/lib/apt/extended_states",
    "var/lib/systemd/linger",
    "var/lib/docker/swarm/docker-state.json",
    "var/lib/docker/swarm/state.json",
)
"""Of Swarm only where it is and whom it knows: its keys and its log are not here."""

STATUS, STATES = "var/lib/dpkg/status", "var/lib/apt/extended_states"
SELECTIONS, BY_HAND, NOTES = "packages/selections", "packages/manual", "RESTORE.txt"
RESTORE = """\
This is a server's own configuration, as it was when it was backed up. To make a new server like it:

  1. Install the same release of the same distribution ({system}).
  2. Put `tree/etc/apt` in its place, then:
         apt-get update
         xargs -a packages/manual apt-get install --yes
     (packages/selections is the whole list, for `dpkg --set-selections`.)
  3. Copy from `tree/etc` what is needed, never all of it: fstab, machine-id, network settings and
     the host keys in ssh/ are those of the former machine.
  4. `systemctl daemon-reload`, enable the units in tree/etc/systemd/system, restart docker.
  5. `quorate up` lets it join the swarm. Its former keys are not here, and not needed.
"""


@dataclass(frozen=True, kw_only=True)
class System:
    """A server as a source: `root` is where its file system is mounted."""

    root: Path
    kind: Kind = field(default=Kind.SYSTEM, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Copy its settings, and list its packages; see `base.DumpedSource`.

        Raises:
            MachineError: it is not mounted, or its /etc cannot be read.
        """
        if not (self.root / "etc").is_dir():
            raise MachineError(
                f"there is no /etc in {self.root}",
                cause="the server's file system is not mounted there",
                todo="see what the job is given",
            )
        with base.filling(spool):
            tree = spool / copied.TREE
            tree.mkdir(mode=0o700)
            copying = copied.Copying(into=tree)
            for name in PATHS:
                copying.bring(self.root, name)
            system = _release(self.root)
            self._packages(copying)
            copying.write(NOTES, RESTORE.format(system=system).encode())
            return copied.published(spool, self.kind, system, copying.lost)

    def _packages(self, copying: copied.Copying) -> None:
        status = copying.into / STATUS
        if not status.is_file():
            copying.lost.append("the list of packages is not in the copy: it is no Debian system")
            return
        selected = tuple(selections(status.read_text(errors="replace")))
        lines = "".join(f"{name}\t{wish}\n" for name, wish in selected)
        copying.write(SELECTIONS, lines.encode())
        states = copying.into / STATES
        automatic = automatically(states.read_text(errors="replace")) if states.is_file() else set()
        wanted = [name for name, wish in selected if wish in ("install", "hold")]
        by_hand = "".join(f"{name}\n" for name in wanted if _bare(name) not in automatic)
        copying.write(BY_HAND, by_hand.encode())

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Read it again; see `base.DumpedSource`."""
        return copied.looked_at(directory)


def selections(status: str) -> Iterator[tuple[str, str]]:
    """Packages and what is wished of them, as `dpkg --get-selections` prints them. Pure.

    dpkg names the architecture of packages that may be there for several at once, and leaves
    out those of which nothing is left.
    """
    for entry in _entries(status):
        wish, _, state = [*entry.get("Status", "").split(" "), "", ""][:3]
        if not entry.get("Package") or state in ("", "not-installed"):
            continue
        several = entry.get("Multi-Arch") == "same"
        name = entry["Package"] + (f":{entry['Architecture']}" if several else "")
        yield name, wish


def automatically(states: str) -> set[str]:
    """Packages that are there only because others need them, by apt's own list. Pure."""
    return {
        entry["Package"]
        for entry in _entries(states)
        if entry.get("Auto-Installed") == "1" and "Package" in entry
    }


def _entries(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a file of Debian's, by field; of fields with several lines the first."""
    for paragraph in re.split(r"\n\s*\n", text):
        pairs = (line.partition(":") for line in paragraph.splitlines() if line[:1].strip())
        entry = {name: value.strip() for name, _, value in pairs}
        if entry:
            yield entry


def _bare(name: str) -> str:
    return name.partition(":")[0]


def _release(root: Path) -> str:
    """What the system calls itself, `Debian GNU/Linux 12 (bookworm)`."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        path = root / name
        if path.is_file():
            found = re.search(r'^PRETTY_NAME="?([^"\n]*)', path.read_text(errors="replace"), re.M)
            return found[1] if found else ""
    return ""
