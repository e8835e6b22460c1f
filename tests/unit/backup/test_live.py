"""Trees that were in use when they were read: what changed meanwhile, and what is damage."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup import content
from quorate.backup.filetree import differences
from quorate.backup.model import Kind, Manifest
from quorate.tools.restic import _literally
from quorate.tools.restic_answers import messages, unread


def file(digest: str, changed: int, mode: str = "0644") -> str:
    return f"5:{digest};mode={mode};owner=0:0;changed={changed}"


def directory(changed: int) -> str:
    return f"0:directory;mode=0755;owner=0:0;changed={changed}"


WAS = Manifest(
    kind=Kind.VOLUME,
    live=True,
    parts={".": directory(10), "a": file("x", 5), "d": directory(10), "d/b": file("y", 5)},
)


def after(**parts: str | None) -> tuple[str, ...]:
    """How the tree differs with these parts, `__` for `/`."""
    named = {name.replace("__", "/"): part for name, part in parts.items()}
    found = {**WAS.parts, **named}
    now = replace(WAS, parts={name: part for name, part in found.items() if part is not None})
    assert differences(replace(WAS, live=False), now) or now == WAS
    return differences(WAS, now)


def test_written_later_is_no_difference() -> None:
    assert after(a=file("z", 6)) == ()
    assert after(d=directory(11)) == ()


def test_other_content_with_the_same_time_is_damage() -> None:
    assert after(a=file("z", 5)) == ("a: other content",)
    assert after(a=file("z", 4)) == ("a: other content, other changed",)
    assert after(a=file("x", 5, "0600")) == ("a: other mode",)


def test_a_file_that_came_or_went_changed_its_directory() -> None:
    assert after(d=directory(11), d__b=None) == ()
    assert after(d=directory(11), d__new=file("n", 11)) == ()
    assert after(d__b=None) == ("d/b is missing",)
    assert after(d__new=file("n", 11)) == ("d/new was not in the source",)


def test_a_whole_directory_that_came_or_went() -> None:
    made = {"e": directory(12), "e__f": file("n", 12)}
    assert after(**made) == ("e was not in the source", "e/f was not in the source")
    assert (
        differences(
            WAS,
            replace(
                WAS,
                parts={**WAS.parts, ".": directory(12), "e": directory(12), "e/f": file("n", 12)},
            ),
        )
        == ()
    )
    gone = {name: part for name, part in WAS.parts.items() if not name.startswith("d")}
    assert differences(WAS, replace(WAS, parts={**gone, ".": directory(12)})) == ()
    assert differences(WAS, replace(WAS, parts=gone)) == ("d is missing", "d/b is missing")


PART = st.builds(file, st.sampled_from("xyz"), st.integers(0, 3))
PARTS = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b"]), PART)
TIMES = st.tuples(st.integers(0, 3), st.integers(0, 3))


def made(parts: dict[str, str], times: tuple[int, int], live: bool) -> Manifest:
    tops = {".": directory(times[0]), "d": directory(times[1])}
    return Manifest(kind=Kind.VOLUME, live=live, parts={**tops, **parts})


@given(was=PARTS, now=PARTS, before=TIMES, later=TIMES)
def test_a_tree_in_use_differs_at_most_where_a_still_one_does(
    was: dict[str, str], now: dict[str, str], before: tuple[int, int], later: tuple[int, int]
) -> None:
    still = differences(made(was, before, False), made(now, later, False))
    live = differences(made(was, before, True), made(now, later, False))
    assert set(live) <= set(still)
    if later <= before and max(later) <= min(before):  # no directory has changed since
        lost = {f"{name} is missing" for name in was if name not in now}
        assert lost <= set(live)


def test_files_whose_size_nobody_can_tell_are_not_measured() -> None:
    before = {"same": 1, "grown": 2, "gone": 3}
    assert content.unchanged(before, {"same": 1, "grown": 9, "new": 4}) == {"same": 1}


def test_a_manifest_keeps_all_of_itself_on_the_way() -> None:
    said = replace(WAS, version="1", findings=("one",), put={"a": "spool/a"})
    assert content.read_manifest(content.written(said)) == said


def test_what_restic_could_not_read() -> None:
    gone = '{"message_type":"error","error":{"Op":"lstat"},"during":"archival","item":"/v/x"}'
    closing = "Warning: at least one source file could not be read"
    newer = '{"message_type":"exit_error","code":3,"message":"' + closing + '"}'
    assert unread([gone, closing]) == ("/v/x",) == unread([gone, newer])
    assert unread([gone, "Fatal: something else"]) == ("/v/x", None)
    assert unread(['{"message_type":"error","error":{}}']) == (None,)


def test_a_path_as_a_pattern_is_that_path() -> None:
    assert _literally("/v/a[b]*?\\c") == "/v/a\\[b\\]\\*\\?\\\\c"


def test_a_name_with_a_lines_end_is_one_answer() -> None:
    """Found by random names: of ten thousand, three had U+0085."""
    said = '{"name": "a\u0085b\u2028c"}\n{"name": "d"}\n'
    assert [one["name"] for one in messages(said)] == ["a\u0085b\u2028c", "d"]
