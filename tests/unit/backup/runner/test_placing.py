"""Files put into their places: beside them first, then swapped, and never over what is there."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import At, Job, Mounted, Work
from quorate.backup.model import Kind, Manifest
from quorate.backup.runner import restore
from quorate.backup.runner.placing import STAGE, put, resolved
from quorate.backup.runner.saying import Saying
from quorate.backup.runner.setting import Setting, Tried
from quorate.errors import MachineError, RefusedError, RepositoryError, UsageError

AT = At(name="near", place="local", location="/r", password_file="/p")


def setting(**more: Any) -> Setting:
    told: dict[str, Any] = {"work": Work.RESTORE, "run": "r", "fleet": "f", "server": "box1"}
    job = Job.model_validate({**told, "repository": AT, "source": "v", "kind": "volume", **more})
    return Setting(job=job, room=Path("/r"), say=Saying(io.StringIO()), ends=0.0)


def fetched(*names: str) -> Any:
    def fetch(into: Path) -> Manifest:
        for name in names:
            (into / name / "sub").mkdir(parents=True)
            (into / name / "sub" / "file").write_text(name)
            (into / name).chmod(0o750)
        (into / "quorate-manifest.json").touch()
        return Manifest(kind=Kind.VOLUME, parts={f"{name}/sub/file": "1:a" for name in names})

    return fetch


def same(setting: Setting, stage: Path, manifest: Manifest) -> Tried:
    return Tried(seconds=0.0)


def different(setting: Setting, stage: Path, manifest: Manifest) -> Tried:
    return Tried(seconds=0.0, differences=("0/sub/file: other content",))


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_one_volume_into_a_directory_itself(tmp_path: Path) -> None:
    target = tmp_path / "target"
    put(setting(target_path=str(target)), fetched("0"), same)
    assert names(target) == ["sub", "sub/file"] and target.stat().st_mode & 0o777 == 0o750


def test_several_into_directories_of_their_names(tmp_path: Path) -> None:
    put(setting(target_path=str(tmp_path)), fetched("0", "1"), same)
    assert (tmp_path / "1" / "sub" / "file").read_text() == "1"
    assert names(tmp_path) == ["0", "0/sub", "0/sub/file", "1", "1/sub", "1/sub/file"]


def test_what_a_killed_restore_left_goes(tmp_path: Path) -> None:
    (tmp_path / f"{STAGE}dead").mkdir()
    put(setting(target_path=str(tmp_path)), fetched("0"), same)
    assert names(tmp_path) == ["sub", "sub/file"]


def test_what_a_restore_killed_in_the_middle_had_moved_aside_stays(tmp_path: Path) -> None:
    former = tmp_path / f"{STAGE}dead" / ".former-0"
    former.mkdir(parents=True)
    (former / "precious").touch()
    tried = put(setting(target_path=str(tmp_path)), fetched("0"), same)
    assert (former / "precious").exists() and (tmp_path / "sub" / "file").exists()
    assert len(tried.findings) == 1 and f"{STAGE}dead" in tried.findings[0]


@pytest.mark.parametrize("failing", range(4))
def test_a_swap_that_fails_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    (tmp_path / "0").mkdir()
    for name in ("former", "more"):
        (tmp_path / "0" / name).write_text(name)
    volumes = (Mounted(name="v", path=str(tmp_path / "0")),)
    move, calls = shutil.move, []

    def moving(was: Path, now: Path) -> Path:
        calls.append(was)
        if len(calls) == failing + 1:
            raise OSError(28, "No space left on device", str(now))
        return Path(move(was, now))

    def fetch(into: Path) -> Manifest:
        (into / "0").mkdir()
        (into / "0" / "new").touch()
        (into / "0" / "newer").touch()
        return Manifest(kind=Kind.VOLUME, parts={"0": "0:d"})

    monkeypatch.setattr(shutil, "move", moving)
    with pytest.raises(MachineError, match="No space left"):
        put(setting(volumes=volumes, in_place=True), fetch, same)
    assert names(tmp_path) == ["0", "0/former", "0/more"]


def test_nothing_is_restored_over_files(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(RefusedError, match="is not empty"):
        put(setting(target_path=str(tmp_path)), fetched("0"), same)
    volumes = (Mounted(name="v", path=str(tmp_path)),)
    with pytest.raises(RefusedError, match="is where the data come from"):
        put(setting(target_path=str(tmp_path), volumes=volumes), fetched("0"), same)
    with pytest.raises(UsageError, match="target_path"):
        put(setting(volumes=volumes), fetched("0"), same)
    assert names(tmp_path) == ["kept"]


def test_in_place_each_volume_goes_where_it_is_mounted(tmp_path: Path) -> None:
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "former").touch()
    volumes = tuple(Mounted(name=name, path=str(tmp_path / name)) for name in ("0", "1"))
    put(setting(volumes=volumes, in_place=True), fetched("0", "1"), same)
    assert names(tmp_path / "0") == names(tmp_path / "1") == ["sub", "sub/file"]
    with pytest.raises(RefusedError, match="no such volume"):
        put(setting(volumes=volumes[:1], in_place=True), fetched("0", "1"), same)


def test_a_copy_that_is_different_takes_no_place(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "former").touch()
    volumes = (Mounted(name="v", path=str(tmp_path / "0")),)
    with pytest.raises(RepositoryError, match="not what the source was") as caught:
        put(setting(volumes=volumes, in_place=True), fetched("0"), different)
    assert caught.value.reason == "damaged" and names(tmp_path) == ["0", "0/former"]


def test_links_below_another_root_are_that_roots(tmp_path: Path) -> None:
    (tmp_path / "mnt" / "disk").mkdir(parents=True)
    (tmp_path / "srv").symlink_to("/mnt/disk")
    (tmp_path / "mnt" / "disk" / "up").symlink_to("../../../../etc")
    (tmp_path / "mnt" / "loop").symlink_to("loop")
    assert resolved(tmp_path, "/srv/new/one") == tmp_path / "mnt/disk/new/one"
    assert resolved(tmp_path, "/srv/up/x") == tmp_path / "etc/x"
    with pytest.raises(MachineError, match="circle"):
        resolved(tmp_path, "/mnt/loop/x")


def test_a_directory_of_the_server_is_made_below_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "HOST", str(tmp_path))
    (tmp_path / "srv").symlink_to("/mnt")
    told = restore.on_host(setting(target_path=f"{tmp_path}/srv/found/db"))
    assert told.job.target_path == str(tmp_path / "mnt/found/db")
    assert (tmp_path / "mnt/found/db").is_dir()
    (tmp_path / "mnt" / "file").touch()
    with pytest.raises(MachineError, match="/mnt/file/x cannot be made"):
        restore.on_host(setting(target_path=f"{tmp_path}/srv/file/x"))


def backed_up(volume: Path, at: Path) -> Any:
    """A copy of all that is in a volume now, as `fetch` brings it back."""
    shutil.copytree(volume, at)

    def fetch(into: Path) -> Manifest:
        shutil.copytree(at, into / "0")
        return Manifest(kind=Kind.VOLUME, parts={"0": "0:d"})

    return fetch


def in_place(volume: Path, **more: Any) -> Setting:
    return setting(volumes=(Mounted(name="v", path=str(volume)),), in_place=True, **more)


def filled(volume: Path, *pages: str) -> Path:
    volume.mkdir()
    for name in pages:
        (volume / name).write_text("former")
    return volume


def formers(below: Path) -> int:
    return sum(path.is_file() and path.read_text() == "former" for path in below.rglob("*"))


def test_what_restores_had_kept_is_not_brought_back(tmp_path: Path) -> None:
    """Copies of before had it in them."""
    volume = filled(tmp_path / "0", "page")
    for time in ("A1", "A2", "A3"):
        fetch = backed_up(volume, tmp_path / time)
        (volume / "page").write_text(f"before {time}")
        said = put(in_place(volume, aside=time), fetch, same).findings
        assert (volume / "page").read_text() == "former"
    left = f"{STAGE}kept-A2 of the copy is left out: a restore had kept it in the volume"
    assert left in said
    assert sorted(path.name for path in volume.glob(f"{STAGE}*")) == [
        f"{STAGE}kept-A{number}" for number in (1, 2, 3)
    ]
    assert put(in_place(volume), backed_up(volume, tmp_path / "last"), same).findings
    assert not list(volume.glob(f"{STAGE}*/{STAGE}*"))
    assert (volume / f"{STAGE}kept-A3" / "former" / "page").read_text() == "before A3"


def test_a_file_that_can_be_moved_neither_way_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `chattr +i` does it: the file is copied, then not removed, and not written over."""
    volume = filled(tmp_path / "0", *(f"page{number}" for number in range(20)))
    (volume / "fixed").write_text("fixed")
    move = shutil.move

    def moving(was: Path, now: Path) -> Any:
        if was.name == "fixed":
            shutil.copy2(was, now)
            raise PermissionError(1, "Operation not permitted", str(was))
        return move(was, now)

    monkeypatch.setattr(shutil, "move", moving)
    with pytest.raises(MachineError, match="Operation not permitted") as caught:
        put(in_place(volume), fetched("0"), same)
    assert formers(volume) == len(list(volume.glob("page*"))) == 20
    (kept,) = volume.glob(f"{STAGE}*")
    assert caught.value.cause is not None and str(kept) in caught.value.cause


