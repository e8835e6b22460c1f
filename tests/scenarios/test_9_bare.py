"""Bare machines become servers: Docker installed, walls opened, joined; cut off midway."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.fleet.imports.edit import without_server
from quorate.lab.images_build import ensure_quorate
from tests.scenarios import steps
from tests.scenarios.bare import Machines, machines
from tests.scenarios.conftest import Office

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1200)]
ADD_SECONDS = 240.0
RECOVERED_SECONDS = 300.0
FLEET = """\
version: 1
name: bare
swarm: {{encrypt_networks: false}}
servers:
  alpha:
    address: {address}
    role: manager
    cpus: 2
    memory: 2G
    ssh: {{user: root, config: {config}}}
stacks:
  site: {{files: [site.yaml]}}
"""
SITE = """\
services:
  web:
    image: web:1
    entrypoint: [python3, -m, http.server, "8000"]
    working_dir: /etc
    deploy: {mode: global, endpoint_mode: dnsrr}
    x-quorate: {state: none}
"""
ASK_ALL = """
import socket, urllib.request
for each in sorted({one[4][0] for one in socket.getaddrinfo("tasks.web", 8000)}):
    print(urllib.request.urlopen(f"http://{each}:8000/hostname", timeout=5).read().decode().strip())
"""
NOTES = """\
services:
  notes:
    image: web:1
    entrypoint: [sleep, infinity]
    volumes: ["pages:/pages"]
    x-quorate: {state: volume, pin: kappa}
volumes: {pages: }
"""
BACKUP = """
backup:
  controller: false
  repositories:
    near:
      local: {server: alpha, path: /srv/copies}
      password: {file: repository-password.txt}
  exclude: [configs, swarm, system/alpha, system/kappa, images/alpha]
  images: [web:1]
"""
ENTRY = """\
  lambda:
    address: {address}
    role: worker
    cpus: 2
    memory: 2G
    ssh: {{user: ops, config: {config}}}
"""
FAR = """\
    far:
      sftp:
        host: {address}
        user: ops
        path: /home/ops/copies
        identity: {{file: sftp-key}}
        known_hosts: {{file: sftp-host}}
      offsite: true
      password: {{file: repository-password.txt}}
  bundle: {{recipients: [{recipient}]}}
"""
HOLD_APT = """
import fcntl, time
file = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(25)
"""
"""As a new machine's first upgrade does, which nobody has asked for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A fleet of one server, and where bare machines come from."""

    office: Office
    machines: Machines

    def add(self, name: str, address: str, *more: str, user: str = "ops") -> tuple[str, ...]:
        """The arguments that add a machine."""
        way = ("--address", address, "--user", user, "--ssh-config", str(self.machines.config))
        return ("server", "add", name, *way, *more, "--fleet", str(self.office.fleet))

    def nodes(self) -> dict[str, str]:
        """By name, how the swarm finds its servers."""
        listed = self.machines.run("alpha", "docker node ls --format '{{.Hostname}} {{.Status}}'")
        return dict(line.split() for line in listed.splitlines())


