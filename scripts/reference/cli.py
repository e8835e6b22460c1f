"""docs/reference/cli.md: every command with its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from quorate.entry.cli.main import build
from quorate.entry.schemas import MODELS
from scripts.reference.tables import cell

INHERITED = {"--help", "--install-completion", "--show-completion"}

# typer carries its own copy of click, whose classes are not exported by name: a
# command and its parameters are read by their attributes only.
Command = Any


def page() -> str:
    """The whole page."""
    root = get_command(build())
    lines = [
        "# The command line",
        "",
        "Every verb that shows something takes `--json`; every verb that changes something",
        "asks first, unless it is given `--yes`. Colour appears on a terminal only, and not",
        "with `NO_COLOR` set. See also the [exit codes](exit-codes.md).",
        "",
        "| Command | |",
        "| --- | --- |",
    ]
    found = list(commands(root))
    lines += [f"| [`{name}`](#{anchor(name)}) | {first(command)} |" for name, command in found[1:]]
    for name, command in found:
        lines += ["", *section(name, command)]
    return "\n".join([*lines, ""])


def commands(command: Command, name: str = "quorate") -> Iterator[tuple[str, Command]]:
    """Each command with its full name, groups before what is in them."""
    yield name, command
    for child_name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, f"{name} {child_name}")


def anchor(name: str) -> str:
    """The heading's anchor."""
    return name.replace(" ", "-")


def first(command: Command) -> str:
    """The first sentence of a command's help."""
    return cell((command.help or "").split("\n\n")[0])


def section(name: str, command: Command) -> list[str]:
    """Heading, help, usage, and a table of what it takes."""
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    options = [item for item in options if not INHERITED & set(item.opts)]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *map(placeholder, arguments)])
    if getattr(command, "commands", None):
        usage += " COMMAND …"
    lines = [f"## {name}", "", (command.help or "").strip(), "", f"    {usage}"]
    if arguments or options:
        lines += ["", "| | | Default |", "| --- | --- | --- |"]
        lines += [row(f"`{placeholder(item)}`", item) for item in arguments]
        lines += [row(spelling(item), item) for item in options]
    verb = name.removeprefix("quorate ").replace(" ", "-")
    if verb in MODELS and any("--json" in item.opts for item in options):
        lines += ["", f"`--json` prints [this object](schemas/{verb}.json)."]
    return lines


def placeholder(argument: Command) -> str:
    """How an argument appears in the usage line."""
    text = argument.metavar or argument.name.upper()
    text = f"{text}…" if argument.nargs == -1 else text
    return str(text if argument.required else f"[{text}]")


def spelling(option: Command) -> str:
    """The ways to write an option, and what it takes."""
    takes = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
    return ", ".join(f"`{word}{takes}`" for word in sorted(option.opts, key=len, reverse=True))


def row(head: str, item: Command) -> str:
    """A table row."""
    shown = item.default if item.show_default is not False else None
    nothing = callable(shown) or shown is None or shown is False or shown in ([], ())
    default = "" if nothing else f"`{shown}`"
    if item.required:
        default = "required"
    return f"| {head} | {cell(getattr(item, 'help', None) or '')} | {default} |"
