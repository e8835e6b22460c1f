"""What Quorate's own image has: the Dockerfile for real servers, and the lab's, from one list."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

import quorate
from quorate.entry.cli.main import build
from quorate.image import recipe
from quorate.lab import images_build

SOURCE = Path(quorate.__file__).parent
PROGRAMS = {
    **dict.fromkeys(("psql", "pg_dump", "pg_dumpall", "pg_restore"), "postgresql-client"),
    **dict.fromkeys(("pg_basebackup", "pg_receivewal", "pg_verifybackup"), "postgresql-client"),
    **dict.fromkeys(("initdb", "postgres", "pg_controldata"), "postgresql"),
    **dict.fromkeys(("mariadb", "mariadb-dump"), "mariadb-client"),
    **dict.fromkeys(("mariadbd", "mariadb-install-db"), "mariadb-server"),
    **dict.fromkeys(("redis-cli", "redis-check-rdb"), "redis-tools"),
    "redis-server": "redis-server",
    "barman": "barman",
    "rclone": "rclone",
    "restic": "restic",
    "ssh": "openssh-client",
}
"""What jobs, receivers and proofs run → the package that has it or brings it along."""
ESSENTIAL = {"chown", "gzip", "setpriv", "sh", "tar"}
"""What every Debian has."""
HERE = {"age", "docker"}
"""What only the machine of whoever types commands runs."""
PLANNING = {"numba", "numpy", "ortools"}
"""What plans are made with: no job makes one."""


def listed() -> set[str]:
    names = [recipe.text(name).split() for name in ("packages.txt", "servers.txt")]
    assert [sorted(one) for one in names] == names, "not in order"
    return {name for one in names for name in one}


def dockerfile() -> list[str]:
    return [line for line in recipe.text("Dockerfile").splitlines() if line[:1].isupper()]


def test_every_program_that_the_code_runs_is_in_the_list() -> None:
    asked = re.compile(r'(?:resolve\(|programs\.argv\(|program: str = )"([a-z0-9_-]+)"')
    found = {
        name
        for part in ("backup", "serving", "tools")
        for path in (SOURCE / part).rglob("*.py")
        for name in asked.findall(path.read_text())
    }
    assert {"pg_dump", "mariadbd", "redis-server", "barman", "restic"} <= found
    assert found - set(PROGRAMS) - ESSENTIAL - HERE == set()


def test_every_program_has_its_package() -> None:
    assert set(PROGRAMS.values()) - listed() == set()


def test_every_library_that_jobs_import_has_its_package() -> None:
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[><=~]", one)[0] for one in project["dependencies"]} - PLANNING
    packages = {f"python3-{name}" for name in names - {"apprise", "pyyaml"}}
    assert packages | {"apprise", "python3-yaml"} <= listed()


def test_the_dockerfile_has_all_that_it_copies_and_both_lists() -> None:
    lines = dockerfile()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert copied == {*recipe.FILES, recipe.PROGRAM} - {"Dockerfile"}
    (tools,) = (line for line in lines if "tools.sh" in line and line.startswith("RUN"))
    assert tools.split()[-2:] == ["/tmp/quorate/packages.txt", "/tmp/quorate/servers.txt"]
    (env,) = (line for line in lines if line.startswith("ENV "))
    assert dict(word.split("=") for word in env.split()[1:]) == recipe.ENVIRONMENT
    (command,) = (line for line in lines if line.startswith("CMD "))
    assert command == "CMD [" + ", ".join(f'"{word}"' for word in recipe.COMMAND) + "]"


def test_it_begins_with_an_official_debian_that_can_be_another() -> None:
    first, second = dockerfile()[:2]
    assert (first, second) == ("ARG BASE=debian:trixie-slim", "FROM ${BASE}")


def test_the_lab_installs_from_the_same_list() -> None:
    assert images_build.TOOLS_SCRIPT == 'sh "$BUILD/tools.sh" "$BUILD/packages.txt"\n'
    script = (resources.files("quorate.lab") / "assets" / images_build.BUILD_SCRIPT).read_text()
    wanted = script.split("apt-get install", 1)[1].split("> /dev/null", 1)[0].split()
    for name in recipe.text("servers.txt").split():
        # The client comes along with the server, in Debian's one major.
        plain = name.removesuffix("-client") if name.startswith("postgresql") else name
        assert any(one == plain or fnmatch(one, f"{plain}-[0-9]*") for one in wanted), name
    unwanted = script.split("<<'END'\n", 1)[1].split("\nEND\n", 1)[0].splitlines()
    for program in PROGRAMS:
        for place in ("usr/bin", "usr/sbin", "usr/lib/postgresql/17/bin"):
            for pattern in unwanted:
                assert not fnmatch(f"./{place}/{program}", pattern), (program, pattern)


def test_the_dockerfile_is_shown() -> None:
    shown = CliRunner().invoke(build(), ["backup", "image", "--show"])
    assert shown.exit_code == 0 and shown.stdout == recipe.text("Dockerfile")


@pytest.mark.parametrize("option", [["--base", "debian:12"], ["--postgres", "18"]])
def test_what_a_build_is_told_goes_with_a_build(option: list[str]) -> None:
    refused = CliRunner().invoke(build(), ["backup", "image", *option])
    assert f"{option[0]} goes with --build" in str(refused.exception)