def test_what_was_moved_in_half_to_another_disk_goes_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = filled(tmp_path / "0", "page")
    move = shutil.move

    def moving(was: Path, now: Path) -> Any:
        if was == volume / "page":
            now.write_text("for")
            raise OSError(28, "No space left on device", str(now))
        return move(was, now)

    monkeypatch.setattr(shutil, "move", moving)
    with pytest.raises(MachineError, match="No space left"):
        put(in_place(volume), fetched("0"), same)
    assert (volume / "page").read_text() == "former"


@pytest.mark.parametrize("failing", range(1, 6))
def test_former_files_that_cannot_go_back_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    volume = filled(tmp_path / "0", "a", "b", "c")
    move, calls = shutil.move, []

    def moving(was: Path, now: Path) -> Any:
        calls.append(was)
        if len(calls) >= failing:
            raise OSError(5, "Input/output error", str(now))
        return move(was, now)

    monkeypatch.setattr(shutil, "move", moving)
    with pytest.raises(MachineError, match="Input/output error"):
        put(in_place(volume), backed_up(filled(tmp_path / "1", "a", "b"), tmp_path / "c"), same)
    assert formers(volume) >= 3


def test_former_files_of_one_volume_are_kept_when_the_next_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = [filled(tmp_path / name, "page") for name in ("0", "1")]
    move = shutil.move

    def moving(was: Path, now: Path) -> Any:
        if was == volumes[1] / "page":
            raise OSError(28, "No space left on device", str(now))
        return move(was, now)

    monkeypatch.setattr(shutil, "move", moving)
    told = setting(
        volumes=tuple(Mounted(name=path.name, path=str(path)) for path in volumes), in_place=True
    )
    with pytest.raises(MachineError, match="No space left"):
        put(told, fetched("0", "1"), same)
    assert formers(tmp_path) == 2
