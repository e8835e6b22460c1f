"""The runbook of the example office is the one that is checked in, and leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quorate.backup.bundle.content import wanted
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Engine, Fleet
from quorate.fleet.read import read_fleet
from quorate.recover.runbook.page import text
from quorate.recover.runbook.projects import composed
from quorate.recover.runbook.sources import chapter
from tests.unit.backup.jobs import made
from tests.unit.backup.jobs.made import SECTION
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


SEVERAL = """\
services:
  cloud: {image: x, volumes: ["a:/a", "b:/b"], x-quorate: {state: volume, pin: one, needs: [db]}}
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  web: {image: x, deploy: {replicas: 2}, x-quorate: {needs: [db]}}
  agent: {image: x, deploy: {mode: global}, x-quorate: {needs: [web]}}
  migrate: {image: x, deploy: {mode: replicated-job}, x-quorate: {needs: [db]}}
volumes: {a: , b: , d: }
"""


def page_of(directory: Path, compose: str) -> str:
    section = SECTION.replace("  exclude: [out]\n", "")
    return text(made.fleet(directory, section, compose), ())


def part(page: str, heading: str) -> str:
    return re.split(r"\n##+ ", page.partition(f"### {heading}")[2])[0]


def test_nothing_starts_before_all_its_volumes_are_there(tmp_path: Path) -> None:
    page = page_of(tmp_path, SEVERAL)
    step = page[page.index("## 3.") : page.index("## 4.")]
    stop, start = step.index("app_cloud=0"), step.index("app_cloud=1")
    assert stop < step.index("cp -a") < step.rindex("cp -a") < start
    assert step.rindex("cp -a") < step.index("app_db=1") < step.index("pg_restore") < start
    for volume in ("volume/app_a", "volume/app_b"):
        assert "docker service" not in part(page, f"{volume} (")


def test_what_needs_a_database_stands_still_until_it_is_filled(tmp_path: Path) -> None:
    """In each of the ways through the page; a job that ran once is left alone."""
    page = page_of(tmp_path, SEVERAL)
    stop, start = part(page, "Stop what uses the data"), part(page, "Start the rest")
    nowhere = "'node.hostname==nowhere' app_agent"
    assert "# db\ndocker service scale app_cloud=0 app_web=0\n" in stop
    assert f"docker service update -d --constraint-add {nowhere}" in stop
    assert "# db\ndocker service scale app_cloud=1 app_web=2\n" in start
    lost = part(page, "Server one (")
    assert "docker service scale app_cloud=0 app_db=0 app_web=0\n" in lost
    assert lost.index("app_web=0") < lost.index("docker node rm") < lost.index("app_db=1")
    assert (
        lost.index("app_db=1")
        < lost.index("By step 3, on the new machine: db")
        < lost.index("app_web=2")
    )
    whole = page[page.index("## 6.") :]
    assert "  web:\n    deploy:\n      replicas: 0\n  agent:\n    deploy:\n" in whole
    assert '      placement: {constraints: ["node.hostname==nowhere"]}\n' in whole
    assert whole.index("stack deploy") < whole.index("app_db=1") < whole.index("app_web=2")
    for told in (start, lost, whole):
        assert f"docker service update --constraint-rm {nowhere}" in told
    assert "migrate" not in page


def test_a_server_is_told_nothing_that_only_a_manager_does(tmp_path: Path) -> None:
    """And no second Redis starts on a volume that the first one still has."""
    compose = """\
services:
  cache: {image: "redis:7", volumes: ["m:/data"], x-quorate: {state: redis, pin: three}}
  gitlab: {image: g, volumes: ["g:/var/opt/gitlab"], x-quorate: {state: gitlab, pin: three}}
volumes: {m: , g: }
"""
    page = page_of(tmp_path, compose)
    redis, gitlab = part(page, "cache (redis)"), part(page, "gitlab (gitlab)")
    assert "docker service" not in redis + gitlab
    assert redis.index("docker ps -q -f volume=app_m)") < redis.index("docker create")
    begin = "docker service update --no-healthcheck --replicas 1 app_gitlab"
    assert begin in part(page, "Start the databases")
    end = part(page, "Start the rest")
    assert end.index("docker service rollback app_gitlab") < end.index("app_gitlab=1")
    assert "No service says that it needs cache, gitlab" in part(page, "Stop what uses the data")


UNPINNED = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres}}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume}}
  each: {image: x, volumes: ["e:/e"], deploy: {mode: global}, x-quorate: {state: volume}}
  pair: {image: x, volumes: ["p:/p"], deploy: {replicas: 2},
         x-quorate: {state: volume, pin: [one, two]}}
volumes: {d: , v: , e: , p: }
"""


def test_what_nothing_pins_may_have_lived_on_each_server(tmp_path: Path) -> None:
    page = page_of(tmp_path, UNPINNED)
    for name in ("one", "two", "three"):
        lost = part(page, f"Server {name} (")
        assert "Data that may have lived there, since nothing pins it: db, volume/app_v." in lost
        assert "docker service ps app_db app_files " in lost
        stop = f"docker service update --replicas 0 --constraint-add 'node.hostname=={name}' app_db"
        assert f"# if db lived on {name}:\n{stop}\n" in lost
        assert lost.index(stop) < lost.index("docker node rm")
        away = f"docker service update -d --constraint-add 'node.hostname!={name}' app_each"
        assert f"volume/app_e@{name}" in lost and away in lost
    assert "app_pair" not in part(page, "Server three (")
    assert "`docker service ps app_db` on a manager says" in part(page, "db (postgres)")


def test_after_a_loss_of_all_a_person_says_where_unpinned_data_lives(tmp_path: Path) -> None:
    page = page_of(tmp_path, UNPINNED)
    pins = page.partition("cat > pins-app.yaml")[2].partition("\nEND\n")[0]
    said = 'placement: {constraints: ["node.hostname==SERVER"]}    # SERVER: one of one, two, three'
    assert pins.count(said) == 2
    # Those with data of their own on several servers stay on these.
    assert (
        "  pair:\n    deploy:\n      replicas: 0\n" in pins and '["node.hostname!=three"]' in pins
    )


def test_what_runs_by_compose_elsewhere_stops_for_a_lost_database(
    tmp_path: Path,
) -> None:
    stacks = (
        "  app: {files: [compose.yaml]}\n  mail: {files: [m.yaml], engine: compose, server: two}\n"
    )
    files = {
        "fleet.yaml": FLEET.replace("  app: {files: [compose.yaml]}\n", stacks),
        "compose.yaml": SEVERAL,
        "m.yaml": "services: {imap: {image: x, x-quorate: {needs: [db]}}}\n",
    }
    page = text(fleet_of(tmp_path, files), ())
    assert "By compose on other servers, imap need it" in part(page, "Server one (")
    stop = part(page, "Stop what uses the data")
    assert "On two (`ssh 192.0.2.2`):\n\n```sh\n# db\ndocker compose -p mail stop imap\n" in stop
