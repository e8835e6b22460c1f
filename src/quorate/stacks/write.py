"""Rendered stacks as files: one per stack, what to prepare first, and the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

from quorate.errors import QuorateError
from quorate.fleet.model import SecretSource
from quorate.stacks.dump import dump
from quorate.stacks.model import ConfigSource, Rendered, RenderedFile, RenderReport

_HEAD = "# Made by `quorate render`; a change here is lost at the next one.\n"


def write(rendered: Rendered, directory: Path) -> tuple[Path, ...]:
    """Write DIR/<stack>.yml, DIR/prepare.sh and DIR/README; returns what was written.

    Raises:
        QuorateError: the directory or a file cannot be written.
    """
    texts = files(rendered)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
        (directory / "prepare.sh").chmod(0o755)
    except OSError as error:
        raise QuorateError(
            f"the stack files cannot be written to {directory}",
            cause=error.strerror or str(error),
            todo="choose a directory that you may write to with -o",
        ) from error
    return tuple(directory / name for name in texts)


def report(rendered: Rendered, written: Iterable[Path], directory: Path) -> RenderReport:
    """What was written, for programs."""
    return RenderReport(
        fleet=rendered.fleet,
        directory=str(directory),
        files=tuple(path.name for path in written),
        stacks={
            stack.name: RenderedFile(
                file=f"{stack.name}.yml",
                services=tuple(stack.document.get("services", ())),
                warnings=stack.warnings,
            )
            for stack in rendered.stacks
        },
        labels=rendered.labels,
        networks=tuple(rendered.networks),
        secrets=tuple(rendered.secrets),
        configs=tuple(rendered.configs),
    )


def files(rendered: Rendered) -> dict[str, str]:
    """File name → text, the stacks in the order to deploy them."""
    texts = {f"{stack.name}.yml": _HEAD + dump(stack.document) for stack in rendered.stacks}
    return {**texts, "prepare.sh": prepare(rendered), "README": readme(rendered)}


def prepare(rendered: Rendered) -> str:
    """A shell script for a manager: node labels and shared networks; the rest as comments."""
    lines = ["#!/bin/sh", _HEAD.strip(), "# Run it on a manager, before the stacks.", "set -eu"]
    labelled = {name: labels for name, labels in rendered.labels.items() if labels}
    if labelled:
        lines += ["", "# Labels that placement constraints refer to."]
    for server, labels in labelled.items():
        added = " ".join(f"--label-add {quote(f'{key}={value}')}" for key, value in labels.items())
        lines.append(f"docker node update {added} {quote(server)}")
    if rendered.networks:
        lines += ["", "# Networks that several stacks share."]
    for network, options in rendered.networks.items():
        shown = "".join(f" --opt {quote(f'{key}={value}')}" for key, value in options.items())
        found = f"docker network inspect {quote(network)} >/dev/null 2>&1"
        made = f"docker network create --driver overlay --attachable{shown} {quote(network)}"
        lines.append(f"{found} || {made}")
    lines += _sources("secret", rendered.secrets) + _sources("config", rendered.configs)
    return "\n".join(lines) + "\n"


def _sources(
    kind: str, sources: Mapping[str, SecretSource] | Mapping[str, ConfigSource]
) -> list[str]:
    if not sources:
        return []
    head = f"# {kind.capitalize()}s to create; `quorate up` makes them under versioned names."
    # One line each: what follows a line break would be run.
    told = [" ".join(_how(kind, name, source).split()) for name, source in sources.items()]
    return ["", head, *(f"#   {line}" for line in told)]


def _how(kind: str, name: str, source: SecretSource | ConfigSource) -> str:
    create = f"docker {kind} create {quote(name)}"
    if source.file is not None:
        return f"{create} {quote(source.file.as_posix())}"
    if source.environment is not None:
        return f'printf %s "${source.environment}" | {create} -'
    if isinstance(source, SecretSource) and source.command:
        return f"{' '.join(quote(word) for word in source.command)} | {create} -"
    return f"{create} -    (its text stands in the compose file)"


def readme(rendered: Rendered) -> str:
    """The order in which to use the files by hand, and what was changed and why."""
    lines = [
        f"Stack files of the fleet {rendered.fleet}, made by `quorate render`.",
        "",
        "By hand, on a manager of the swarm, in this order:",
        "",
        "  1. sh prepare.sh, and create the secrets and configs that its comments name",
    ]
    lines += [
        f"  {number}. docker stack deploy --with-registry-auth -c {stack.name}.yml {stack.name}"
        for number, stack in enumerate(rendered.stacks, start=2)
    ]
    warned = [warning for stack in rendered.stacks for warning in stack.warnings]
    if warned:
        lines += ["", "What differs from the compose files, and why:", ""]
        lines += [f"  - {warning}" for warning in warned]
    return "\n".join(lines) + "\n"
