"""The fleet file's `measure` section."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.deploy.values import read_values
from quorate.fleet.check import check
from quorate.fleet.read import read_fleet

BASE = """\
version: 1
name: shop
servers: {one: {address: 192.0.2.1, role: manager, cpus: 2, memory: 2G}}
stacks: {web: {files: [web.yaml]}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text("services: {web: {image: nginx}}\n")
    return tmp_path / "fleet.yaml"


def test_everything_that_can_be_said(place: Path) -> None:
    place.write_text(
        BASE
        + """\
measure:
  window: 14d
  prometheus:
    url: https://prom.example:9090/metrics
    server: one
    authorization: {file: token.txt}
    match: {job: cadvisor, rack: 4}
    service_label: swarm_service
    cpu_metric: cpu_seconds
"""
    )
    found = read_fleet(place, environment={}).measure
    assert found.window == 14 * 86400
    assert found.prometheus is not None
    assert found.prometheus.url == "https://prom.example:9090/metrics"
    assert found.prometheus.server == "one"
    assert found.prometheus.match == {"job": "cadvisor", "rack": "4"}
    assert found.prometheus.service_label == "swarm_service"
    assert found.prometheus.cpu_metric == "cpu_seconds"
    assert found.prometheus.task_label == "name"
    assert found.prometheus.authorization is not None
    assert found.prometheus.authorization.file == place.parent / "token.txt"


def test_files_with_values_are_found_from_anywhere(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fleet file may be named by a path from where the command is run."""
    place.write_text(
        BASE + "secrets: {db: {file: db.txt}}\n"
        "measure: {prometheus: {url: 'http://p', authorization: {file: token.txt}}}\n"
    )
    (place.parent / "db.txt").write_text("hunter2")
    monkeypatch.chdir(place.parent.parent)
    fleet = read_fleet(Path(place.parent.name) / "fleet.yaml", environment={})
    values = read_values(fleet.secrets, directory=fleet.path.absolute().parent)
    assert values == {"db": b"hunter2"}
    assert fleet.measure.prometheus is not None
    assert fleet.measure.prometheus.authorization is not None
    assert fleet.measure.prometheus.authorization.file == place.parent / "token.txt"


def test_nothing_said(place: Path) -> None:
    place.write_text(BASE)
    found = read_fleet(place, environment={}).measure
    assert (found.window, found.prometheus) == (None, None)


@pytest.mark.parametrize(
    ("section", "code", "said"),
    [
        ("{prometheus: {}}", "Q102", "url"),
        ("{prometheus: {url: prom:9090}}", "Q103", "is not a URL"),
        ("{prometheus: {url: 'ftp://prom'}}", "Q103", "is not a URL"),
        ("{prometheus: {url: 'http://me:secret@prom'}}", "Q103", "no user and password"),
        ("{prometheus: {url: 'http://prom?x=1'}}", "Q103", "is not a URL"),
        ("{prometheus: {url: 'http://prom', server: two}}", "Q120", "no server"),
        ("{prometheus: {url: 'http://prom', service_label: 'a{b'}}", "Q103", "service_label"),
        ("{prometheus: {url: 'http://prom', match: {'a b': c}}}", "Q103", "match"),
        ("{prometheus: {url: 'http://prom', sever: one}}", "Q101", "did you mean `server`"),
        ("{window: soon}", "Q103", "not a duration"),
        ("{window: 0}", "Q103", "window"),
        ("{windows: 7d}", "Q101", "did you mean `window`"),
    ],
)
def test_mistakes(place: Path, section: str, code: str, said: str) -> None:
    place.write_text(BASE + f"measure: {section}\n")
    report = check(place, environment={})
    assert [p.code for p in report.problems if p.code.startswith("Q1") and said in p.what] == [code]
    assert report.fleet is None
    assert "secret" not in str(report.problems)
