"""A GitLab (its stand-in) restored in the swarm, which replaces what does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios import live, steps
from tests.scenarios.test_9_backup import COPIES, backup, inside, on, then_nothing_is_left
from tests.scenarios.test_9_move import move, then_nothing_copies

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

NAME = "ci_gitlab"
FILL = "gitlab-standin fill --repositories=5 --files=5 --rows=500"
DATA = """cd /var/opt/gitlab
find git-data gitlab-rails gitlab-ci postgresql -type f -print0 | sort -z | xargs -0 sha256sum |
sha256sum; sha256sum /etc/gitlab/gitlab-secrets.json"""


def at(office: Office) -> tuple[str, ...]:
    return ("--fleet", str(office.fleet), "--lab")


def data(office: Office) -> str:
    """A hash of all that it keeps."""
    return inside(office, "gitlab", DATA)


def spec(office: Office) -> Any:
    """The service, as the engine has it."""
    with live.connected(office) as connections:
        return connections.manager().client.api.inspect_service(NAME)["Spec"]


def given_a_gitlab(office: Office) -> None:
    """It runs, with issues, repositories and files in it."""
    steps.up(office)
    inside(office, "gitlab", FILL)


@pytest.mark.drill
def test_its_health_check_does_not_end_a_restore(forge: Office) -> None:
    given_a_gitlab(forge)
    on(forge, "three", "mkdir", "-m", "700", "-p", COPIES)
    backup(forge, "run", "gitlab", "--prove")
    good, before = data(forge), spec(forge)
    check = before["TaskTemplate"]["ContainerSpec"]["Healthcheck"]
    inside(forge, "gitlab", "rm -r /var/opt/gitlab/git-data; echo '{}' > /etc/gitlab/gitlab.rb")
    assert data(forge) != good
    done = forge.json(
        *("recover", "database", "gitlab", "--yes-really", "gitlab", *at(forge)), timeout=300
    )
    assert done["operation"]["state"] == "done" and done["rto_seconds"] > 15
    assert data(forge) == good
    after = spec(forge)
    assert after["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == check
    assert after["Labels"] == before["Labels"]
    then_nothing_is_left(forge)
    steps.then_no_lock_is_left(forge)


@pytest.mark.drill
def test_it_moves_with_its_database_and_its_secrets(forge: Office) -> None:
    given_a_gitlab(forge)
    good, file = data(forge), forge.fleet.parent / "ci.yaml"
    text = file.read_text()
    file.write_text(text.replace("pin: one", "pin: two"))
    try:
        moved = move(forge, "gitlab", "--to", "two")
        assert moved["state"] == "done" and data(forge) == good
        assert live.running(live.snapshot(forge))[NAME] == ("two",)
        assert inside(forge, "gitlab", "gitlab-rake gitlab:doctor:secrets").count("done") == 1
    finally:
        file.write_text(text)
    back = forge.json("operations", "undo", moved["id"], *at(forge), "--yes", timeout=300)
    assert back["state"] == "undone" and data(forge) == good
    assert live.running(live.snapshot(forge))[NAME] == ("one",)
    then_nothing_copies(forge)
    steps.then_no_lock_is_left(forge)
