"""A tree of FILES names with all that copies get wrong, always the same.

`python3 volume_files.py ROOT FILES`, as root, Python's standard library alone: odd names, sparse
files, hard links, symbolic links, pipes, owners, modes, old times, extended attributes. Prints as
JSON how many there are of each kind and the bytes of what is in files.
"""

import errno
import json
import os
import random
import shutil
import sys
from pathlib import Path

SEED, EACH = 5, 500
LARGEST, USUAL, HOLE = 2**20, 2048, 8 * 2**20
ODD = (
    b"with space %d",
    b"new\nline %d",
    b"tab\tand 'quote' \"%d\"",
    b"-rf %d",
    b"back\\slash $HOME `%d`",
    b"\xff\xfe not text %d",
    "Grüße 日本 🙂 %d".encode(),
    b".hidden %d",
    b"trailing dot %d.",
    b"*?[%d]",
    b"long " + b"x" * 235 + b" %08d",
)
OWNERS = ((0, 0), (33, 33), (1000, 1000), (65534, 65534), (123456, 7))
MODES = (0o644, 0o600, 0o755, 0o4755, 0o2750, 0o000)


def name_of(number: int) -> str:
    """A file's name; every third is odd."""
    odd = number % 3 == 0
    return os.fsdecode((ODD[number // 3 % len(ODD)] if odd else b"%08d.dat") % number)


def kind_of(number: int) -> str:
    """What stands there."""
    for every, kind in ((1000, "sparse"), (501, "pipe"), (50, "link"), (20, "hard link")):
        if number % every == every - 1:
            return kind
    return "empty" if number % 97 == 0 else "file"


def write(path: Path, number: int, kind: str, noise: random.Random) -> int:
    """Make one file; the bytes that are in it."""
    if kind == "sparse":
        with path.open("wb") as file:
            file.seek(HOLE)
            file.write(b"end of the hole")
            file.truncate(2 * HOLE)
        return 15
    length = 0 if kind == "empty" else noise.randrange(1, 2 * USUAL)
    if number % 5000 == 1:
        length = LARGEST
    with path.open("wb") as file:
        file.write(noise.randbytes(length))
    return length


def dress(path: Path, number: int, attributes: bool) -> bool:
    """Owner, mode, attributes; whether the file system has attributes."""
    os.chown(path, *OWNERS[number % len(OWNERS)])
    path.chmod(MODES[number % len(MODES)])
    if attributes and number % 25 == 0:
        try:
            os.setxattr(path, "user.note", b"kept \x00 %d" % number)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            attributes = False
    return attributes


def date(path: Path, number: int) -> None:
    """Time of change: some are before 1970, none is now."""
    moment = (number % 20000 - 3000) * 86_400_000_000_000 + number
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def main() -> None:
    """Make all, in place of what was there."""
    top, files = Path(sys.argv[1], "office"), int(sys.argv[2])
    shutil.rmtree(top, ignore_errors=True)
    noise, size, attributes = random.Random(SEED), 0, True
    made: dict[str, int] = {}
    last = top
    for number in range(files):
        directory = top / f"{number // EACH % 1000:03d}"
        if number % EACH == 0:
            directory.mkdir(parents=True, exist_ok=True)
        path, kind = directory / name_of(number), kind_of(number)
        made[kind] = made.get(kind, 0) + 1
        if kind == "hard link":
            path.hardlink_to(last)
        elif kind == "link":
            path.symlink_to(f"../nowhere {number}" if number % 100 > 50 else f"/etc/{number}")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            size += write(path, number, kind, noise)
            attributes = dress(path, number, attributes)
            last = path if number % 4 == 2 or last == top else last
        if kind != "hard link":
            date(path, number)
    (top / "empty directory").mkdir()
    for number, each in enumerate(sorted(Path(root) for root, _, _ in os.walk(top))):
        date(each, number)
    print(json.dumps({"kinds": made, "bytes": size, "attributes": attributes}))


if __name__ == "__main__":
    main()
