"""Versions of secrets and configs, and where values come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy.configs import config_values
from quorate.deploy.values import read_value, read_values
from quorate.deploy.versioned import (
    Kind,
    Value,
    Version,
    choose,
    fingerprint,
    next_number,
    superfluous,
    used_names,
    verify,
)
from quorate.errors import CheckError
from quorate.fleet.model import SecretSource
from quorate.stacks.model import ConfigSource, Rendered
from tests.fakes.fleets import make_fleet


def version(number: int, value: bytes = b"x", name: str = "n") -> Version:
    return Version(
        id=str(number), deployed=f"{name}-v{number}", name=name, number=number, data=value
    )


def test_a_fingerprint_is_salted_and_verifies() -> None:
    one, two = fingerprint(b"secret"), fingerprint(b"secret")
    assert one != two and b"secret".hex() not in one
    assert verify(b"secret", one) and not verify(b"other", one)
    assert not verify(b"secret", "") and not verify(b"secret", "nonsense")


def test_the_newest_version_with_the_value_is_chosen() -> None:
    present = [version(1, b"a"), version(2, b"b"), version(3, b"a"), version(9, b"c", "other")]
    assert choose("n", Value(data=b"a"), present) == "n-v3"
    assert choose("n", Value(data=b"c"), present) is None
    assert choose("n", Value(data=b"a", template="golang"), present) is None
    assert next_number("n", present) == 4
    assert next_number("new", present) == 1


def test_what_is_encrypted_anew_each_time_is_known_by_what_it_is_made_of() -> None:
    there = Version(
        id="1", deployed="n-v1", name="n", number=1,
        hash=fingerprint(b"one"), same=fingerprint(b"mark"),
    )  # fmt: skip
    assert there.holds(Value(data=b"two", same=b"mark"))
    assert not there.holds(Value(data=b"two", same=b"another"))
    assert there.holds(Value(data=b"one")) and not there.holds(Value(data=b"two"))
    plain = Version(id="1", deployed="n-v1", name="n", number=1, hash=fingerprint(b"one"))
    assert not plain.holds(Value(data=b"two", same=b"mark"))


def test_a_value_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(Value(data=b"hunter2"))


@given(
    st.lists(st.integers(1, 30), unique=True, max_size=12),
    st.sets(st.integers(1, 30)),
    st.integers(0, 4),
)
def test_nothing_in_use_and_none_of_the_last_ever_goes(
    numbers: list[int], used: set[int], keep: int
) -> None:
    present = [version(n) for n in numbers]
    gone = {v.number for v in superfluous(present, {f"n-v{n}" for n in used}, keep=keep)}
    assert not gone & used
    assert not gone & set(sorted(numbers, reverse=True)[:keep])
    assert gone | used | set(sorted(numbers, reverse=True)[:keep]) >= set(numbers)


def test_names_in_use_come_from_service_specifications() -> None:
    container = {"Secrets": [{"SecretName": "s-v1"}], "Configs": [{"ConfigName": "c-v2"}]}
    specs: list[dict[str, Any]] = [
        {"TaskTemplate": {"ContainerSpec": container}},
        {},
        {"TaskTemplate": None},
    ]
    assert used_names(specs, Kind.SECRET) == {"s-v1"}
    assert used_names(specs, Kind.CONFIG) == {"c-v2"}


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"line\n")
    value = read_value("k", SecretSource(file=Path("key")), directory=tmp_path)
    assert value == b"line\n"


def test_every_missing_value_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    sources = {
        "one": SecretSource(file=Path("missing")),
        "two": SecretSource(environment="UNSET"),
        "three": SecretSource(file=Path("empty")),
        "four": SecretSource(),
        "good": SecretSource(environment="SET"),
    }
    with pytest.raises(CheckError) as caught:
        read_values(sources, directory=tmp_path, environment={"SET": "hunter2"})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "secret one",
        "secret two",
        "secret three",
        "secret four has no source; give it `file`, `environment` or `command`",
    ]
    assert "hunter2" not in str(caught.value.lines())


def test_configs_come_from_files_texts_and_the_environment(tmp_path: Path) -> None:
    fleet = make_fleet({"web": {"services": {"x": {}}}})
    fleet = fleet.model_copy(update={"path": tmp_path / "fleet.yaml"})
    (tmp_path / "a.conf").write_text("A")
    rendered = Rendered(
        stacks=(),
        configs={
            "a": ConfigSource(file=Path("a.conf"), template_driver="golang"),
            "b": ConfigSource(content="B"),
            "c": ConfigSource(environment="C"),
        },
    )
    values = config_values(fleet, rendered, {"C": "see"})
    assert {n: (v.data, v.template) for n, v in values.items()} == {
        "a": (b"A", "golang"),
        "b": (b"B", None),
        "c": (b"see", None),
    }
    with pytest.raises(CheckError, match="configs without a value") as caught:
        config_values(fleet, rendered, {})
    assert len(caught.value.problems) == 1
