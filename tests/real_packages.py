"""Programs of Debian's packages for tests, unpacked and not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def programs(package: str, place: Path, *names: str) -> tuple[Path, ...]:
    """These programs as installed here, else from the package, unpacked into `place`."""
    found = [shutil.which(name) for name in names]
    if all(found):
        return tuple(Path(str(path)) for path in found)
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip(f"needs {package}, and here is no apt-get to download it with")
    done = _download(package, place)
    if done.returncode != 0:  # the lists are missing on a fresh machine
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        done = _download(package, place)
    assert done.returncode == 0, done.stderr
    (file,) = place.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(file), str(place)], check=True)
    return tuple(place / "usr/bin" / name for name in names)


def _download(package: str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "download", package], cwd=place, capture_output=True, text=True
    )
