"""Rules about the tree itself that no linter knows.

No code file over 500 lines, and neither a package registry's host nor a path of
the machine it was written on in any file. Which hosts and paths those are is
read from the machine at run time. Run as `python -m scripts.check_tree`; exit
code 1 when there is a finding.

The environment variable TREE_FORBIDDEN names more texts, separated by commas.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 500
CODE = (".py", ".sh")
HOST = re.compile(r"https?://(?:[^/@\s]*@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
APT_FILES = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")


def tracked(root: Path) -> list[Path]:
    """The files git knows, those deleted but not committed left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True
    )
    paths = (root / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def hosts_in(text: str) -> set[str]:
    """The hosts of the URLs in `text`."""
    return {host.lower() for host in HOST.findall(text)}


def registry_hosts() -> set[str]:
    """Hosts that this machine's apt and pip take packages from."""
    found: set[str] = set()
    for pattern in APT_FILES:
        for path in Path("/etc/apt").glob(pattern):
            found |= hosts_in(path.read_text(errors="replace"))
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, check=False, text=True
    )
    return found | hosts_in(configured.stdout) | pip_defaults()


def pip_defaults() -> set[str]:
    """The hosts pip uses when nothing is configured, from pip itself."""
    try:
        index = import_module("pip._internal.models.index").PyPI
    except ImportError:
        return set()
    return {index.netloc, index.file_storage_domain}


def forbidden_texts() -> set[str]:
    """What must appear in no file: registry hosts and paths of this machine."""
    texts = registry_hosts() | set(filter(None, os.environ.get("TREE_FORBIDDEN", "").split(",")))
    # A path of one component (/src, /root) is too common to mean this machine.
    for path in (ROOT, Path.home()):
        if len(path.parts) > 2:
            texts.add(str(path))
    return texts


def too_long(path: Path, text: str) -> Iterator[str]:
    """Findings about the length of a code file."""
    lines = text.count("\n")
    if path.suffix in CODE and lines > MAX_LINES:
        yield f"{lines} lines, at most {MAX_LINES}: take it apart"


def named(text: str, texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Line number and forbidden text, for each forbidden text found."""
    whole = re.compile(
        r"(?<![\w.-])(" + "|".join(re.escape(item) for item in sorted(texts)) + r")(?![\w-])"
    )
    for number, line in enumerate(text.splitlines(), start=1):
        for match in whole.finditer(line):
            yield number, match.group()


def findings(paths: Iterable[Path], texts: set[str]) -> Iterator[str]:
    """Every finding, printable."""
    for path in paths:
        text = path.read_bytes().decode(errors="replace")
        where = path.relative_to(ROOT)
        for said in too_long(path, text):
            yield f"{where}: {said}"
        if texts:
            for number, item in named(text, texts):
                yield f"{where}:{number}: names {item}, a registry host or a path of this machine"


def main() -> int:
    """Print the findings; 1 when there are any."""
    found = list(findings(tracked(ROOT), forbidden_texts()))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
