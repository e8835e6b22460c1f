"""restic's answers of different versions, read alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from quorate.tools import restic_answers
from quorate.tools.restic_answers import NEVER, Entry, Node, PrunePlan

OLD = (  # restic 0.14.0
    '[{"time":"2026-01-02T03:04:05.123456789+01:00","tree":"dafe","paths":["/src"],'
    '"hostname":"h1","username":"root","tags":["a=1","b"],"id":"d617de4f51","short_id":"d617de4f"}]'
)
NEW = (  # restic 0.18.0
    '[{"time":"2026-01-02T02:04:05.123456789Z","tree":"dafe","paths":["/src"],"hostname":"h1",'
    '"tags":["a=1","b"],"original":"2b4b","program_version":"restic 0.18.0",'
    '"summary":{"total_bytes_processed":3},"id":"658e3beefb","short_id":"658e3bee"}]'
)
SUMMARY_OLD = (
    '{"message_type":"status","percent_done":1,"total_bytes":30,"bytes_done":30}\n'
    '{"message_type":"summary","files_new":2,"data_added":3001049,"total_files_processed":2,'
    '"total_bytes_processed":3000003,"total_duration":0.25,"snapshot_id":"d617de4f"}'
)
SUMMARY_NEW = SUMMARY_OLD.replace('"data_added":', '"data_added_packed":3000873,"data_added":')


def test_snapshots_of_old_and_new() -> None:
    moment = datetime(2026, 1, 2, 2, 4, 5, 123456, tzinfo=UTC)
    (old,) = restic_answers.entries(OLD)
    (new,) = restic_answers.entries(NEW)
    assert old == Entry(
        id="d617de4f51",
        time=moment,
        tree="dafe",
        hostname="h1",
        paths=("/src",),
        tags=("a=1", "b"),
    )
    assert (new.original, new.lasting, new.time) == ("2b4b", "2b4b", moment)
    assert old.lasting == old.id


def test_snapshots_of_strangers_and_nobody() -> None:
    assert restic_answers.entries("null") == restic_answers.entries("") == ()
    odd = '[7, {"id": 3}, {"id": "x", "time": "yesterday", "tags": null, "paths": 1, "tree": []}]'
    assert restic_answers.entries(odd) == (Entry(id="x", time=NEVER, tree=""),)


def test_times_before_and_after_all() -> None:
    assert restic_answers.moment("0001-01-01T00:00:00+14:00") == NEVER
    assert restic_answers.moment("2026-01-02T03:04:05Z").year == 2026
    assert restic_answers.moment(None) == restic_answers.moment("") == NEVER


def test_summaries_of_old_and_new() -> None:
    old, new = restic_answers.summary(SUMMARY_OLD), restic_answers.summary(SUMMARY_NEW)
    assert old is not None and new is not None
    assert (old.snapshot, old.size, old.files, old.added) == ("d617de4f", 3000003, 2, 3001049)
    assert new.added == 3000873
    assert restic_answers.summary(SUMMARY_OLD.splitlines()[0]) is None


def test_progress_has_a_rate() -> None:
    line = '{"message_type":"status","percent_done":0.5,"total_bytes":40,"bytes_done":20}'
    found = restic_answers.progress(line, 4.0)
    assert found is not None and (found.done, found.total, found.rate) == (20, 40, 5.0)
    assert restic_answers.progress("no json", 1.0) is None
    assert restic_answers.progress('{"message_type":"summary"}', 1.0) is None
    whole = '{"message_type":"summary","total_bytes_processed":7}'
    ended = restic_answers.progress(whole, 1.0)
    assert ended is not None and (ended.done, ended.total) == (7, 7)  # a short run tells only this
    started = restic_answers.progress('{"message_type":"status"}', 0.0)
    assert started is not None and started.rate == 0.0


def test_listings_of_old_and_new() -> None:
    node = {"name": "x", "type": "file", "path": "/d/x", "size": 6}
    for kind in ("struct_type", "message_type"):
        lines = [{"id": "d39f", "tree": "fd", kind: "snapshot"}, {**node, kind: "node"}]
        lines.append({"type": "dir", "path": "/d", kind: "node"})
        found = restic_answers.listing("\n".join(map(json.dumps, lines)))
        assert found is not None and found.entry.id == "d39f"
        assert found.nodes == (
            Node(path="/d/x", type="file", size=6),
            Node(path="/d", type="dir", size=0),
        )
    assert restic_answers.listing(json.dumps({**node, "struct_type": "node"})) is None


def test_a_lock_that_cannot_be_read_is_as_old_as_time() -> None:
    text = '{"time": "2026-11-26T15:50:06.99Z", "exclusive": true, "hostname": "vm", "pid": 6296}'
    found = restic_answers.lock("7dc8", text)
    assert (found.hostname, found.pid, found.exclusive) == ("vm", 6296, True)
    assert restic_answers.lock("7dc8", "").time == NEVER


def test_what_a_prune_would_do() -> None:
    text = """loading indexes...
to repack:            12 blobs / 3.400 MiB
this removes:          4 blobs / 1.000 MiB
to delete:           103 blobs / 2.000 GiB
total prune:         107 blobs / 2.001 GiB
remaining:             7 blobs / 2.862 MiB
unused size after prune: 0 B (0.00% of remaining size)
"""
    plan = restic_answers.prune_plan(text)
    assert plan is not None
    assert abs(plan.repack - 3.4 * 2**20) < 2000 and abs(plan.remove - 2.001 * 2**30) < 2**21
    none = text.replace("3.400 MiB", "0 B").replace("2.001 GiB", "0 B")
    assert restic_answers.prune_plan(none) == PrunePlan(repack=0, remove=0)
    assert restic_answers.prune_plan("other words") is None


KEYS = ["id", "time", "tags", "tree", "message_type", "struct_type", "snapshot_id", "exclusive"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["snapshot", "status"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@given(ANYTHING)
def test_nothing_that_is_json_breaks_the_reading(said: object) -> None:
    text = json.dumps(said)
    restic_answers.entries(text)
    restic_answers.summary(text)
    restic_answers.listing(text)
    restic_answers.lock("x", text)
    restic_answers.progress(text, 1.0)
