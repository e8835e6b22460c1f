"""What services really use, and what follows: measure, suggest, write; as visible steps.

Beside `workflows`, of which these are two more verbs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate.deploy.values import read_value
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Engine, Fleet, Prometheus, Service, Stack
from quorate.fleet.read import read_fleet
from quorate.measured.apply import as_measured
from quorate.measured.assemble import measurement
from quorate.measured.model import Measurement
from quorate.measured.override import NotSafeError, entries, header, read_existing, with_file
from quorate.measured.promql import MOST_SAMPLES
from quorate.measured.suggest import Suggestion, suggest
from quorate.observe.prometheus import DEFAULT_WINDOW, Asked, ask_prometheus
from quorate.observe.sampling import Pace, sample_engines
from quorate.observe.watching import Watcher
from quorate.stacks.dump import dump

DEFAULT_SAMPLES = 72
"""More than enough for a p95, so that a few looks may fail."""

DEFAULT_INTERVAL = 5.0


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """How to measure; times in seconds, None for the source's own default.

    `source`: `prometheus`, `engine`, or None for what the fleet file says; `url` and
    `server` replace the fleet file's.
    """

    source: str | None = None
    url: str | None = None
    server: str | None = None
    window: float | None = None
    interval: float | None = None
    samples: int | None = None
    lab: bool = False


def measure(fleet: Fleet, options: MeasureOptions, watcher: Watcher) -> Measurement:
    """Choose the source → watch → figures by service.

    Raises:
        UsageError: options that do not go together. CheckError: no authorization.
        UnreachableError, EngineError, MachineError: a server, an engine, Prometheus.
    """
    prometheus = _prometheus(fleet, options)
    if prometheus is not None:
        asked = Asked(
            window=options.window or fleet.measure.window or DEFAULT_WINDOW,
            interval=options.interval,
            headers=_headers(fleet, prometheus),
            lab=options.lab,
        )
        gathering, watched = ask_prometheus(fleet, prometheus, asked, watcher)
    else:
        gathering, watched = sample_engines(fleet, _pace(options), watcher, lab=options.lab)
    return measurement(fleet, gathering, watched)


def save(found: Measurement, path: Path) -> None:
    """Write a measurement file, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    _replace(path, found.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file before (None: it is new) and after."""

    path: Path
    before: str | None
    after: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Suggested figures, and the files that would hold them."""

    suggestions: dict[str, Suggestion]
    files: tuple[FileChange, ...]


def propose(fleet: Fleet, found: Measurement, only: Sequence[str] = ()) -> Proposal:
    """What `write` would write: an override file per stack, named in the fleet file.

    Args:
        only: ids of services; all that differ when empty.

    Raises:
        UsageError: a file is not safe to change.
    """
    suggestions = {
        name: one for name, one in suggest(fleet, found).items() if not only or name in only
    }
    by_stack: dict[str, dict[str, Suggestion]] = {}
    for service in fleet.services:
        if service.id in suggestions:
            by_stack.setdefault(service.stack, {})[service.name] = suggestions[service.id]
    changes = []
    before = after = _text(fleet.path) or ""
    for stack in fleet.stacks:
        if stack.name in by_stack:
            path = override_path(stack)
            changes.append(_override(path, by_stack[stack.name], found))
            if path not in stack.files:
                after = _named(after, fleet, stack, path)
    if after != before:
        changes.append(FileChange(path=fleet.path, before=before, after=after))
    return Proposal(suggestions=suggestions, files=tuple(changes))


def write(
    fleet: Fleet, proposal: Proposal, *, confirm: Callable[[Proposal], bool]
) -> tuple[Path, ...]:
    """Ask → write → read the files again: they must say what was suggested, else all is put back.

    Returns the files written.

    Raises:
        RefusedError: not confirmed. UsageError: a file cannot be written.
    """
    if not proposal.files:
        return ()
    if not confirm(proposal):
        raise RefusedError("not confirmed; nothing was changed")
    done: list[FileChange] = []
    try:
        for change in proposal.files:
            _replace(change.path, change.after)
            done.append(change)
        _require_same(fleet, proposal)
    except BaseException:
        for change in reversed(done):
            if change.before is None:
                change.path.unlink(missing_ok=True)
            else:
                _replace(change.path, change.before)
        raise
    return tuple(change.path for change in proposal.files)


def override_path(stack: Stack) -> Path:
    """Where the suggested figures of a stack are written: beside its last compose file."""
    name = f"{stack.name}.measured.yaml"
    known = next((file for file in stack.files if file.name == name), None)
    return known or stack.files[-1].parent / name


def _prometheus(fleet: Fleet, options: MeasureOptions) -> Prometheus | None:
    """Which Prometheus to ask; None for the engines."""
    given = fleet.measure.prometheus
    if options.source == "engine" or (options.source is None and given is None):
        if options.server:
            raise UsageError("--via goes with Prometheus only")
        return None
    if options.samples is not None:
        raise UsageError("--samples goes with --from engine only", todo="give --window")
    if options.url is None and given is None:
        raise UsageError(
            "it is not known where Prometheus is",
            todo="give --from prometheus=URL, or `measure: {prometheus: {url: …}}` in the "
            "fleet file",
        )
    if options.server is not None and options.server not in {s.name for s in fleet.servers}:
        names = ", ".join(server.name for server in fleet.servers)
        raise UsageError(f"--via {options.server}: no server is called so", todo=f"it has {names}")
    if options.url is None:
        assert given is not None
        return given.model_copy(update={"server": options.server or given.server})
    # Another address is another Prometheus: how the fleet file's is reached says nothing of it.
    settings = given.model_dump(exclude={"url", "server", "authorization"}) if given else {}
    return Prometheus(url=options.url, server=options.server, **settings)


def _headers(fleet: Fleet, prometheus: Prometheus) -> dict[str, str]:
    if prometheus.authorization is None:
        return {}
    value = read_value(
        "measure.prometheus.authorization",
        prometheus.authorization,
        directory=fleet.path.absolute().parent,
    )
    text = value.decode(errors="replace").strip()
    if not text.isascii() or not text.isprintable():
        raise UsageError("measure.prometheus.authorization is no value for a header")
    return {"Authorization": text}


def _pace(options: MeasureOptions) -> Pace:
    interval = options.interval or DEFAULT_INTERVAL
    if options.samples is not None and options.window is not None:
        raise UsageError("--samples and --window say the same", todo="give one of them")
    samples = options.samples or DEFAULT_SAMPLES
    if options.window is not None:
        samples = int(options.window / interval) + 1
    if samples < 2:
        raise UsageError(
            "that is one sample, and CPU takes two",
            todo="give a longer --window, a shorter --interval, or more --samples",
        )
    if samples > MOST_SAMPLES:
        raise UsageError(
            f"{samples:,} samples are too many, at most {MOST_SAMPLES:,}",
            todo="give a shorter --window, or a longer --interval",
        )
    return Pace(samples=samples, interval=interval)


def _override(path: Path, new: dict[str, Suggestion], found: Measurement) -> FileChange:
    before = _text(path)
    try:
        existing = read_existing(before) if before is not None else None
    except NotSafeError as error:
        raise UsageError(f"{path}: {error}", todo="move it away, or correct it") from None
    return FileChange(path=path, before=before, after=header(found) + dump(entries(new, existing)))


def _named(text: str, fleet: Fleet, stack: Stack, path: Path) -> str:
    name = os.path.relpath(path, fleet.path.parent)
    try:
        return with_file(text, stack.name, name)
    except NotSafeError as error:
        raise UsageError(
            f"{fleet.path} cannot be changed safely: {error}",
            todo=f"add {name} to `stacks.{stack.name}.files` by hand, then again",
        ) from None


def _text(path: Path) -> str | None:
    """A file's text with its own line ends; None when there is none."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error})") from None


def _replace(path: Path, text: str) -> None:
    """Write a file in one move, with the rights it had."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(text.encode())
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written ({error.strerror})",
            todo="name a file in a directory that is there and yours",
        ) from None


def _require_same(fleet: Fleet, proposal: Proposal) -> None:
    """The files, read anew, give the figures that were suggested, and no others changed."""
    wanted = as_measured(fleet, proposal.suggestions)
    found = read_fleet(fleet.path)
    for service in wanted.services:
        if _figures(found.service(service.swarm_name)) != _figures(service):
            raise QuorateError(
                f"the files do not give the figures suggested for {service.id}; all was put back",
                cause="another file or a variable has the last word",
                todo="write them by hand (`quorate suggest --dry-run` shows them)",
            )


def _figures(service: Service) -> tuple[object, ...]:
    swarm = (service.reservation_memory, service.reservation_cpus, service.limit_memory)
    return (service.load, swarm if service.engine is Engine.SWARM else None)
