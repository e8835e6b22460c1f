"""Finding the container that people mean."""

from __future__ import annotations

import pytest

from quorate.errors import QuorateError, UsageError
from quorate.fleet.observed import (
    ObservedContainer,
    ObservedNode,
    ObservedService,
    ObservedTask,
    Snapshot,
)
from quorate.observe.locate import Place, choose_place, find_service
from quorate.observe.remote import Inside, LogOptions, execute, service_log
from quorate.tools import clock
from quorate.tools.ssh import Target
from tests.fakes.fleets import make_fleet

FLEET = make_fleet({"web": {"services": {"front": {}, "back": {}}}})
TARGET = Target(name="alpha", host="192.0.2.1", user="root")


def snapshot(state: str = "running", error: str = "") -> Snapshot:
    return Snapshot(
        taken_at=clock.now(),
        nodes=(ObservedNode(id="n", hostname="alpha", state="ready"),),
        services=(ObservedService(id="s", name="web_front", replicas=1),),
        tasks=(
            ObservedTask(
                id="t",
                service_id="s",
                node_id="n",
                state=state,
                desired_state="running",
                container_id="c1",
                error=error,
            ),
        ),
    )


def test_a_near_miss_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        find_service(FLEET, "fron")
    assert "front" in str(caught.value.todo)


@pytest.mark.parametrize("name", ["front", "web/front", "web_front"])
def test_every_name_of_a_service_works(name: str) -> None:
    assert find_service(FLEET, name).id == "front"


def test_the_running_task_is_found() -> None:
    place = choose_place(FLEET.service("front"), snapshot())
    assert place == Place(server="alpha", container="c1")


def test_on_another_server_it_says_where_it_runs() -> None:
    with pytest.raises(QuorateError) as caught:
        choose_place(FLEET.service("front"), snapshot(), "beta")
    assert "alpha" in str(caught.value.todo)


def test_none_running_is_told_in_swarms_words() -> None:
    with pytest.raises(QuorateError) as caught:
        choose_place(FLEET.service("front"), snapshot("pending", "no suitable node"))
    assert "no suitable node" in str(caught.value.cause)


def test_without_a_swarm_the_containers_are_looked_through() -> None:
    item = ObservedContainer(
        id="c2",
        name="x",
        server="beta",
        state="running",
        labels={"com.docker.swarm.service.name": "web_back"},
    )
    seen = Snapshot(taken_at=clock.now(), containers=(item,))
    assert choose_place(FLEET.service("back"), seen).container == "c2"


def test_arguments_reach_the_command_as_they_are() -> None:
    place = Place(server="alpha", container="c1")
    argv = execute(TARGET, place, Inside(command=("sh", "-c", "echo 'a  b' $HOME")))
    assert argv[-1] == """docker exec c1 sh -c 'echo '"'"'a  b'"'"' $HOME'"""
    assert "-n" in argv and "-t" not in argv


def test_a_terminal_is_asked_for_on_both_ends() -> None:
    place = Place(server="alpha", container="c1")
    argv = execute(TARGET, place, Inside(command=("sh",), interactive=True, tty=True))
    assert "-t" in argv and "-n" not in argv
    assert argv[-1] == "docker exec --interactive --tty c1 sh"


def test_log_options() -> None:
    argv = service_log(TARGET, "web_front", LogOptions(follow=True, tail=None, since="10m"))
    assert argv[-1] == "docker service logs --tail all --since 10m --follow web_front"
