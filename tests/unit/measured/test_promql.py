"""What Prometheus is asked, and what its answers mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quorate.fleet.model import Prometheus
from quorate.measured.promql import (
    CHUNK_STEPS,
    NonsenseError,
    chunks,
    names_of,
    queries,
    read_answer,
    refusal,
    step_of,
)
from tests.unit.plan.builders import server

WHERE = Prometheus(url="http://p:9090", match={"job": 'a"b\\'})
SWARM = queries(WHERE, 300)["memory, swarm"]
COMPOSE = queries(WHERE, 300)["cpu, compose"]
SERVICE = "container_label_com_docker_swarm_service_name"


def test_the_questions() -> None:
    asked = {name: query.text for name, query in queries(WHERE, 300).items()}
    assert asked["memory, swarm"] == (
        f"max by ({SERVICE}, name, instance) (max_over_time(container_memory_working_set_bytes"
        f'{{{SERVICE}!="",job="a\\"b\\\\"}}[300s]))'
    )
    assert asked["cpu, compose"] == (
        "sum by (container_label_com_docker_compose_project, "
        "container_label_com_docker_compose_service, name, instance) "
        "(rate(container_cpu_usage_seconds_total"
        '{container_label_com_docker_compose_project!="",'
        'container_label_com_docker_compose_service!="",'
        f'{SERVICE}="",job="a\\"b\\\\"}}[300s]))'
    )
    assert set(asked) == {f"{r}, {k}" for r in ("memory", "cpu") for k in ("swarm", "compose")}


def test_other_names() -> None:
    where = Prometheus(url="http://p", service_label="swarm_service", memory_metric="m", match={})
    text = queries(where, 0.5)["memory, swarm"].text
    assert (
        text
        == 'max by (swarm_service, name, instance) (max_over_time(m{swarm_service!=""}[500ms]))'
    )


@pytest.mark.parametrize(
    ("window", "step"), [(60, 60), (3600, 60), (7 * 86400, 300), (30 * 86400, 1320)]
)
def test_steps(window: float, step: float) -> None:
    assert step_of(window) == step


@given(some.integers(0, 5000), some.integers(1, 900))
def test_pieces_cover_the_window_once(steps: int, step: int) -> None:
    pieces = list(chunks(1000.0, 1000.0 + steps * step, step))
    moments = [
        first + number * step
        for first, last in pieces
        for number in range(round((last - first) / step) + 1)
    ]
    assert moments == [1000.0 + number * step for number in range(steps + 1)]
    assert all(round((last - first) / step) < CHUNK_STEPS for first, last in pieces)


def answer(*series: Any, **more: Any) -> dict[str, Any]:
    data = {"resultType": "matrix", "result": list(series)}
    return {"status": "success", "data": data, **more}


def one(values: list[Any], **labels: str) -> dict[str, Any]:
    return {"metric": {SERVICE: "shop_web", "name": "c1", **labels}, "values": values}


def test_samples_and_where_they_were_taken() -> None:
    servers = names_of((server("one", address="192.0.2.1"), server("six", address="2001:db8::1")))
    for label, name in (
        ("one", "one"),
        ("one:8080", "one"),
        ("192.0.2.1:8080", "one"),
        ("192.0.2.1", "one"),
        ("[2001:db8::1]:8080", "six"),
        ("2001:db8::1", "six"),
        ("elsewhere:8080", None),
        ("", None),
    ):
        found = read_answer(answer(one([[1, "2.5"]], instance=label)), SWARM, servers)
        assert found.samples[0] == ("shop_web", "c1", name, 1.0, 2.5)


def test_compose_services_go_by_project_and_name() -> None:
    labels = {
        "container_label_com_docker_compose_project": "mail",
        "container_label_com_docker_compose_service": "smtp",
    }
    found = read_answer(answer({"metric": labels, "values": [[1, "1"]]}), COMPOSE, {})
    assert found.samples[0].service == "mail/smtp"


def test_what_is_no_figure_is_left_out_and_counted() -> None:
    values = [[1, "NaN"], [2, "+Inf"], [3, "-1"], [4, "7"], [5, "-Inf"]]
    found = read_answer(answer(one(values), warnings=["slow"]), SWARM, {})
    assert [sample.value for sample in found.samples] == [7.0]
    assert found.odd == 4
    assert found.warnings == ("slow",)


def test_an_empty_answer_is_one() -> None:
    assert read_answer(answer(), SWARM, {}).samples == ()


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        [],
        {},
        {"status": "error"},
        {"status": "success"},
        {"status": "success", "data": []},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": {}}},
        {"status": "success", "data": {"resultType": "matrix"}},
        answer(None),
        answer({"metric": {}}),
        answer({"values": []}),
        answer({"metric": [], "values": []}),
        answer(one([1])),
        answer(one([[1]])),
        answer(one([[1, "a lot"]])),
        answer(one([[1, None]])),
        answer(one([["soon", "1"]])),
        answer(one([["NaN", "1"]])),
        answer(one([[1, "2", "3"]])),
    ],
)
def test_nonsense(body: Any) -> None:
    with pytest.raises(NonsenseError):
        read_answer(body, SWARM, {})


JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.text(max_size=8),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(
            some.sampled_from(["status", "data", "result", "resultType", "metric", "values"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_samples_or_nonsense(body: Any) -> None:
    try:
        read_answer(body, SWARM, {})
        read_answer(answer(body), SWARM, {})
    except NonsenseError as error:
        assert str(error)


def test_refusals() -> None:
    said = {"status": "error", "errorType": "bad_data", "error": "parse error"}
    assert refusal(said) == "bad_data: parse error"
    assert refusal({"status": "success"}) is None
    assert refusal("<html>") is None
