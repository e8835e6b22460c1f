"""How a difference reads."""

from __future__ import annotations

from quorate.deploy.diff import MASK, Changes, FieldChange, ServiceChange
from quorate.entry.cli.diff_view import lines, value


def field(path: str, before: object, after: object, *, restarts: bool = True) -> FieldChange:
    return FieldChange(path=tuple(path.split(".")), before=before, after=after, restarts=restarts)


def test_a_difference_reads_as_plus_minus_and_tilde() -> None:
    changes = Changes(
        added=("shop_new",),
        removed=("shop_old",),
        changed=(
            ServiceChange(
                name="shop_web",
                fields=(
                    field("image", "web:1", "web:2"),
                    field("environment.PASSWORD", MASK, MASK),
                    field("environment.NEW", None, ""),
                    field("ports", ["80:80/tcp ingress", "a"], ["81:80/tcp ingress", "a"]),
                    field("command", ["a", "b"], ["b", "a"]),
                ),
            ),
            ServiceChange(name="shop_db", fields=(field("replicas", 1, 2, restarts=False),)),
        ),
    )
    assert [line.plain for line in lines(changes)] == [
        "+ shop_new",
        "− shop_old  (its volumes stay)",
        "~ shop_web  (its tasks restart)",
        "    image: web:1 → web:2",
        "    environment.PASSWORD: changed, not shown",
        '    environment.NEW: — → ""',
        "    ports:",
        "      − 80:80/tcp ingress",
        "      + 81:80/tcp ingress",
        '    command: ["a", "b"] → ["b", "a"]',
        "~ shop_db  (its tasks keep running)",
        "    replicas: 1 → 2",
        "1 to add, 2 to change (1 restarts), 1 to remove",
    ]


def test_no_difference_says_so() -> None:
    (line,) = lines(Changes())
    assert line.plain.startswith("no difference")


def test_markup_in_values_stays_text() -> None:
    change = ServiceChange(name="x", fields=(field("user", "[red]", "[/]"),))
    assert "    user: [red] → [/]" in [line.plain for line in lines(Changes(changed=(change,)))]


def test_whole_seconds_read_as_such() -> None:
    assert [value(5.0), value(1.5), value(None), value({"a": 1})] == ["5", "1.5", "—", '{"a": 1}']
