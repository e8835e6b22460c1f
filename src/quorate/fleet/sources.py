"""Files that were read: each once, remembered for the digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from quorate.fleet.positions import Map, Mark, parse
from quorate.fleet.problems import Problems


def tidy(path: Path) -> Path:
    """The path without `.` and `..`; symbolic links are left alone."""
    return Path(os.path.normpath(path))


class Sources:
    """Reads files, reports those that cannot be read, and digests what was read.

    Args:
        problems: where they are reported.
        drafts: texts of files that are not written yet, by path; they win over what is there.
    """

    def __init__(self, problems: Problems, drafts: Mapping[Path, str] | None = None) -> None:
        self.problems = problems
        self.unset: dict[str, bool] = {}
        self._drafts = {str(tidy(path)): text for path, text in (drafts or {}).items()}
        self._texts: dict[str, str | None] = dict(self._drafts)
        self._variables: dict[str, str | None] = {}

    def text(self, path: Path, mark: Mark, *, code: str = "Q001", what: str = "file") -> str | None:
        """The text of a file; None, reported at `mark`, when it cannot be read."""
        name = str(tidy(path))
        if name not in self._texts:
            try:
                self._texts[name] = Path(name).read_text(encoding="utf-8")
            except OSError as error:
                reason = (error.strerror or "cannot be read").lower()
                self.problems.add(code, mark, f"the {what} {name}: {reason}")
                return None
            except ValueError:
                self.problems.add(code, mark, f"the {what} {name} is not UTF-8 text")
                return None
        return self._texts[name]

    def optional(self, path: Path) -> str | None:
        """The text of a file that need not exist."""
        name = tidy(path)
        there = str(name) in self._drafts or name.is_file()
        return self.text(name, Mark(str(name))) if there else None

    def mapping(self, path: Path, mark: Mark, *, what: str = "file") -> Map | None:
        """A YAML file's mapping, parsed anew at each call; None when it has none."""
        text = self.text(path, mark, what=what)
        if text is None:
            return None
        name = str(tidy(path))
        value = parse(text, name, self.problems)
        if isinstance(value, Map):
            return value
        if value is not None or not self.problems.has_errors:
            self.problems.add("Q004", Mark(name), "the file must hold a mapping (`key: value`)")
        return None

    def used(self, variables: Mapping[str, str | None]) -> None:
        """Variables that had a part in what was read."""
        self._variables.update(variables)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read, in order of their names."""
        return tuple(Path(name) for name, text in sorted(self._texts.items()) if text is not None)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of variables that had a part in what was read."""
        return tuple(sorted(self._variables))

    def digest(self, relative_to: Path) -> str:
        """SHA-256 over every file and variable used, the same wherever the fleet file lies."""
        digest = hashlib.sha256()
        for name, text in sorted(self._texts.items()):
            digest.update(f"{os.path.relpath(name, relative_to)}\0{text}\0".encode())
        for name, value in sorted(self._variables.items()):
            digest.update(f"{name}={value}\0".encode())
        return digest.hexdigest()
