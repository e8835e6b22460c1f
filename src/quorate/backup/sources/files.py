"""What a source that is files hands over: where it lies, and what it said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quorate.backup.model import Manifest, Source
from quorate.backup.repository import Payload


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files in one state: `paths` below the directory `root` (or in full), but for `left_out`.

    `taken` is when they were in that state, UTC.
    """

    manifest: Manifest
    root: Path
    paths: tuple[str, ...]
    taken: datetime
    left_out: tuple[str, ...] = ()

    def payload(self, source: Source, *, run: str, server: str) -> Payload:
        """What `quorate.backup.repository.store` takes."""
        return Payload(
            source=source,
            run=run,
            server=server,
            taken=self.taken,
            manifest=self.manifest,
            root=self.root,
            paths=self.paths,
            left_out=self.left_out,
        )
