"""A MariaDB and a GitLab (its stand-in) beside it: moved as one, lost with their server, back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.scenarios import figures, live, steps
from tests.scenarios.test_9_backup import COPIES, backup, inside, on
from tests.scenarios.test_9_gitlab import data, given_a_gitlab
from tests.scenarios.test_9_move import (
    acknowledged,
    homes,
    move,
    pinned,
    then_nothing_copies,
    writing,
)
from tests.scenarios.test_9_recover_server import (
    given_an_empty_machine,
    lost,
    recover,
    then_nothing_is_held,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Office

ITEMS = 200_000
OWN = "own/ledger:1"
MADE = f"""
echo ours > /tmp/own.txt
docker create --name made nginx:1.27
docker cp /tmp/own.txt made:/own.txt
docker commit made {OWN}
docker rm made
"""
OUTAGE_SECONDS = 20.0
"""What it may be down for here: its files are read once more while it stands still."""
DOOR = 'mariadb -h stock -uroot -p"$(cat /run/secrets/stock_password)" -N -B'
FILL = f"""
CREATE DATABASE IF NOT EXISTS shop;
USE shop;
CREATE OR REPLACE TABLE shop.items (i INT PRIMARY KEY, said CHAR(32) NOT NULL);
INSERT INTO shop.items SELECT seq, MD5(seq) FROM seq_1_to_{ITEMS};
CREATE OR REPLACE TABLE shop.acks (i INT PRIMARY KEY);
"""
ALL = """
SELECT COUNT(*), SUM(i), BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT(i, said)), 16), 16, 10) AS UNSIGNED))
FROM shop.items
"""
WRITER = f"""\
i=0; while [ ! -e /tmp/enough ]; do i=$((i+1));
timeout 1.5 {DOOR} --connect-timeout=1 -e "INSERT INTO shop.acks VALUES ($i)" \
  >/dev/null 2>&1 && echo "$i $(date +%s.%N)" >> /tmp/acks; done
"""


def asked(office: Office, statement: str) -> str:
    """What the MariaDB answers to who uses it."""
    return inside(office, "web", f"{DOOR} -e '{statement}'").strip()


def given_items(office: Office) -> str:
    """Everything runs, and the MariaDB is full; what it says of its rows."""
    given_a_gitlab(office)
    asked(office, FILL)
    return asked(office, ALL)


@contextmanager
def own_image(office: Office) -> Iterator[None]:
    """A service of an image that its server alone has, and that is backed up."""
    on(office, "two", "sh", "-ec", MADE)
    with without_own_image(office, adding=True):
        yield
    steps.up(office)


@contextmanager
def without_own_image(office: Office, *, adding: bool = False) -> Iterator[None]:
    """The fleet file does not have that service meanwhile; or it alone does (`adding`).

    A lab's registry has whatever the fleet file names when the lab is brought up.
    """
    text = office.fleet.read_text()
    stack, images = "  own: {files: [own.yaml]}\n", f"  images: [{OWN}]\n"
    if adding:
        changed = text.replace("stacks:\n", "stacks:\n" + stack)
        changed = changed.replace("  exclude:", images + "  exclude:")
    else:
        changed = text.replace(stack, "").replace(images, "")
    assert changed != text
    office.fleet.write_text(changed)
    try:
        yield
    finally:
        office.fleet.write_text(text)


@pytest.mark.drill
def test_it_moves_while_it_is_written_to_and_loses_nothing(forge: Office, tmp_path: Path) -> None:
    good, file = given_items(forge), tmp_path / "acks"
    with pinned(forge, "stock", "one", "two", "crm.yaml"):
        with writing(forge, "crm_web", WRITER, file):
            made = move(forge, "stock", "--to", "two", "--measure")
        rows, outage = acknowledged(file)
        figures.told("move, MariaDB that is written to", outage=outage)
        print(f"by the move {made['facts']['down']} s; {len(rows)} rows; {made['facts']['rounds']}")
        assert homes(forge)["crm_stock"] == ("two",) and asked(forge, ALL) == good
        assert set(map(str, rows)) <= set(asked(forge, "SELECT i FROM shop.acks").split())
        assert move(forge, "--undo", "stock")["state"] == "undone"
    assert homes(forge)["crm_stock"] == ("one",) and asked(forge, ALL) == good
    then_nothing_copies(forge)
    assert outage <= OUTAGE_SECONDS


@pytest.mark.drill
def test_both_move_as_one_and_come_back_when_their_server_is_lost(
    forge: Office, tmp_path: Path
) -> None:
    """The lost server alone had the image of a third service, which no registry has."""
    items, on_lab = given_items(forge), ("--fleet", str(forge.fleet), "--lab", "--yes")
    repositories = data(forge)
    with ExitStack() as pins, own_image(forge):
        steps.up(forge)
        pins.enter_context(pinned(forge, "stock", "one", "two", "crm.yaml"))
        pins.enter_context(pinned(forge, "gitlab", "one", "two", "ci.yaml"))
        wanted = ("--move", "stock=two", "--move", "gitlab=two", "--live", "--lab", "--json")
        plan = tmp_path / "what-if.json"
        plan.write_text(forge.quorate("what-if", str(forge.fleet), *wanted).stdout)
        over = ("--over", "crm_items")
        moved = forge.json("move", "--plan", str(plan), *over, *on_lab)
        figures.told("move, MariaDB and GitLab as one", outage=moved["facts"]["down"])
        assert homes(forge)["crm_stock"] == homes(forge)["ci_gitlab"] == ("two",)
        assert asked(forge, ALL) == items and data(forge) == repositories
        assert move(forge, "--finish", "gitlab")["state"] == "done"

        on(forge, "three", "mkdir", "-m", "700", "-p", COPIES)
        runs = backup(forge, "run", "--prove")["runs"]
        assert {run["source"]: run["outcome"] for run in runs} == {
            "stock": "done",
            "gitlab": "done",
            "images/two": "done",
        }
        image = on(forge, "two", "docker", "image", "inspect", "-f", "{{.Id}}", OWN)
        lost(forge, "two")
        with without_own_image(forge):
            given_an_empty_machine(forge)
        assert OWN not in on(forge, "two", "docker", "images", "--format", "{{.Repository}}")
        report = recover(forge, "two")
        figures.told(
            "recover server, MariaDB, GitLab", RTO=report["rto"], RPO=max(report["rpo"].values())
        )
        assert report["operation"]["state"] == "done"
        assert on(forge, "two", "docker", "image", "inspect", "-f", "{{.Id}}", OWN) == image
        assert inside(forge, "ledger", "cat /own.txt").strip() == "ours"
        assert asked(forge, ALL) == items and data(forge) == repositories
        assert inside(forge, "gitlab", "gitlab-rake gitlab:doctor:secrets").count("done") == 1
        then_nothing_is_held(forge)
    # Home again, for the scenarios after this one.
    for service in ("stock", "gitlab"):
        move(forge, service, "--to", "one", *over, "--over", "ci_conf", "--over", "ci_data")
        move(forge, "--finish", service)
    assert asked(forge, ALL) == items and data(forge) == repositories
    steps.then_no_lock_is_left(forge)
    assert live.running(live.snapshot(forge))["crm_stock"] == ("one",)