@pytest.fixture(scope="module")
def bare(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A swarm of one machine, on which a service runs."""
    directory = tmp_path_factory.mktemp("bare")
    with machines(directory) as made:
        address = made.make("alpha")
        made.run("alpha", "apt-get update -q && apt-get install -y -q docker.io docker-cli")
        made.give_image("alpha", "web:1")
        fleet = directory / "fleet" / "fleet.yaml"
        fleet.parent.mkdir()
        fleet.write_text(FLEET.format(address=address, config=made.config))
        (fleet.parent / "site.yaml").write_text(SITE)
        state = {"XDG_STATE_HOME": str(directory / "state"), "NO_COLOR": "1"}
        office = Office(fleet=fleet, environment={**os.environ, **state})
        office.quorate("up", str(fleet), "--yes")
        yield Place(office=office, machines=made)


def address_of(bare: Place, name: str) -> str:
    """As the others reach it."""
    return bare.machines.run(name, "hostname -i").split()[0]


def until(holds: Callable[[], bool], *, within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(1)


def then_the_notes_are_there(bare: Place, server: str) -> None:
    inside = "docker exec $(docker ps -qf name=site_notes) sh -c 'wc -l < /pages/rows'"
    assert bare.machines.run(server, inside).strip() == "1000"


def answers(bare: Place) -> set[str]:
    """What each task of the service answers to one of them, over the servers' network."""
    inside = "docker exec -i $(docker ps -qf name=site_web) python3 -"
    return set(bare.machines.run("alpha", inside, given=ASK_ALL).split())


def test_a_bare_machine_becomes_a_server(bare: Place) -> None:
    """By a user who may be root by sudo; its ufw and that of the others let nothing else in."""
    made, office = bare.machines, bare.office
    argv = bare.add("beta", made.make("beta"), "--label", "zone=b")
    before = office.fleet.read_text()
    shown = office.json(*argv, "--dry-run")
    assert [one["id"] for one in shown["steps"]] == ["file", "engine", "firewall", "join", "labels"]
    assert office.fleet.read_text() == before
    began = time.monotonic()
    done = office.json(*argv, "--yes", timeout=ADD_SECONDS)
    print(f"added in {time.monotonic() - began:.1f} s; ", end="")
    assert done["state"] == "done" and bare.nodes() == {"alpha": "Ready", "beta": "Ready"}
    labels = "docker node inspect beta -f '{{.Spec.Labels}}'"
    assert "zone:b" in made.run("alpha", labels)
    assert "docker" in made.run("beta", "id -nG ops").split()
    for name, other in (("alpha", "beta"), ("beta", "alpha")):
        walls = made.run(name, "ufw status")
        address = made.run(other, "hostname -i").split()[0]
        assert "Status: active" in walls and f"ALLOW       {address}" in walls, walls

    made.give_image("beta", "web:1")
    office.quorate("up", str(office.fleet), "--yes")
    assert len(answers(bare)) == 2
    # Its engine is one that starts with the machine.
    made.restart("beta")
    until(lambda: bare.nodes() == {"alpha": "Ready", "beta": "Ready"}, within=60)
    until(lambda: len(answers(bare)) == 2, within=60)
    refused = office.json(*bare.add("gamma", made.make("delta")), "--yes", code=8)
    assert "calls itself delta" in refused["cause"], refused
    refused = office.json(*bare.add("delta", address_of(bare, "delta"), user="guest"), code=8)
    assert "does not let Quorate be root" in refused["cause"], refused
    office.json("server", "remove", "beta", "--fleet", str(office.fleet), "--yes", timeout=240)
    assert bare.nodes() == {"alpha": "Ready"} and "beta" not in office.fleet.read_text()
    made.lose("beta")
    made.lose("delta")


def test_an_installation_that_is_cut_off_is_gone_on_with(bare: Place) -> None:
    """Quorate is killed, and what installs goes on; then that is killed among its packages."""
    made, office = bare.machines, bare.office
    argv = bare.add("gamma", made.make("gamma"))
    at = ("--fleet", str(office.fleet), "--yes")
    verb = office.start(*argv, "--yes")
    steps.when_it_says(verb, "install Docker")
    until(lambda: "dpkg" in made.run("gamma", "ps axo comm"), within=60)
    os.killpg(verb.pid, signal.SIGKILL)
    steps.its_end(verb, within=10)
    done = office.json("operations", "resume", *at, timeout=ADD_SECONDS)
    assert done["state"] == "done" and bare.nodes()["gamma"] == "Ready"
    undone = office.json("operations", "undo", done["id"], *at)
    assert undone["state"] == "undone" and bare.nodes() == {"alpha": "Ready"}
    made.lose("gamma")

    argv = bare.add("epsilon", made.make("epsilon"))
    made.run("epsilon", f"nohup python3 -c '{HOLD_APT}' > /dev/null 2>&1 &")
    verb = office.start(*argv, "--yes")
    until(lambda: "dpkg-deb" in made.run("epsilon", "ps axo comm"), within=90)
    made.run("epsilon", "killall -9 -q apt-get dpkg dpkg-deb || true")
    code, said = steps.its_end(verb, within=60)
    assert code not in (0, None), said
    assert "Traceback" not in said
    done = office.json("operations", "resume", *at, timeout=ADD_SECONDS)
    assert done["state"] == "done" and bare.nodes()["epsilon"] == "Ready"
    assert made.run("epsilon", "dpkg --audit") == ""
    undone = office.json("operations", "undo", done["id"], *at)
    assert undone["state"] == "undone" and bare.nodes() == {"alpha": "Ready"}
    made.lose("epsilon")


def test_what_was_lost_with_a_server_comes_back_on_a_bare_machine(bare: Place) -> None:
    """In one command, though no registry has an image: the services' come from their copies,
    Quorate's own from a server that has it."""
    made, office = bare.machines, bare.office
    directory, at = office.fleet.parent, ("--fleet", str(office.fleet))
    image, own = ensure_quorate(made.found), f"quorate:{version('quorate')}"
    made.give_image("alpha", own, image=image)
    made.run("alpha", "mkdir -m 700 -p /srv/copies")
    former = made.make("kappa")
    office.json(*bare.add("kappa", former), "--yes", timeout=ADD_SECONDS)
    made.give_image("kappa", own, image=image)
    made.give_image("kappa", "web:1")
    (directory / "notes.yaml").write_text(NOTES)
    (directory / "repository-password.txt").write_text("only-of-this-test")
    text = office.fleet.read_text().replace("[site.yaml]}", "[site.yaml, notes.yaml]}")
    office.fleet.write_text(text + BACKUP)
    office.quorate("up", str(office.fleet), "--yes")
    notes = "docker exec $(docker ps -qf name=site_notes) sh -c"
    made.run("kappa", f"{notes} 'seq 1000 > /pages/rows'")
    report = office.json("backup", "run", "--prove", *at, timeout=300)
    assert {run["outcome"] for run in report["runs"]} == {"done"} and not report["refused"]

    made.lose("kappa")
    until(lambda: bare.nodes()["kappa"] == "Down", within=90)
    address = made.make("kappa")
    office.fleet.write_text(office.fleet.read_text().replace(former, address))
    recover = ("recover", "server", "kappa", *at)
    shown = [one["id"] for one in office.json(*recover, "--dry-run")["steps"]]
    assert shown[:3] == ["engine", "firewall", "image"], shown
    done = office.json(*recover, "--yes", timeout=RECOVERED_SECONDS)
    print(f"RTO {done['rto']} s; ", end="")
    print({one["step"]: one["seconds"] for one in done["operation"]["entries"]})
    assert done["operation"]["state"] == "done" and bare.nodes()["kappa"] == "Ready"
    then_the_notes_are_there(bare, "kappa")
    assert f"ALLOW       {address}" in made.run("alpha", "ufw status")
    until(lambda: len(answers(bare)) == len(bare.nodes()), within=60)


def test_a_bare_machine_by_another_name_takes_the_place_of_a_lost_one(bare: Place) -> None:
    """Goes on where the one before has ended. It is in the fleet file, and not in the swarm yet."""
    made, office = bare.machines, bare.office
    at = ("--fleet", str(office.fleet))
    report = office.json("backup", "run", "--prove", *at, timeout=300)
    assert {run["outcome"] for run in report["runs"]} <= {"done"} and not report["refused"]
    address = made.make("lambda")  # before the lost one's address is free again
    made.lose("kappa")
    until(lambda: bare.nodes()["kappa"] == "Down", within=90)
    text = office.fleet.read_text().replace("system/kappa", "system/kappa, system/lambda")
    entry = ENTRY.format(address=address, config=made.config)
    office.fleet.write_text(text.replace("servers:\n", f"servers:\n{entry}"))
    recover = ("recover", "server", "kappa", "--onto", "lambda", *at, "--yes")
    done = office.json(*recover, timeout=RECOVERED_SECONDS)
    print(f"RTO {done['rto']} s; ", end="")
    assert done["operation"]["state"] == "done"
    assert done["operation"]["operation"]["steps"][0]["id"] == "engine"
    assert bare.nodes() == {"alpha": "Ready", "lambda": "Ready"}
    then_the_notes_are_there(bare, "lambda")
    # As its warning says.
    notes = office.fleet.parent / "notes.yaml"
    notes.write_text(NOTES.replace("kappa", "lambda"))
    text = office.fleet.read_text().replace("system/kappa, ", "")
    office.fleet.write_text(without_server(text, "kappa"))
    office.quorate("up", str(office.fleet), "--yes")
    then_the_notes_are_there(bare, "lambda")


def test_a_fleet_comes_back_on_bare_machines_at_other_addresses(
    bare: Place, tmp_path: Path
) -> None:
    """Goes on where the one before has ended: two servers, one of them with data."""
    made, office = bare.machines, bare.office
    (keeper,) = bare.nodes().keys() - {"alpha"}
    directory, at = office.fleet.parent, ("--fleet", str(office.fleet))
    image, own = ensure_quorate(made.found), f"quorate:{version('quorate')}"
    password, identity = tmp_path / "password", tmp_path / "age"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    recipient = identity.read_text().partition("public key: ")[2].split()[0]
    far = made.make("far", walled=False)
    shutil.copy(made.directory / "key", directory / "sftp-key")
    host_key = made.run("far", "cat /etc/ssh/ssh_host_ed25519_key.pub")
    (directory / "sftp-host").write_text(f"{far} {host_key}")
    shutil.copy(directory / "repository-password.txt", password)
    text = office.fleet.read_text()
    section = FAR.format(address=far, recipient=recipient)
    office.fleet.write_text(text.replace("  exclude: [", f"{section}  exclude: ["))
    office.quorate("up", str(office.fleet), "--yes")
    report = office.json("backup", "run", "--copy", "--prove", *at, timeout=400)
    assert {run["outcome"] for run in report["runs"]} == {"done"} and not report["refused"]

    addresses = {name: made.replace(name) for name in ("alpha", keeper)}
    directory.rename(tmp_path / "lost")
    directory.mkdir()  # where commands run
    words = (
        *("--from", f"sftp:ops@{far}:/home/ops/copies", "--password-file", str(password)),
        *("--identity", str(identity), "--ssh-config", str(made.config)),
        *("--servers", ",".join(f"{name}={at}" for name, at in addresses.items())),
    )
    into = ("--into", str(tmp_path / "recovered"))
    shown = office.json("recover", "fleet", *words, *into, "--dry-run", timeout=240)
    assert [one["id"] for one in shown["steps"]][:4] == ["reach", "engines", "firewall", "swarm"]
    stopped = office.json("recover", "fleet", *words, *into, "--yes", code=None, timeout=400)
    assert f"no image {own}" in stopped["what"], stopped
    made.give_image("alpha", own, image=image)  # the others have it from there
    made.give_image("alpha", "web:1")
    done = office.json("recover", "fleet", *into, "--yes", timeout=400)
    print(f"RTO {done['rto']} s, with an image by hand; ", end="")
    assert done["operation"]["state"] == "done"
    assert bare.nodes() == {"alpha": "Ready", keeper: "Ready"}
    then_the_notes_are_there(bare, keeper)
    until(lambda: len(answers(bare)) == 2, within=60)
