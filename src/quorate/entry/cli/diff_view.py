"""A difference, field by field, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from quorate.deploy.diff import Changes, FieldChange, ServiceChange


def lines(changes: Changes) -> Iterator[Text]:
    """What would be added (+), removed (−) and changed (~); then a summary."""
    from rich.text import Text

    for name in changes.added:
        yield Text(f"+ {name}", style="green")
    for name in changes.removed:
        yield Text(f"− {name}  (its volumes stay)", style="red")
    for change in changes.changed:
        yield Text.assemble((f"~ {change.name}", "yellow"), (f"  ({effect(change)})", "dim"))
        for field in change.fields:
            yield from _field(field)
    yield Text(summary(changes), style="bold")


def effect(change: ServiceChange) -> str:
    """What the change does to the service's tasks."""
    if change.recreates:
        return "is removed and made anew"
    return "its tasks restart" if change.restarts else "its tasks keep running"


def summary(changes: Changes) -> str:
    """The numbers, in words."""
    if not changes:
        return "no difference: the live services are as rendered"
    restarting = sum(change.restarts for change in changes.changed)
    changed = f"{len(changes.changed)} to change"
    if restarting:
        changed += f" ({restarting} restart{'s' if restarting == 1 else ''})"
    return f"{len(changes.added)} to add, {changed}, {len(changes.removed)} to remove"


def _field(field: FieldChange) -> Iterator[Text]:
    from rich.text import Text

    if field.before == field.after:
        yield Text(f"    {field.name}: changed, not shown")
        return
    if _both_lists_of_text(field):
        yield Text(f"    {field.name}:")
        gone, come = _without(field.before, field.after), _without(field.after, field.before)
        yield from (Text(f"      − {item}", style="red") for item in gone)
        yield from (Text(f"      + {item}", style="green") for item in come)
        return
    before, after = value(field.before), value(field.after)
    yield Text.assemble(f"    {field.name}: ", (before, "red"), " → ", (after, "green"))


def _both_lists_of_text(field: FieldChange) -> bool:
    """Whether items came and went; a new order of the same ones is shown whole."""
    both = (field.before, field.after)
    return all(isinstance(side, list) for side in both) and set(map(str, field.before)) != set(
        map(str, field.after)
    )


def _without(items: list[Any], others: list[Any]) -> list[str]:
    return [str(item) for item in items if item not in others]


def value(item: Any) -> str:
    """A value on one line; what is not set is a dash."""
    if item is None:
        return "—"
    if isinstance(item, str):
        return item if item.isprintable() and item else json.dumps(item)
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    return json.dumps(item, ensure_ascii=False)
