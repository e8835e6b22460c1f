"""The printed runbook typed on the servers of a lab, by somebody who has bash, docker and restic.

The commands are the page's own, with `TOKEN` filled in. Quorate made the copies before and printed
the page; what it says afterwards is looked at, too. The servers answer at the addresses of the
fleet file, as the page names those.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from quorate.tools import docker
from tests.integration.backup import ground
from tests.scenarios import live, steps
from tests.scenarios.test_9_backup import (
    COPIES,
    ROWS,
    backup,
    given_a_repository,
    given_data,
    inside,
    on,
    rows,
)
from tests.scenarios.test_9_recover_server import (
    given_an_empty_machine,
    lost,
    then_all_data_is_there,
)

if TYPE_CHECKING:
    from pathlib import Path

    from quorate.fleet.observed import Snapshot
    from tests.scenarios.conftest import Office

ADDRESSES = {"one": "192.0.2.41", "two": "192.0.2.42", "three": "192.0.2.43"}
RECOVERY = "/srv/recovery"
"""Where the page puts passwords and what it fetches."""
TYPED_SECONDS = 240.0
HOSTNAMECTL = '#!/bin/sh\n# A fake: the nodes of a lab have no systemd.\nexec hostname "$2"\n'
FILES = ("cache-password.txt", "db-password.txt", "repository-password.txt", "data.yaml")
"""What a recovery bundle, opened, has of this fleet."""


class Page:
    """A runbook, and typing what it says."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.text = office.quorate("runbook", str(office.fleet)).stdout

    def blocks(self, heading: str) -> list[str]:
        """The blocks of commands below a heading, each as it is printed."""
        (mine,) = [
            part for part in re.split(r"(?m)^#{2,3} ", self.text) if part.startswith(heading)
        ]
        return re.findall(r"```sh\n(.*?)```", mine, re.DOTALL)

    def typed(self, server: str, *blocks: str) -> str:
        """What comes of typing these there as root; fails with the first that does."""
        node = live.lab_of(self.office).node(server)
        done = subprocess.run(
            ["docker", "exec", node.container, "bash", "-exc", "".join(blocks)],
            env={**self.office.environment, "DOCKER_HOST": f"unix://{self.socket}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TYPED_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    @property
    def socket(self) -> Path:
        return live.lab_of(self.office).engine_socket

    def brought(self, server: str, source: str) -> None:
        """Steps 1, 2 and 3: passwords, the repository, the data of one source."""
        reach = 0 if server == "three" else 1
        self.typed(
            server,
            self.blocks("1. Passwords")[0],
            self.blocks("Repository near")[reach],
            self.blocks("Functions")[0],
            self.blocks(f"{source} (")[0],
        )

    def joined(self, server: str, manager: str) -> None:
        """The end of step 4: the new machine is in the swarm, with its labels."""
        removal, join, labels = self.blocks(f"Server {server} (")[:3]
        token = self.typed(manager, removal.splitlines()[-1]).strip()
        self.typed(server, join.replace("TOKEN", token))
        self.typed(manager, labels)


def machine(office: Office, *servers: str) -> None:
    """What the page asks of a machine: its address, restic, an ssh key that the others know."""
    lab = live.lab_of(office)
    for name in servers:
        # Of no network that all have: Quorate takes the addresses of the lab's own afterwards.
        on(office, name, "ip", "address", "replace", f"{ADDRESSES[name]}/32", "dev", "eth0")
        way = ("192.0.2.0/24", "dev", "eth0", "src", ADDRESSES[name])
        on(office, name, "ip", "route", "replace", *way)
        copied = (
            "cp",
            "-L",
            ground.restic_program(),
            f"{lab.node(name).container}:/usr/bin/restic",
        )
        docker.cli(lab.engine_socket, *copied)
        put(office, name, "/usr/local/bin/hostnamectl", HOSTNAMECTL.encode(), "755")
        put(
            office,
            name,
            "/root/.ssh/id_ed25519",
            (lab.directory / "id_ed25519").read_bytes(),
            "600",
        )
        put(office, name, "/root/.ssh/config", b"StrictHostKeyChecking accept-new\n", "600")
        for file in FILES:
            content = (office.fleet.parent / file).read_bytes()
            put(office, name, f"{RECOVERY}/fleet/{file}", content, "600")


def put(office: Office, server: str, path: str, content: bytes, mode: str) -> None:
    """A file on a server."""
    text = base64.b64encode(content).decode()
    script = (
        f"mkdir -p $(dirname {path}) && echo {text} | base64 -d > {path} && chmod {mode} {path}"
    )
    on(office, server, "sh", "-ec", script)


def copies(office: Office, place: Path, *, back: bool = False) -> None:
    """Keep the repository's files outside of the lab, as off-site copies are; or put them back."""
    lab = live.lab_of(office)
    there = f"{lab.node('three').container}:{COPIES}"
    pair = (str(place), there) if back else (there, str(place))
    docker.cli(lab.engine_socket, "cp", "-a", *pair)


def then_all_at_home(office: Office) -> None:
    """Every service of the fleet runs where it is planned; stores of backups may be there, too."""
    homes = steps.planned_homes(office)

    def holds(seen: Snapshot) -> bool:
        running = live.running(seen)
        return {name: running.get(name) for name in homes} == homes

    live.wait_until(office, holds, within=90)


@pytest.mark.drill
def test_a_lost_server_and_its_data_come_back_by_the_printed_commands(vault: Office) -> None:
    """Steps 1, 2, 4 and 3."""
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    page = Page(vault)
    lost(vault, "two")
    given_an_empty_machine(vault)
    machine(vault, *ADDRESSES)
    page.typed("one", page.blocks("Server two (")[0])
    page.joined("two", "one")
    page.brought("two", "volume/data_pages")
    page.brought("two", "cache")
    # Its Redis, then the rest.
    page.typed("one", *page.blocks("Server two (")[3:])
    then_all_at_home(vault)
    then_all_data_is_there(vault)
    damaged(vault)
    page.brought("one", "db")
    assert rows(vault, "postgres") == str(ROWS)
    steps.up(vault)
    then_all_data_is_there(vault)


def damaged(office: Office) -> None:
    inside(office, "db", "psql -v ON_ERROR_STOP=1 -qU postgres -c 'truncate rows'")


@pytest.mark.drill
def test_too_few_managers_become_enough_by_the_printed_commands(vault: Office) -> None:
    """Step 5, then the end of step 4 for each that was given up."""
    given_data(vault)
    machine(vault, "one")
    page = Page(vault)
    for name in ("two", "three"):
        vault.quorate("lab", "power-off", name, str(vault.fleet), timeout=120)
    force, *_, given_up, leave = page.blocks("5. Too few managers")
    page.typed("one", force)
    before, two, three, token = re.split(r"(?m)^(?=# if two|# if three|docker swarm)", given_up)
    page.typed("one", before.partition("# if one")[0], two, three, token)
    for name in ("two", "three"):
        vault.quorate("lab", "power-on", name, str(vault.fleet), timeout=180)
        machine(vault, name)
        page.typed(name, leave)
        page.joined(name, "one")
    then_all_at_home(vault)
    then_all_data_is_there(vault)
    steps.up(vault)
    # From one server to another, over a network that was there before.
    given_a_repository(vault)
    backup(vault, "run", "db", "volume/data_pages")


@pytest.mark.drill
def test_a_whole_fleet_comes_back_by_the_printed_commands(vault: Office, tmp_path: Path) -> None:
    """Steps 1, 6, 2 and 3, from copies that were kept elsewhere."""
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    page = Page(vault)
    copies(vault, tmp_path / "copies")
    for name in ADDRESSES:
        vault.quorate("lab", "destroy", name, str(vault.fleet), "--yes", timeout=60)
    given_an_empty_machine(vault)
    machine(vault, *ADDRESSES)
    copies(vault, tmp_path / "copies", back=True)
    begin, join, made = page.blocks("6. All servers are lost")[:3]
    token = page.typed("one", begin.partition("docker swarm join-token -q worker")[0])
    token = token.strip().splitlines()[-1]
    for name in ("two", "three"):
        (line,) = [one for one in join.splitlines() if one.endswith(f"# {name}, manager")]
        page.typed(name, line.replace("TOKEN", token))
    *stacks, databases, rest = page.blocks("6. All servers are lost")[3:]
    page.typed("one", page.blocks("1. Passwords")[0], made, *stacks)
    page.brought("two", "volume/data_pages")
    page.brought("two", "cache")
    page.typed("one", databases)
    page.brought("one", "db")
    page.typed("one", rest)
    then_all_at_home(vault)
    then_all_data_is_there(vault)
    shutil.rmtree(tmp_path / "copies")
    # With Quorate again, as step 7 says.
    steps.up(vault)
    backup(vault, "run", "--prove")
    then_all_data_is_there(vault)
