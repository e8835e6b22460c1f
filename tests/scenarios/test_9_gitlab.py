"""A GitLab (its stand-in) restored in the swarm, which replaces what does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios import live, steps
from tests.scenarios.test_9_backup import COPIES, backup, inside, on, then_nothing_is_left

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


@pytest.mark.drill
def test_its_health_check_does_not_end_a_restore(forge: Office) -> None:
    steps.up(forge)
    on(forge, "two", "mkdir", "-m", "700", "-p", COPIES)
    inside(forge, "gitlab", FILL)
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
