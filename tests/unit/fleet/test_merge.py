"""Merging compose files by the specification's rules."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.merge import deep_merge, merge_service
from quorate.fleet.positions import Map, parse, plain
from quorate.fleet.problems import Problems


def value(text: str) -> Any:
    return parse(text, "a.yaml", Problems())


def merged(base: str, over: str) -> Any:
    return plain(merge_service(value(base), value(over)))


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("{image: a, user: u}", "{image: b}", {"image": "b", "user": "u"}),
        ("{command: [a, b]}", "{command: [c]}", {"command": ["c"]}),
        ("{entrypoint: [a]}", "{entrypoint: b}", {"entrypoint": "b"}),
        (
            "{healthcheck: {test: [CMD, a], retries: 3}}",
            "{healthcheck: {test: [CMD, b]}}",
            {"healthcheck": {"test": ["CMD", "b"], "retries": 3}},
        ),
        ("{environment: [A=1, B=2]}", "{environment: {B: 3}}", {"environment": {"A": "1", "B": 3}}),
        ("{environment: [A]}", "{environment: [B=x=y]}", {"environment": {"A": None, "B": "x=y"}}),
        ("{labels: {a: 1}}", "{labels: [b=2]}", {"labels": {"a": 1, "b": "2"}}),
        ("{ports: ['80:80']}", "{ports: ['80:80', '81:81']}", {"ports": ["80:80", "81:81"]}),
        (
            "{ports: [{target: 80, published: 80}]}",
            "{ports: [{target: 80, published: 80, mode: host}]}",
            {"ports": [{"target": 80, "published": 80, "mode": "host"}]},
        ),
        (
            "{volumes: ['a:/data', 'b:/logs']}",
            "{volumes: ['c:/data:ro']}",
            {"volumes": ["c:/data:ro", "b:/logs"]},
        ),
        (
            "{volumes: ['a:/data']}",
            "{volumes: [{type: volume, source: c, target: /data}]}",
            {"volumes": [{"type": "volume", "source": "c", "target": "/data"}]},
        ),
        ("{depends_on: [a]}", "{depends_on: {b: {condition: x}}}",
         {"depends_on": {"a": None, "b": {"condition": "x"}}}),
        ("{networks: [a]}", "{networks: [b]}", {"networks": {"a": None, "b": None}}),
        ("{dns: 1.1.1.1}", "{dns: [2.2.2.2]}", {"dns": ["1.1.1.1", "2.2.2.2"]}),
        ("{cap_add: [A, B]}", "{cap_add: [B, C]}", {"cap_add": ["A", "B", "C"]}),
        (
            "{logging: {driver: a, options: {x: 1}}}",
            "{logging: {driver: b}}",
            {"logging": {"driver": "b"}},
        ),
        (
            "{logging: {driver: a, options: {x: 1}}}",
            "{logging: {options: {y: 2}}}",
            {"logging": {"driver": "a", "options": {"x": 1, "y": 2}}},
        ),
        (
            "{deploy: {replicas: 1, resources: {limits: {memory: 1G}}}}",
            "{deploy: {replicas: 3}}",
            {"deploy": {"replicas": 3, "resources": {"limits": {"memory": "1G"}}}},
        ),
        ("{ports: ['80:80'], image: a}", "{ports: !reset []}", {"image": "a"}),
        ("{ports: ['80:80']}", "{ports: !override ['81:81']}", {"ports": ["81:81"]}),
        ("{environment: {A: 1}}", "{environment: !override {B: 2}}", {"environment": {"B": 2}}),
        ("{secrets: [a]}", "{secrets: [a, b]}", {"secrets": ["a", "b"]}),
        ("{image: a}", "{image: null}", {"image": "a"}),
    ],
)  # fmt: skip
def test_rules(base: str, over: str, expected: Any) -> None:
    assert merged(base, over) == expected


def test_neither_side_is_changed_and_places_are_kept() -> None:
    base, over = value("a: {b: [1]}\n"), value("\n\na: {b: [2], c: 3}\n")
    before = plain(base), plain(over)
    result = merge_service(base, over)
    assert (plain(base), plain(over)) == before
    assert plain(result) == {"a": {"b": [1, 2], "c": 3}}
    assert result["a"].at("c").line == 3
    assert [mark.line for mark in result["a"]["b"].marks] == [1, 3]


def test_fleet_files_replace_lists() -> None:
    base, over = value("{a: {b: [1], c: 2}}"), value("{a: {b: [3]}}")
    assert isinstance(base, Map)
    assert plain(deep_merge(base, over)) == {"a": {"b": [3], "c": 2}}
