"""The two sides of a move with rsync's real server between them, on loopback."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import MachineError, UsageError
from quorate.recover.moving import mover, trees
from quorate.recover.moving.mover import Places
from quorate.tools import command, rsync

SMALL_FILES = 400


@dataclass(frozen=True, kw_only=True)
class Two:
    """Where the data are, and where they go."""

    serving: Places
    waiting: Places

    @property
    def source(self) -> Path:
        return self.serving.data / "0"

    @property
    def target(self) -> Path:
        return self.waiting.data / "0"

    def pull(self, **more: object) -> dict[str, Any]:
        """Bring everything; what that came to, and the tree there."""
        told = {"host": "127.0.0.1", "volumes": [0], "tree": True, **more}
        return mover.answer(self.waiting, "pull", json.dumps(told))

    def tree(self, *, live: bool = False) -> dict[str, Any]:
        """The tree at the source."""
        return mover.answer(self.serving, "tree", json.dumps({"volumes": [0], "live": live}))

    def tree_there(self) -> dict[str, Any]:
        """That at the target, with a look at every file."""
        return mover.answer(self.waiting, "tree", json.dumps({"volumes": [0]}))

    def digests(self, **more: object) -> tuple[str, str]:
        """Those of the source, and of the target after everything was brought."""
        brought = self.pull(**more)["tree"]
        return str(self.tree()["digest"]), str(brought["digest"])

    def differing(self) -> dict[str, Any]:
        """Bring what differs by the trees that were told last, the source's now."""
        self.tree()
        return self.pull(differing=True)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """A server of the source's files that runs, and an empty target."""
    port = free_port()
    password = tmp_path / "password"
    password.write_text("not-to-be-guessed\n")
    sides = []
    for name in ("serving", "waiting"):
        (tmp_path / name / "0").mkdir(parents=True)
        sides.append(
            Places(
                data=tmp_path / name,
                state=tmp_path / f"{name}-state",
                password=password,
                port=port,
            )
        )
    made = Two(serving=sides[0], waiting=sides[1])
    configuration = mover.prepared(made.serving, chroot=os.geteuid() == 0)
    server = command.spawn(rsync.daemon(configuration), log_file=tmp_path / "log")
    try:
        for _ in range(100):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield made
    finally:
        server.terminate()
        server.wait()


def filled(directory: Path) -> None:
    """Files of every kind that a volume has."""
    for number in range(SMALL_FILES):
        place = directory / f"d{number % 7}"
        place.mkdir(exist_ok=True)
        (place / f"f{number}").write_bytes(os.urandom(number))
    (directory / "link").symlink_to("/etc/passwd")
    (directory / "broken").symlink_to("../../nowhere")
    os.link(directory / "d1/f1", directory / "second-name")
    (directory / "private").touch(mode=0o600)
    (directory / "name with\nnew line").write_text("odd")
    os.mkfifo(directory / "pipe")
    with (directory / "sparse").open("wb") as file:
        file.truncate(50_000_000)
        file.write(b"begin")
    os.setxattr(directory / "private", "user.kept", b"yes")
    directory.chmod(0o750)


def test_the_target_becomes_exactly_what_the_source_is(two: Two) -> None:
    filled(two.source)
    made = two.pull()
    was = two.tree()
    assert made["tree"]["digest"] == was["digest"] and made["tree"]["files"] == was["files"]
    assert made["files"] >= SMALL_FILES
    assert (two.target / "sparse").stat().st_blocks * 512 < 1_000_000
    assert (two.target / "d1/f1").samefile(two.target / "second-name")
    assert str((two.target / "link").readlink()) == "/etc/passwd"


def test_only_what_changed_is_brought_again_and_what_went_goes(two: Two) -> None:
    filled(two.source)
    two.pull()
    (two.source / "d2/f9").write_text("new words")
    (two.source / "d3/f3").unlink()
    (two.source / "private").chmod(0o640)
    made = two.pull()
    assert made["files"] == 1 and made["sent"] < 100_000
    assert made["tree"]["digest"] == two.tree()["digest"]
    assert not (two.target / "d3/f3").exists()


def test_what_was_read_is_not_read_again_and_a_change_is_seen_all_the_same(two: Two) -> None:
    file = two.source / "rows"
    file.write_bytes(b"a" * 1000)
    time.sleep(trees.SETTLED_NS / 1e9 + 0.2)
    first = two.tree()
    kept = json.loads((two.serving.state / "digests.json").read_text())
    assert len(kept) == 1
    state = file.stat()
    file.write_bytes(b"b" * 1000)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert two.tree()["digest"] != first["digest"]


def test_what_is_stored_through_a_mapping_after_a_live_round_is_seen(two: Two) -> None:
    """The kernel gives a page's file its time at the first store, and not again until written."""
    file = two.source / "mapped"
    file.write_bytes(b"a" * 4096)
    os.sync()
    with file.open("r+b") as handle, closing(mmap.mmap(handle.fileno(), 4096)) as mapped:
        mapped[0:1] = b"b"
        time.sleep(trees.SETTLED_NS / 1e9 + 0.5)
        two.pull()
        former = two.tree(live=True)
        mapped[0:1] = b"c"
        mapped.flush()
    two.differing()
    assert two.tree()["digest"] != former["digest"]
    assert (two.target / "mapped").read_bytes()[:1] == b"c"


def test_a_change_that_hides_its_time_is_found_and_brought_by_reading_everything(two: Two) -> None:
    file = two.source / "rows"
    file.write_bytes(b"a" * 1000)
    assert len(set(two.digests())) == 1
    state = file.stat()
    file.write_bytes(b"b" * 1000)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len(set(two.digests())) == 2
    assert len(set(two.digests(checksum=True))) == 1


