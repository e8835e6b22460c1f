"""GitLab's archives made by its stand-in, read, stored, proven and restored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quorate.backup.model import Kind, Source
from quorate.backup.sources import base, gitlab
from quorate.backup.sources.gitlab import GitLab
from quorate.errors import MachineError, RefusedError
from tests.integration.backup import ground

STAND_IN = ground.ROOT / "src/quorate/lab/assets/gitlab_standin.py"


@dataclass(frozen=True, kw_only=True)
class FakeContainer:
    """A directory in a container's place: its paths are below it, its commands the stand-in's."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        name, *rest = argv
        if name.startswith("gitlab-"):
            link = self.root / name
            if not link.exists():
                link.symlink_to(STAND_IN)
            full = [sys.executable, str(link), *rest]
        elif name in ("cat", "rm"):
            full = [name, *(str(self._at(word)) if word[0] == "/" else word for word in rest)]
        else:
            full = [name, *(word.replace("/var/opt", f"{self.root}/var/opt") for word in rest)]
        env = {**os.environ, "GITLAB_STANDIN_ROOT": str(self.root), **self.environment}
        done = subprocess.run(full, env=env, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def take(self, path: str, into: Path) -> None:
        shutil.copyfile(self._at(path), into)

    def put(self, file: Path, path: str) -> None:
        shutil.copyfile(file, self._at(path))

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def state(self) -> dict[str, bytes]:
        """All files that matter, by name."""
        tops = ("var/opt/gitlab/git-data", "var/opt/gitlab/gitlab-rails",
                "var/opt/gitlab/gitlab-ci", "var/opt/gitlab/postgresql", "etc/gitlab")  # fmt: skip
        files = [path for top in tops for path in (self.root / top).rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


def container(directory: Path, *, seed: int = 1, **environment: str) -> FakeContainer:
    made = FakeContainer(root=directory, environment=environment)
    directory.mkdir()
    assert made.run(["gitlab-ctl", "reconfigure"])[0] == 0
    argv = ["--repositories=5", "--files=6", f"--seed={seed}"]
    code, said = made.run(["gitlab-standin", "fill", *argv])
    assert code == 0, said
    return made


@pytest.fixture
def source(tmp_path: Path) -> FakeContainer:
    return container(tmp_path / "gitlab")


def test_an_archive_with_its_secrets(source: FakeContainer, tmp_path: Path) -> None:
    made = GitLab(inside=source).dump(tmp_path / "spool")
    assert made.version == "18.4.1" and made.findings == ()
    assert set(made.parts) == {
        *("db", "repositories", "uploads", "builds", "artifacts", "pages", "lfs"),
        *("terraform_state", "registry", "packages", "ci_secure_files"),
        *("gitlab-secrets.json", "gitlab.rb"),
    }
    assert made.parts["uploads"].startswith("6:") and made.parts["repositories"].startswith("15:")
    assert base.prove(GitLab(inside=source), tmp_path / "spool") == ()
    left = list((source.root / "var/opt/gitlab/backups").iterdir())
    assert left == [], "the archive takes no room in the container"


def test_a_proof_finds_what_is_not_the_same(source: FakeContainer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    GitLab(inside=source).dump(spool)
    (spool / "secrets/gitlab-secrets.json").write_text("{}")
    assert ["gitlab-secrets.json" in said for said in base.prove(GitLab(inside=source), spool)] == [
        True
    ]
    (archive,) = (spool / "archive").iterdir()
    with archive.open("r+b") as file, tarfile.open(archive) as packed:
        member = packed.getmember("artifacts.tar.gz")
        file.seek(member.offset_data + member.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(MachineError, match="not whole"):
        base.prove(GitLab(inside=source), spool)


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="a gitlab-backup that ends with 0 and leaves something out",
    seen="an error; no copy",
)
@pytest.mark.parametrize(
    ("fails", "said"), [("uploads", "at uploads"), ("db", "at database"), ("archive", "not whole")]
)
def test_what_gitlab_backup_did_not_do_is_no_copy(tmp_path: Path, fails: str, said: str) -> None:
    broken = container(tmp_path / "gitlab", GITLAB_STANDIN_FAIL=fails)
    with pytest.raises(MachineError, match=said):
        GitLab(inside=broken).dump(tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []
    assert list((tmp_path / "gitlab/var/opt/gitlab/backups").glob("*.tar")) == []


def test_left_out_is_told(source: FakeContainer, tmp_path: Path) -> None:
    skipping = FakeContainer(root=source.root, environment={"SKIP": "artifacts,pages"})
    made = GitLab(inside=skipping).dump(tmp_path / "spool")
    assert [finding.partition(" ")[0] for finding in made.findings] == ["artifacts", "pages"]
    without = FakeContainer(root=source.root, environment={"SKIP": "db"})
    with pytest.raises(MachineError) as caught:
        GitLab(inside=without).dump(tmp_path / "other")
    assert caught.value.cause == "it has no db"


def test_no_secrets_no_copy(source: FakeContainer, tmp_path: Path) -> None:
    (source.root / "etc/gitlab/gitlab.rb").write_text("")
    with pytest.raises(MachineError, match=r"gitlab\.rb is empty"):
        GitLab(inside=source).dump(tmp_path / "spool")


def test_restored_into_a_new_gitlab_everything_is_as_before(
    source: FakeContainer, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    GitLab(inside=source).dump(spool)
    new = container(tmp_path / "new", seed=2)
    assert new.state() != source.state()
    with pytest.raises(RefusedError, match="has repositories already"):
        gitlab.restore(spool, new)
    gitlab.restore(spool, new, over=True)
    assert new.state() == source.state()
    assert list((new.root / "var/opt/gitlab/backups").glob("*.tar")) == []


def test_without_its_secrets_a_restore_is_told_to_have_failed(
    source: FakeContainer, tmp_path: Path
) -> None:
    """What the source document leaves out: the reason for errors 500."""
    spool = tmp_path / "spool"
    GitLab(inside=source).dump(spool)
    other = {"gitlab_rails": {"db_key_base": "another"}}
    (spool / "secrets/gitlab-secrets.json").write_text(json.dumps(other))
    with pytest.raises(MachineError, match="gitlab-rake gitlab:doctor:secrets"):
        gitlab.restore(spool, container(tmp_path / "new", seed=2), over=True)


def test_another_version_is_refused(source: FakeContainer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    GitLab(inside=source).dump(spool)
    new = container(tmp_path / "new")
    (new.root / "opt/gitlab/embedded/service/gitlab-rails/VERSION").write_text("18.5.0\n")
    with pytest.raises(MachineError, match=r"is of GitLab 18\.4\.1, and this one is 18\.5\.0"):
        gitlab.restore(spool, new, over=True)


def test_an_archive_that_nobody_names_is_none(source: FakeContainer, tmp_path: Path) -> None:
    """With CRON=1 GitLab hides all of its words."""
    silent = FakeContainer(root=source.root, environment={"CRON": "1"})
    with pytest.raises(MachineError, match="gitlab-backup failed"):
        GitLab(inside=silent).dump(tmp_path / "spool")


def test_the_stand_in_says_what_it_is(source: FakeContainer) -> None:
    for argv in (["gitlab-backup", "create"], ["gitlab-rake", "gitlab:check"], ["gitlab-backup"]):
        assert "stand-in" in source.run(argv)[1]


def test_the_kind_is_known() -> None:
    assert (
        Source(id="gitlab", kind=Kind.GITLAB).kind is GitLab(inside=FakeContainer(root=Path())).kind
    )
