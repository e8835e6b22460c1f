"""What the lab needs from this machine: its Debian packages, its mirror, its memory.

The mirror and the way to it are read from the machine's apt configuration; the
lab never brings an address of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from quorate.errors import LabError
from quorate.lab.progress import Progress
from quorate.tools import command

# Only these settings of the machine's apt concern how a download gets here.
APT_SETTINGS = (
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::Check-",
    "Acquire::Retries",
    "Acquire::ForceIPv",
)
INSTALL_SECONDS = 600.0


def is_root() -> bool:
    """Whether this process may install packages and start an engine."""
    return os.geteuid() == 0


def processors() -> int:
    """CPU threads this process may use."""
    return len(os.sched_getaffinity(0))


def memory() -> int:
    """The machine's memory in bytes."""
    return meminfo_bytes(Path("/proc/meminfo").read_text())


def meminfo_bytes(text: str, key: str = "MemTotal") -> int:
    """A figure of /proc/meminfo (which counts in KiB) in bytes; 0 when it is not there."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    return 0


def has_program(name: str) -> bool:
    """Whether a program is installed, system directories included."""
    return bool(shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin"))


def install(needed: Mapping[str, Sequence[str]], *, progress: Progress) -> None:
    """Install the packages of what is missing.

    Args:
        needed: program (or full path of a file) → the Debian packages it may come
            in, depending on the release; the first that apt knows is taken.

    Raises:
        LabError: something is missing and this is not root on a machine with apt.
        CommandError: the installation failed.
    """
    missing = [names for what, names in needed.items() if not _present(what)]
    if not missing:
        return
    shown = " ".join(dict.fromkeys(names[-1] for names in missing))
    if not is_root() or not has_program("apt-get"):
        raise LabError(
            f"the lab needs these packages: {shown}",
            cause="they are not installed, and only root on Debian or Ubuntu can install them here",
            todo=f"install {shown}, or run this once as root",
        )
    progress.note(f"installing {shown} (apt-get)")
    # The lists are missing on a fresh machine, or older than the mirror.
    if not _apt_install(missing):
        command.run(["apt-get", "update", "-q"], timeout=INSTALL_SECONDS)
        if not _apt_install(missing):
            raise LabError(
                f"apt-get cannot install {shown}",
                todo=f"run `apt-get install {shown}` and see what it says",
            )


def _present(what: str) -> bool:
    return Path(what).exists() if what.startswith("/") else has_program(what)


def _apt_install(missing: Sequence[Sequence[str]]) -> bool:
    """Install the first package apt knows of each list; False when that does not work."""
    chosen = []
    for names in missing:
        known = [name for name in names if command.run(["apt-cache", "show", name], check=False).ok]
        if not known:
            return False
        chosen.append(known[0])
    return command.run(
        [*("apt-get", "install", "-y", "-q", "--no-install-recommends"), *dict.fromkeys(chosen)],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=INSTALL_SECONDS,
        check=False,
    ).ok


def debian_mirror() -> str | None:
    """The address of the Debian mirror this machine's apt uses; None when it uses none."""
    if not has_program("apt-get"):
        return None
    targets = command.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(COMPONENT)", "Identifier: Packages"],
        check=False,
    )
    return choose_mirror(targets.stdout)


def choose_mirror(targets: str) -> str | None:
    """The first archive among apt's index targets (`address|component` a line).

    A Debian archive's address ends in `/debian`; security updates and other
    people's repositories live elsewhere.
    """
    for line in targets.splitlines():
        address, _, component = line.partition("|")
        address = address.rstrip("/")
        if (
            component == "main"
            and address.startswith(("http://", "https://"))
            and address.endswith("/debian")
        ):
            return address
    return None


def apt_settings() -> str:
    """The machine's apt settings on how to download (proxies, dates), as a configuration file."""
    if not has_program("apt-config"):
        return ""
    return choose_settings(command.run(["apt-config", "dump"], check=False).stdout)


def choose_settings(dump: str) -> str:
    """The lines of `apt-config dump` that concern downloads."""
    lines = [line for line in dump.splitlines() if line.startswith(APT_SETTINGS)]
    return "".join(f"{line}\n" for line in lines)


def certificate_bundle() -> Path | None:
    """The file with the certificate authorities this machine trusts."""
    named = os.environ.get("SSL_CERT_FILE")
    places = ([named] if named else []) + [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ]
    return next((Path(place) for place in places if Path(place).is_file()), None)
