"""The runbook of the example office is the one that is checked in, and leaves nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.bundle.content import wanted
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Engine, Fleet
from quorate.fleet.read import read_fleet
from quorate.recover.runbook.page import text
from quorate.recover.runbook.projects import composed
from quorate.recover.runbook.sources import chapter
from tests.unit.fleet.helpers import FLEET, fleet_of

OFFICE = Path(__file__).parents[4] / "examples" / "office"


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE / "fleet.yaml")


@pytest.fixture(scope="module")
def page(office: Fleet) -> str:
    return text(office, wanted(office, lambda path: path.is_file()))


def test_the_one_that_is_checked_in_is_the_one_that_is_made(page: str) -> None:
    kept = (OFFICE / "runbook.md").read_text()
    assert page == kept, (
        "`quorate runbook examples/office/fleet.yaml -o examples/office/runbook.md`"
    )


def test_nothing_is_left_out(office: Fleet, page: str) -> None:
    for server in office.servers:
        assert f"### Server {server.name} (" in page
        assert f"docker node rm --force {server.name}" in page
    for manager in office.managers:
        force = f"docker swarm init --force-new-cluster --advertise-addr {manager.address}"
        assert force in page
    for repository in office.backup.repositories:
        assert f"### Repository {repository.name}\n" in page
    for one in planned(office):
        if one.policy is not None:
            assert (f"fetch {one.source.id} " in page) == (not one.unreachable)
    for name in office.secrets:
        assert f"docker secret create {name} " in page
    for stack in office.stacks:
        assert "docker stack deploy --with-registry-auth" in page and stack.name in page


def test_what_keeps_data_stands_still_until_its_data_is_back(page: str) -> None:
    start = page.index("cat > pins-data.yaml")
    pins = page[start : page.index("END\n", start + 30)]
    assert "  gibd-postgres:\n    deploy:\n      replicas: 0\n" in pins
    assert 'constraints: ["node.hostname==hppavilion"]' in pins


def test_accounts_of_a_mariadb_come_before_what_is_theirs_and_grants_after_it(page: str) -> None:
    section = page.partition("### appwrite-mariadb (mariadb)\n")[2].partition("\n### ")[0]
    before, _, after = section.partition("/dump.sql'")
    assert "grep -v root.@ /tmp/quorate-restored/users.sql | mariadb -u root --force'" in before
    assert "mariadb -u root --force < /tmp/quorate-restored/users.sql'" in after


def test_what_no_backup_reaches_is_said_to_have_no_copy(page: str) -> None:
    """And how one is made by hand, and put back."""
    for name, dump, back in (
        ("mysql-mailcow (mariadb)", "mariadb-dump -u root", 'docker exec -i "$C" sh -c'),
        ("redis-mailcow (redis)", "redis-cli --rdb", 'docker cp "$RECOVERY/dumps/redis-mailcow'),
    ):
        section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert "Copies: none: its stack mailcow runs by compose" in section
        assert "fetch " not in section and dump in section and back in section


def test_what_is_excluded_because_no_backup_reaches_it_keeps_its_commands(office: Fleet) -> None:
    left = office.backup.model_copy(update={"exclude": ("mysql-mailcow", "redis")})
    found = "\n".join(chapter(office.model_copy(update={"backup": left})))
    assert "### mysql-mailcow (mariadb)" in found and "### redis (redis)" not in found


def test_images_come_first_each_on_its_own_server(tmp_path: Path) -> None:
    compose = """\
        services:
          web: {image: "shop/web:1", build: ., x-quorate: {pin: two}}
          db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres}}
        volumes: {d: }
        """
    section = """\
backup:
  repositories:
    near: {local: {server: one, path: /b}, password: {environment: P}}
    far: {local: {server: three, path: /b}, password: {environment: P}}
"""
    made = "\n".join(
        chapter(fleet_of(tmp_path, {"fleet.yaml": FLEET + section, "compose.yaml": compose}))
    )
    assert "fetch images/two images-two    # on two" in made
    assert made.index("docker load --input") < made.index("### db (postgres)")
    assert "images/two" not in made[made.index("To look things up") :]


def test_what_runs_by_compose_is_started_again_on_its_server(office: Fleet, page: str) -> None:
    """When its server is lost, and when all are: its volumes before that, its databases after."""
    stacks = [stack for stack in office.stacks if stack.engine is Engine.COMPOSE]
    assert [stack.name for stack in stacks] == ["mailcow"]
    lost = page.partition("### Server hppavilion (")[2].partition("\n### ")[0]
    whole = page.partition("## 6. All servers are lost\n")[2].partition("\n## ")[0]
    for section in (lost, whole):
        mine = section[section.index("Stack mailcow runs by docker compose on hppavilion (`ssh") :]
        up = mine.index('docker compose -p mailcow -f "$D/fleet/mailcow.yaml" up -d')
        assert mine.index('cp -a "$RECOVERY/fleet" "$D/"') < up
        assert mine.index("First volume/mailcow_rspamd, ") < up
        assert mine.index("Then mysql-mailcow, redis-mailcow, by step 3") > up
    assert "mailcow" not in lost.partition("Then step 3 for ")[2].partition("\n")[0]
    assert page.count("docker compose -p mailcow -f ") == 2


def test_what_a_stack_by_compose_takes_more_is_in_its_command(office: Fleet) -> None:
    (stack,) = [one for one in office.stacks if one.engine is Engine.COMPOSE]
    changed = stack.model_copy(
        update={
            "files": (*stack.files, Path("/etc/mail/more.yaml")),
            "env_files": (OFFICE / "mail.env",),
            "profiles": ("all",),
        }
    )
    said = "\n".join(composed(office.model_copy(update={"stacks": (changed,)})))
    assert 'cp -a "$RECOVERY/elsewhere" "$D/"' in said
    files = '-f "$D/fleet/mailcow.yaml" -f "$D/elsewhere/etc/mail/more.yaml"'
    assert f'{files} --env-file "$D/fleet/mail.env" --profile all up -d' in said
    assert list(composed(office, "wsasus")) == []


@pytest.mark.parametrize(("said", "pinned"), [("", ""), ('version: "3.9"\n', 'version: "3.9"\n')])
def test_pins_are_of_the_version_that_the_files_beside_them_have(
    tmp_path: Path, said: str, pinned: str
) -> None:
    """Docker refuses two files of different versions, and takes none for its newest."""
    compose = said + "services: {db: {image: postgres, x-quorate: {state: postgres, pin: two}}}\n"
    fleet = fleet_of(tmp_path, {"compose.yaml": compose})
    page = text(fleet, wanted(fleet, lambda path: path.is_file()))
    assert f"cat > pins-app.yaml <<'END'\n{pinned}services:\n" in page
