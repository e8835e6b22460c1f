"""The fleet's files and a server's own settings: written down, proven, and what is lost is told."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from quorate.backup.sources import base, configs, copied, system
from quorate.backup.sources.configs import Configs
from quorate.backup.sources.system import System
from quorate.errors import MachineError
from tests.integration.backup import ground


def machine(root: Path) -> Path:
    """The file system of a small server."""
    (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    (root / "etc/systemd/system/app.service").write_text("[Service]\nExecStart=/bin/app\n")
    wants = root / "etc/systemd/system/multi-user.target.wants/app.service"
    wants.symlink_to("/etc/systemd/system/app.service")
    (root / "etc/docker").mkdir()
    (root / "etc/docker/daemon.json").write_text("{}")
    (root / "etc/shadow").write_text("root:*:1::::::\n")
    (root / "etc/shadow").chmod(0o640)
    os.utime(root / "etc/shadow", ns=(1, 1_234_567_890_123_456_789))
    (root / "etc/os-release").write_text('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    (root / "var/spool/cron/crontabs").mkdir(parents=True)
    (root / "var/spool/cron/crontabs/root").write_text("0 3 * * * backup\n")
    (root / "var/lib/docker/volumes/data").mkdir(parents=True)
    (root / "var/lib/docker/volumes/data/large").write_bytes(bytes(1000))
    (root / "var/lib/docker/swarm/certificates").mkdir(parents=True)
    (root / "var/lib/docker/swarm/docker-state.json").write_text("{}")
    (root / "var/lib/docker/swarm/certificates/swarm-node.key").write_text("private")
    os.mkfifo(root / "etc/pipe")
    if os.geteuid() == 0:
        os.chown(root / "etc/shadow", 0, 42)
    return root


def test_a_servers_own_settings(tmp_path: Path) -> None:
    root = machine(tmp_path / "host")
    (root / "var/lib/dpkg").mkdir()
    (root / "var/lib/dpkg/status").write_text(
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: foreign\n\n"
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n"
        "Description: of several\n lines: here\n\n"
        "Package: docker.io\nStatus: hold ok installed\nArchitecture: amd64\n\n"
        "Package: old\nStatus: deinstall ok config-files\nArchitecture: amd64\n\n"
        "Package: gone\nStatus: purge ok not-installed\nArchitecture: amd64\n"
    )
    (root / "var/lib/apt").mkdir()
    (root / "var/lib/apt/extended_states").write_text(
        "Package: libc6\nArchitecture: amd64\nAuto-Installed: 1\n"
    )
    spool = tmp_path / "spool"
    made = System(root=root).dump(spool)
    assert made.version == "Debian GNU/Linux 12" and made.findings == ()
    tree = spool / copied.TREE
    assert (tree / "packages/selections").read_text() == (
        "bash\tinstall\nlibc6:amd64\tinstall\ndocker.io\thold\nold\tdeinstall\n"
    )
    assert (tree / "packages/manual").read_text() == "bash\ndocker.io\n"
    kept = tree / "etc/systemd/system/multi-user.target.wants/app.service"
    assert kept.readlink() == Path("/etc/systemd/system/app.service")
    assert (tree / "etc/shadow").stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert (tree / "etc/shadow").stat().st_mode & 0o777 == 0o640
    assert (tree / "var/spool/cron/crontabs/root").exists()
    assert not (tree / "etc/pipe").exists() and "etc/pipe" not in made.parts
    held = {path.name for path in tree.rglob("*")}
    assert "docker-state.json" in held and not {"large", "swarm-node.key"} & held
    assert base.prove(System(root=root), spool) == ()
    (tree / "etc/docker/daemon.json").write_text('{"insecure": 1}')
    assert base.prove(System(root=root), spool) != ()


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="is no Debian")
def test_the_list_of_packages_is_dpkgs_own() -> None:
    """Against the real program, on this machine's real status file."""
    said = subprocess.run(["dpkg", "--get-selections"], capture_output=True, text=True, check=True)
    wanted = sorted(tuple(line.split()) for line in said.stdout.splitlines())
    assert sorted(system.selections(Path("/var/lib/dpkg/status").read_text())) == wanted
    manual = subprocess.run(["apt-mark", "showmanual"], capture_output=True, text=True, check=True)
    automatic = system.automatically(Path("/var/lib/apt/extended_states").read_text())
    by_hand = {name.partition(":")[0] for name, wish in wanted if wish == "install"} - automatic
    assert by_hand == {name.partition(":")[0] for name in manual.stdout.split()}


