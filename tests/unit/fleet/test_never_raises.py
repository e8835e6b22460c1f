"""Whatever people write, checking gives a report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate.fleet.file import FleetFile, ServerEntry, StackEntry, XService
from quorate.fleet.service_keys import KNOWN
from tests.unit.fleet.helpers import FLEET, checked

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "80:80", "a:/b", "512M", "$A", "${A", "none", "one", "web", "node.role==x",
                     "../x", "\0", "1s", "postgres", "é", "a/b", "9" * 5000]),
    st.text(max_size=6),
)  # fmt: skip
WORDS = st.sampled_from(
    ["source", "target", "type", "file", "service", "memory", "placement", "constraints",
     "resources", "limits", "reservations", "test", "path", "web", "one", "<<", "name", "external",
     "restart_policy", "condition", "max_attempts", "replicas", "mode", "preferences", "spread",
     "load", "pin", "near", "state", "published", "driver_opts", "environment"]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
SERVICE = st.dictionaries(st.sampled_from([*sorted(KNOWN), "x-quorate"]), VALUES, max_size=6)
X = st.dictionaries(st.sampled_from(sorted(XService.model_fields)), VALUES, max_size=4)
COMPOSE = st.dictionaries(
    st.sampled_from(["networks", "volumes", "secrets", "configs", "include", "name", "x-quorate"]),
    VALUES,
    max_size=3,
)
SERVER = st.dictionaries(st.sampled_from(sorted(ServerEntry.model_fields)), VALUES, max_size=5)
STACK = st.dictionaries(st.sampled_from(sorted(StackEntry.model_fields)), VALUES, max_size=4)
FILE = st.dictionaries(st.sampled_from(sorted(FleetFile.model_fields)), VALUES, max_size=5)
FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def report_on(files: dict[str, Any]) -> None:
    """Check the files; JSON is YAML, but for NaN and infinities, which are just words there."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in files.items()
    }
    with tempfile.TemporaryDirectory() as directory:
        report = checked(Path(directory), texts)
        assert (report.fleet is None) == any(p.severity == "error" for p in report.problems)
        for problem in report.problems:
            assert str(problem)
            assert problem.location.line >= 1


@FEW
@given(COMPOSE, SERVICE, X)
def test_any_compose_file(
    document: dict[str, Any], service: dict[str, Any], extension: dict[str, Any]
) -> None:
    services = {"web": {"image": "x:1", **service}, "db": {"image": "y:1", "x-quorate": extension}}
    report_on({"compose.yaml": {**document, "services": services}})


@FEW
@given(FILE, SERVER, STACK)
def test_any_fleet_file(
    file: dict[str, Any], server: dict[str, Any], stack: dict[str, Any]
) -> None:
    base = {"version": 1, "name": "x", "servers": {"one": server}, "stacks": {"app": stack}}
    report_on({"fleet.yaml": {**base, **file}, "compose.yaml": "services: {}"})


@FEW
@given(st.text(alphabet="abc:-[]{}&*!<>|'\"#%@$ \n.0", max_size=80))
def test_any_text(text: str) -> None:
    report_on({"fleet.yaml": FLEET, "compose.yaml": text})
    report_on({"fleet.yaml": text})
