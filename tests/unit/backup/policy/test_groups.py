"""Which sources are backed up together, in what order, with what kept still."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.model import Kind, Source
from quorate.backup.policy.groups import Batch, batches, swarm_names, users_of
from quorate.backup.policy.sources import planned
from quorate.backup.quiesce import wished
from quorate.errors import UsageError
from quorate.fleet.backup import DEFAULTS, SourcePolicy
from quorate.fleet.model import Engine
from tests.unit.fleet.helpers import FLEET, fleet_of


def source(id: str, kind: Kind, group: str | None = None, service: str | None = None) -> Source:
    return Source(id=id, kind=kind, group=group, service=service or id)


def policy(quiesce: str = "none", deadline: float = 100.0) -> SourcePolicy:
    return DEFAULTS["volume"].model_copy(update={"quiesce": quiesce, "deadline": deadline})


DB = source("db", Kind.MARIADB, "shop")
CACHE = source("cache", Kind.REDIS, "shop")
UPLOADS = source("volume/uploads", Kind.VOLUME, "shop", "app")
LOGS = source("volume/logs", Kind.VOLUME, None, "app")
LONE = source("volume/lone", Kind.VOLUME, None, "lone")


def test_a_group_is_one_batch_databases_first_and_kept_still_once() -> None:
    rules = {one.id: policy("stop") for one in (DB, CACHE, UPLOADS)}
    assert batches([UPLOADS, CACHE, DB], rules) == (
        Batch(
            name="shop",
            sources=(DB, CACHE, UPLOADS),
            quiesced=("app",),
            method="stop",
            seconds=300.0,
        ),
    )


def test_sources_that_share_nothing_are_batches_of_their_own() -> None:
    rules = {one.id: policy() for one in (LOGS, LONE)}
    assert [batch.name for batch in batches([LONE, LOGS], rules)] == ["volume/logs", "volume/lone"]
    assert all(batch.quiesced == () for batch in batches([LONE, LOGS], rules))


def test_a_service_with_two_volumes_is_stopped_once() -> None:
    stop = {one.id: policy("stop") for one in (DB, UPLOADS, LOGS, LONE)}
    found = batches([LOGS, UPLOADS, LONE, DB], stop)
    assert [batch.name for batch in found] == ["shop", "volume/lone"]
    assert found[0].sources == (DB, LOGS, UPLOADS) and found[0].quiesced == ("app",)
    reading = {**stop, "volume/logs": policy("none")}
    assert [b.name for b in batches([LOGS, UPLOADS], reading)] == ["shop", "volume/logs"]


def test_all_services_that_use_a_volume_stop_in_their_order() -> None:
    rules = {"volume/uploads": policy("stop")}
    (batch,) = batches([UPLOADS], rules, {"volume/uploads": ("web", "app", "worker")})
    assert batch.quiesced == ("web", "app", "worker")


def test_a_database_that_has_to_be_dumped_is_not_stopped() -> None:
    """Its files beside the database are a volume, too."""
    beside = source("volume/beside", Kind.VOLUME, "shop", "db")
    (batch,) = batches([beside, DB], {one.id: policy("stop") for one in (beside, DB)})
    assert batch.quiesced == ()


def test_what_is_excluded_is_in_no_batch() -> None:
    assert batches([DB, UPLOADS], {"db": policy()})[0].sources == (DB,)
    assert batches([], {}) == ()


KINDS = st.sampled_from(list(Kind))
MADE = st.builds(
    lambda id, kind, group, service: source(id, kind, group, service),
    id=st.text("abcdef", min_size=3, max_size=3),
    kind=KINDS,
    group=st.sampled_from([None, "g", "h"]),
    service=st.sampled_from(["s", "t", "u", "v"]),
)


@given(
    made=st.lists(MADE, unique_by=lambda one: one.id, max_size=8),
    methods=st.lists(st.sampled_from(["none", "stop"]), min_size=8, max_size=8),
)
def test_every_source_is_in_one_batch_and_no_service_is_stopped_by_two(
    made: list[Source], methods: list[str]
) -> None:
    rules = {one.id: policy(how) for one, how in zip(made, methods, strict=False)}
    found = batches(made, rules)
    assert sorted(one.id for b in found for one in b.sources) == sorted(one.id for one in made)
    stopped = [name for batch in found for name in batch.quiesced]
    assert len(stopped) == len(set(stopped))
    for one in made:
        mine = [b.name for b in found if any(other.group == one.group for other in b.sources)]
        assert one.group is None or len(set(mine)) == 1


APP = """\
services:
  db: {image: x, volumes: ["d:/var/lib/mysql"], x-quorate: {state: mariadb, pin: one, group: g}}
  app: {image: x, volumes: ["u:/u"], x-quorate: {state: volume, pin: one, group: g, needs: [db]}}
  web: {image: x, volumes: ["u:/u"], x-quorate: {state: volume, pin: one, group: g, needs: [app]}}
  cron: {image: x, volumes: ["u:/u"], x-quorate: {state: volume, pin: one, group: g}}
volumes: {d: , u: }
"""
POLICY = """\
backup:
  repositories:
    away: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  kinds: {volume: {quiesce: stop}}
"""


def test_a_whole_fleet(tmp_path: Path) -> None:
    """From its files to what is kept still, in the order in which it stops."""
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET + POLICY, "compose.yaml": APP})
    rules = {one.source.id: one.policy for one in planned(fleet) if one.policy}
    found = batches([one.source for one in planned(fleet)], rules, users_of(fleet))
    batch = next(one for one in found if one.name == "g")
    assert [one.id for one in batch.sources] == ["db", "volume/app_u"]
    assert batch.quiesced == ("web", "app", "cron") and batch.method == "stop"
    wish = wished(batch, fleet, "r1", {"r1"})
    assert wish.services == ("app_web", "app_app", "app_cron")
    assert (wish.run, wish.source, wish.method, wish.seconds) == ("r1", "g", "stop", batch.seconds)


def test_what_runs_by_compose_is_not_stopped(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET + POLICY, "compose.yaml": APP})
    services = tuple(one.model_copy(update={"engine": Engine.COMPOSE}) for one in fleet.services)
    moved = fleet.model_copy(update={"services": services})
    batch = Batch(name="g", sources=(UPLOADS,), quiesced=("app",), method="stop")
    with pytest.raises(UsageError, match="app cannot be kept still for g"):
        swarm_names(batch, moved)
