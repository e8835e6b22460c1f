"""A text file that is replaced whole or not at all, whatever stops the writing."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a draft beside the file, and put it in the file's place.

    Its mode stays, and its owner as far as that may be set; of a symlink, what it points to is
    written.

    Raises:
        OSError: it cannot be written (no room, no right to write there); it is as it was.
    """
    real = path.resolve()
    known = real.stat()
    handle, draft = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            with suppress(OSError):
                os.fchown(file.fileno(), known.st_uid, known.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(known.st_mode))
            os.fsync(file.fileno())
        Path(draft).replace(real)
    except BaseException:  # Ctrl-C too: no draft is left
        Path(draft).unlink(missing_ok=True)
        raise