def test_this_very_machine(tmp_path: Path) -> None:
    made = System(root=Path("/")).dump(tmp_path / "spool")
    assert "etc/passwd" in made.parts
    assert base.prove(System(root=Path("/")), tmp_path / "spool") == ()


def test_a_link_out_of_the_server_is_not_followed(tmp_path: Path) -> None:
    root = machine(tmp_path / "host")
    (tmp_path / "outside/.ssh").mkdir(parents=True)
    (tmp_path / "outside/.ssh/id").write_text("another machine's")
    (root / "root").symlink_to(tmp_path / "outside")
    made = System(root=root).dump(tmp_path / "spool")
    assert not any("ssh" in name for name in made.parts)
    assert made.findings == ("the list of packages is not in the copy: it is no Debian system",)


def test_a_server_that_is_not_mounted(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="there is no /etc"):
        System(root=tmp_path).dump(tmp_path / "spool")


def fleet(directory: Path) -> Path:
    (directory / "stacks").mkdir(parents=True)
    (directory / "fleet.yaml").write_text("fleet: office\n")
    (directory / "stacks/app.yaml").write_text("services: {}\n")
    (directory / ".env").write_text("TAG=1\n")
    (directory / "nas-password.txt").write_text("do not pack me")
    return directory


def test_the_fleets_files_as_an_archive_without_its_secrets(tmp_path: Path) -> None:
    directory = fleet(tmp_path / "fleet")
    elsewhere = tmp_path / "shared.env"
    elsewhere.write_text("A=1\n")
    given = [*directory.iterdir(), elsewhere]
    made = configs.packed(given, directory, secret=[directory / "nas-password.txt"])
    assert b"do not pack me" not in made
    assert made == configs.packed(
        reversed(given), directory, secret=[directory / "nas-password.txt"]
    )
    archive = tmp_path / "fleet.tar"
    archive.write_bytes(made)
    spool = tmp_path / "spool"
    parts = Configs(given=archive).dump(spool).parts
    assert {"fleet.yaml", "stacks/app.yaml", ".env"} <= set(parts)
    assert f"elsewhere{elsewhere}" in parts
    assert base.prove(Configs(given=archive), spool) == ()
    assert (spool / copied.TREE / "fleet.yaml").read_text() == "fleet: office\n"


def test_the_fleets_files_as_a_directory(tmp_path: Path) -> None:
    parts = Configs(given=fleet(tmp_path / "fleet")).dump(tmp_path / "spool").parts
    assert {"fleet.yaml", "stacks/app.yaml", ".env"} <= set(parts)


def test_archives_that_are_none(tmp_path: Path) -> None:
    broken, empty, evil = (tmp_path / name for name in ("broken.tar", "empty.tar", "evil.tar"))
    broken.write_bytes(os.urandom(2000))
    tarfile.open(empty, "w").close()
    with tarfile.open(evil, "w") as archive:
        archive.add(ground.__file__, arcname="../../outside")
    for given in (broken, empty, evil, tmp_path / "not-there.tar"):
        with pytest.raises(MachineError):
            Configs(given=given).dump(tmp_path / "spool")
        assert not (tmp_path / "spool").exists() or not list((tmp_path / "spool").iterdir())
    assert not (tmp_path.parent / "outside").exists()
