"""What a server says of itself, and what a drill has left there."""

from __future__ import annotations

from quorate.drill.remote_look import Look, leftovers, read_look

SOUND = """\
user 0
init systemd
engine active
boot enabled
boot disabled
has nft
has docker
has setsid
answers yes
"""

LEFT = """\
user 0
init other
has setsid
container yes
drill lose-web
lease shell
left rules
left stopped
answers yes
probe quorate-probe
paused /shop_web.1.abc
drained four
"""


def test_a_sound_server() -> None:
    assert read_look(SOUND) == Look(
        root=True,
        systemd=True,
        engine="active",
        at_boot=True,
        has=frozenset({"nft", "docker", "setsid"}),
        answers=True,
    )
    assert leftovers({"four": read_look(SOUND)}) == []


def test_everything_a_drill_can_leave_is_told_of() -> None:
    found = leftovers({"four": read_look(LEFT), "one": read_look(LEFT)})
    assert found[:6] == [
        "the undo of the drill lose-web on four (held by a shell)",
        "packet rules on four",
        "what keeps its engine stopped on four",
        "the container quorate-probe on four",
        "the paused container shop_web.1.abc on four",
        "the undo of the drill lose-web on one (held by a shell)",
    ]
    assert found[-1] == "four is drained by a drill"
    assert found.count("four is drained by a drill") == 1


def test_an_undo_that_nobody_would_do_is_told_as_such() -> None:
    text = LEFT.replace("lease shell\n", "")
    assert "(nobody would do it)" in leftovers({"four": read_look(text)})[0]


def test_a_timer_without_an_undo_and_an_engine_that_is_off() -> None:
    look = Look(root=True, lease="timer")
    assert leftovers({"four": look}) == [
        "the timer of a lease on four",
        "the engine of four does not answer",
    ]


def test_where_it_may_not_look_it_does_not_say_that_all_is_well() -> None:
    (text,) = leftovers({"four": read_look("user 1000\n")})
    assert text == "Quorate may not be root on four: what is left there is not seen"


def test_a_server_that_says_nothing_has_nothing() -> None:
    found = read_look("")
    assert not (found.root or found.systemd or found.at_boot or found.answers)
    assert found.drill is None
