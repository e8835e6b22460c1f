"""Names that Swarm takes, and that never are another's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs import names
from tests.unit.backup.jobs.made import job

SERVICE = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")
SECRET = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")
REPOSITORY = st.from_regex(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", fullmatch=True)


@given(st.text(min_size=1, max_size=90), st.text(max_size=90))
def test_a_job_has_a_name_that_swarm_takes(source: str, run: str) -> None:
    name = names.service_name(job(source=source, run=run))
    assert len(name) <= 63 and SERVICE.fullmatch(name)


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_only_the_same_run_has_the_same_name(a: str, b: str, one: str, two: str) -> None:
    first = names.service_name(job(source=a, run=one))
    second = names.service_name(job(source=a, run=two))
    assert (first == second) == (one == two)
    assert (
        names.service_name(job(run=one, fleet=a)) == names.service_name(job(run=one, fleet=b))
    ) == (a == b)


@given(REPOSITORY, REPOSITORY)
def test_stores_and_secrets_of_two_repositories_never_share_a_name(one: str, two: str) -> None:
    assert (names.store_name(one) == names.store_name(two)) == (one == two)
    made = [
        names.secret_name(*words)
        for words in (("store", one), ("repository", one), ("repository", two, "identity"))
    ]
    assert len(set(made)) == len(made)
    for name in made:
        assert len(f"{name}-v99999") <= 64 and SECRET.fullmatch(name)
    assert len(names.store_name(one)) <= 63 and SERVICE.fullmatch(names.store_name(one))


def test_short_names_stay_as_they_are() -> None:
    assert names.store_name("nas") == "quorate-store-nas"
    assert names.secret_name("repository", "nas") == "quorate-backup-repository.nas"


def test_a_run_has_one_key_in_whatever_zone_it_is_told() -> None:
    due = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    berlin = due.astimezone(timezone(timedelta(hours=2)))
    assert names.run_key("db", due) == names.run_key("db", berlin) == "db@2026-03-29T00:30:00Z"