def rewritten_at_the_same_time(directory: Path) -> None:
    file = directory / "d2/f9"
    state = file.stat()
    file.write_bytes(b"x" * state.st_size)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


def directory_in_the_place_of_a_file(directory: Path) -> None:
    (directory / "d2/f9").unlink()
    (directory / "d2/f9/deep").mkdir(parents=True)
    (directory / "d2/f9/deep/in it").write_text("words")


def file_in_the_place_of_a_directory(directory: Path) -> None:
    shutil.rmtree(directory / "d3")
    (directory / "d3").write_text("words")


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda directory: None,
    "new words": lambda directory: (directory / "d2/f9").write_text("new"),
    "the same time": rewritten_at_the_same_time,
    "gone": lambda directory: (directory / "d3/f3").unlink(),
    "all of a directory gone": lambda directory: shutil.rmtree(directory / "d3"),
    "a directory for a file": directory_in_the_place_of_a_file,
    "a file for a directory": file_in_the_place_of_a_directory,
    "renamed": lambda directory: (directory / "d4").rename(directory / "new\nand\todd"),
    "only its mode": lambda directory: (directory / "private").chmod(0o640),
    "only its attribute": lambda directory: os.setxattr(directory / "private", "user.kept", b"no"),
    "the top's mode": lambda directory: directory.chmod(0o700),
    "a sparse file": lambda directory: os.truncate(directory / "sparse", 60_000_000),
    "a name of no text": lambda directory: (directory / os.fsdecode(b"n\xff")).write_text("new"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_by_both_trees_is_brought_and_nothing_else(two: Two, change: str) -> None:
    filled(two.source)
    two.pull()
    CHANGES[change](two.source)
    now = two.tree()["digest"]
    made = two.pull(differing=True)
    assert made["tree"]["digest"] == now == two.tree_there()["digest"]
    assert made["files"] <= 1 or change in ("renamed", "a directory for a file")
    assert (two.target / "sparse").stat().st_blocks * 512 < 1_000_000


def test_a_tree_of_several_changes_is_told_as_it_is(two: Two) -> None:
    filled(two.source)
    two.pull()
    for name in ("new words", "gone", "renamed", "only its mode", "a directory for a file"):
        CHANGES[name](two.source)
        made = two.differing()
        assert made["tree"] | {"seconds": 0} == two.tree_there() | {"seconds": 0}
        assert made["tree"]["digest"] == two.tree()["digest"]


def second_name(directory: Path) -> None:
    os.link(directory / "d4/f4", directory / "d5/of four")


def first_name_goes(directory: Path) -> None:
    (directory / "d1/f1").unlink()


def words_under_both_names(directory: Path) -> None:
    (directory / "second-name").write_text("new words")


@pytest.mark.parametrize("change", [second_name, first_name_goes, words_under_both_names])
def test_files_of_several_names_are_brought_whole(two: Two, change: Callable[[Path], None]) -> None:
    filled(two.source)
    two.pull()
    change(two.source)
    assert two.differing()["tree"]["digest"] == two.tree()["digest"]
    assert (two.waiting.state / "names").exists() is False


def test_where_no_tree_was_told_everything_is_brought(two: Two) -> None:
    filled(two.source)
    assert two.differing()["tree"]["digest"] == two.tree()["digest"]


def test_a_target_that_was_written_to_becomes_the_same_again(two: Two) -> None:
    filled(two.source)
    two.pull()
    (two.target / "stray").write_text("not of the source")
    (two.target / "d2/f9").write_text("spoiled")
    assert len(set(two.digests())) == 1


def test_the_way_is_measured(two: Two) -> None:
    found = mover.answer(two.waiting, "rate", json.dumps({"host": "127.0.0.1"}))
    assert found["rate"] > 1_000_000
    assert not (two.waiting.state / "probe").exists()


def test_room_tells_what_is_there(two: Two) -> None:
    (two.waiting.data / "0" / "old").touch()
    (found,) = mover.answer(two.waiting, "room", json.dumps({"volumes": [0]}))["volumes"]
    assert found["entries"] == ["old"] and found["free"] > 0


def test_another_password_brings_nothing(two: Two, tmp_path: Path) -> None:
    filled(two.source)
    other = tmp_path / "other"
    other.write_text("guessed")
    told = json.dumps({"host": "127.0.0.1", "volumes": [0]})
    thief = Places(
        data=two.waiting.data, state=tmp_path / "thief", password=other, port=two.waiting.port
    )
    with pytest.raises(MachineError, match="could not be brought") as error:
        mover.answer(thief, "pull", told)
    assert "password" in str(error.value.cause)
    assert list(two.target.iterdir()) == []


def test_the_source_cannot_be_written_through_its_server(two: Two, tmp_path: Path) -> None:
    filled(two.source)
    before = two.tree()["digest"]
    two.pull()
    (tmp_path / "harm").write_text("harm")
    argv = ["rsync", "--password-file", str(two.waiting.state / "password"), str(tmp_path / "harm")]
    address = f"rsync://{mover.USER}@127.0.0.1:{two.waiting.port}/{mover.MODULE}/0/"
    done = command.run([*argv, address], check=False)
    assert not done.ok and "read only" in done.stderr
    assert two.tree()["digest"] == before


def test_what_cannot_be_told_is_an_error_in_words(two: Two) -> None:
    with pytest.raises(UsageError, match="no such verb"):
        mover.answer(two.waiting, "dance", "{}")
    with pytest.raises(UsageError, match="not JSON"):
        mover.answer(two.waiting, "tree", "{")
