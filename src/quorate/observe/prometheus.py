"""What services used, from a Prometheus that scrapes cAdvisor on the servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quorate.errors import MachineError, UsageError
from quorate.fleet.model import Fleet, Prometheus
from quorate.fleet.quantities import show_duration
from quorate.measured import promql
from quorate.measured.assemble import Watched
from quorate.measured.figures import Gathering
from quorate.measured.model import Source
from quorate.observe.targets import target_of
from quorate.observe.watching import Watcher
from quorate.tools import clock, http, ssh

DEFAULT_WINDOW = 7 * 86400.0
MOST_WINDOW = 3650 * 86400.0
API = "/api/v1"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Times in seconds; `interval` None: by the window. `headers` go with every question."""

    window: float
    interval: float | None = None
    headers: Mapping[str, str]
    lab: bool = False


def ask_prometheus(
    fleet: Fleet, where: Prometheus, asked: Asked, watcher: Watcher
) -> tuple[Gathering, Watched]:
    """Everything Prometheus knows of what services used in the window until now.

    Raises:
        UsageError: the window holds no step, or the address is none.
        UnreachableError: it does not answer, or the server it is reached through.
        MachineError: it refuses, answers nonsense, or has no such series.
    """
    step = asked.interval or promql.step_of(asked.window)
    _require_sensible(asked.window, step)
    watcher.phase("asking Prometheus")
    end = clock.now().replace(microsecond=0)
    start = end - timedelta(seconds=asked.window)
    wanted = _Wanted(
        queries=promql.queries(where, step),
        # The first interval ends one step after the start.
        pieces=tuple(promql.chunks(start.timestamp() + step, end.timestamp(), step)),
        step=step,
    )
    gathering = Gathering({server.name: server.speed for server in fleet.servers})
    with _reached(fleet, where) as address:
        notes = _gather(address, wanted, gathering, fleet, asked, watcher)
        if not gathering.seen():
            raise _empty(address, where, asked)
    return gathering, Watched(
        source=Source(
            kind="prometheus",
            where=str(address) + (f" on {where.server}" if where.server else ""),
            queries={name: query.text for name, query in wanted.queries.items()},
            lab=asked.lab,
        ),
        start=start,
        end=end,
        interval=step,
        notes=notes,
    )


def _require_sensible(window: float, step: float) -> None:
    if window < step:
        raise UsageError(
            f"a window of {window:g} s holds no interval of {step:g} s",
            todo="give a longer --window, or a shorter --interval",
        )
    if window > MOST_WINDOW or window / step > promql.MOST_SAMPLES:
        raise UsageError(
            f"a window of {show_duration(window)} by {show_duration(step)} is too much to ask for",
            cause=f"at most {promql.MOST_SAMPLES:,} samples of ten years are",
            todo="give a shorter --window, or a longer --interval",
        )


@contextmanager
def _reached(fleet: Fleet, where: Prometheus) -> Iterator[http.Address]:
    """The address, through a forward to the server where that is asked for."""
    try:
        address = http.parse_address(where.url)
    except ValueError as error:
        raise UsageError(f"Prometheus: {error}") from None
    if where.server is None:
        yield address
        return
    target = target_of(fleet.server(where.server))
    with ssh.Forward(target, address.endpoint).open() as forward:
        yield address.through(forward.path)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """Every question, for every piece (its first and last moment) of the window."""

    queries: Mapping[str, promql.Query]
    pieces: tuple[tuple[float, float], ...]
    step: float


def _gather(
    address: http.Address,
    wanted: _Wanted,
    gathering: Gathering,
    fleet: Fleet,
    asked: Asked,
    watcher: Watcher,
) -> tuple[str, ...]:
    """Ask all that is wanted; what was odd, in words."""
    servers = promql.names_of(fleet.servers)
    total, done, odd = len(wanted.pieces) * len(wanted.queries), 0, 0
    told: dict[str, None] = {}
    for first, last in wanted.pieces:
        for name, query in wanted.queries.items():
            body = _range(address, query, (first, last, wanted.step), asked)
            try:
                series = promql.read_answer(body, query, servers)
            except promql.NonsenseError as error:
                raise _nonsense(address, str(error)) from None
            odd += series.odd
            told.update(dict.fromkeys(series.warnings))
            add = gathering.add_memory if name.startswith("memory") else gathering.add_cpu
            for sample in series.samples:
                add(sample)
            done += 1
            watcher.progress(done, total, f"{name} until {_time(last)}")
        gathering.fold()
    if odd and not gathering.seen():
        raise MachineError(
            f"all {odd} values that Prometheus at {address} has are no figures",
            cause="they are NaN, infinite or negative",
            todo="see what exports them: `measure.prometheus` may name the wrong metrics",
        )
    if odd:
        told[f"{odd} values were no figures (NaN, infinite or negative) and were left out"] = None
    return tuple(told)


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def _range(
    address: http.Address, query: promql.Query, times: tuple[float, float, float], asked: Asked
) -> object:
    first, last, step = times
    parameters = {
        "query": query.text,
        "start": f"{first:.3f}",
        "end": f"{last:.3f}",
        "step": f"{step:.3f}",
    }
    return _json(address, "/query_range", parameters, asked)


def _json(address: http.Address, path: str, parameters: Mapping[str, str], asked: Asked) -> object:
    """The JSON of a good answer.

    Raises:
        MachineError: any other answer, in Prometheus' own words where it has some.
    """
    answer = http.get(address, API + path, parameters, headers=asked.headers)
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    if answer.status == 200 and body is not None:
        return body
    said = promql.refusal(body)
    if said is not None:
        raise MachineError(
            f"Prometheus at {address} refuses the question",
            cause=said,
            todo="ask for a shorter --window or a longer --interval"
            if answer.status >= 500
            else "check `measure.prometheus` in the fleet file",
        )
    if answer.status in (401, 403):
        raise MachineError(
            f"{address} refuses access (status {answer.status})",
            todo="give `measure.prometheus.authorization` in the fleet file",
        )
    if 300 <= answer.status < 400:
        raise MachineError(
            f"{address} sends elsewhere, to {answer.location or 'nowhere'}",
            todo="give the address where Prometheus itself answers",
        )
    if answer.status == 200:
        raise _nonsense(address, answer.shown or "an empty answer")
    raise MachineError(
        f"{address} answers with status {answer.status}",
        cause=answer.shown or None,
        todo=f"see what `curl {address}{API}{path}` says; is it Prometheus?",
    )


def _nonsense(address: http.Address, said: str) -> MachineError:
    return MachineError(
        f"what {address} answers is not Prometheus'",
        cause=said,
        todo="check the URL: it ends before /api/v1; a log-in page in front needs "
        "`measure.prometheus.authorization`",
    )


def _empty(address: http.Address, where: Prometheus, asked: Asked) -> MachineError:
    """Why nothing came back: the metric is not there at all, or its labels are others."""
    metric = where.memory_metric
    body = _json(address, "/query", {"query": f"count({metric})"}, asked)
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, dict) and data.get("result"):
        labels = f"`{where.service_label}`"
        return MachineError(
            f"Prometheus at {address} has {metric}, but none that names a service in the window",
            cause=f"the series carry no label {labels}, nor what `measure.prometheus.match` asks",
            todo="compare the labels with those under `measure.prometheus`; cAdvisor must run "
            "with its labels of containers on (--store_container_labels)",
        )
    return MachineError(
        f"Prometheus at {address} has no {metric}",
        cause="it does not scrape cAdvisor, or has not for the length of the window",
        todo="scrape cAdvisor on every server, or ask the engines: --from engine",
    )
