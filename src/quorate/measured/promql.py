"""What Prometheus is asked, and what its answers mean. Pure: text in, samples out.

cAdvisor names each container's service in labels. Memory is its working set (what
cannot be given back: usage less the page cache that nobody used lately), the highest
within each step, so that no peak between two steps is missed; CPU is the mean rate
within each step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.model import Prometheus, Server
from quorate.measured.figures import Sample
from quorate.measured.model import compose_key

MOST_STEPS = 2016
"""Steps of a window when no interval is given: a week by 5 minutes."""

MOST_SAMPLES = 50_000
"""Of a window: 5 weeks by the minute."""

LEAST_STEP = 60.0
"""Seconds; most Prometheus scrape every 15 to 60 s."""

CHUNK_STEPS = 240
"""Steps asked for at once: Prometheus refuses more than 11,000, and answers grow."""


class NonsenseError(Exception):
    """An answer that is not what Prometheus' API says; the text can be shown."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question: `text` in PromQL; which labels of its series name what."""

    text: str
    services: tuple[str, ...]
    task: str
    server: str


def step_of(window: float) -> float:
    """Seconds between samples for a window, when none is given."""
    return max(LEAST_STEP, math.ceil(window / MOST_STEPS / LEAST_STEP) * LEAST_STEP)


def queries(where: Prometheus, step: float) -> dict[str, Query]:
    """The four questions: memory and CPU, of what Swarm and what docker compose runs."""
    swarm: tuple[str, ...] = (where.service_label,)
    compose = (where.project_label, where.compose_service_label)
    return {
        f"{resource}, {kind}": _query(where, resource, labels, step)
        for kind, labels in (("swarm", swarm), ("compose", compose))
        for resource in ("memory", "cpu")
    }


def _query(where: Prometheus, resource: str, services: tuple[str, ...], step: float) -> Query:
    matchers = [f'{label}!=""' for label in services]
    if where.service_label not in services:
        matchers.append(f'{where.service_label}=""')
    matchers += [f"{name}={_quoted(value)}" for name, value in where.match.items()]
    series = "{" + ",".join(matchers) + "}" + f"[{duration(step)}]"
    by = ", ".join((*services, where.task_label, where.server_label))
    if resource == "memory":
        text = f"max by ({by}) (max_over_time({where.memory_metric}{series}))"
    else:
        text = f"sum by ({by}) (rate({where.cpu_metric}{series}))"
    return Query(text=text, services=services, task=where.task_label, server=where.server_label)


def duration(seconds: float) -> str:
    """Seconds as PromQL has them."""
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{round(seconds)}s"


def chunks(start: float, end: float, step: float) -> Iterator[tuple[float, float]]:
    """The window in pieces that can be asked for at once; first and last moment of each."""
    count = int((end - start) / step + 1e-9)
    for first in range(0, count + 1, CHUNK_STEPS):
        last = min(first + CHUNK_STEPS - 1, count)
        yield start + first * step, start + last * step


@dataclass(frozen=True, kw_only=True)
class Series:
    """The samples of one question and piece. `odd`: values that were none (NaN, negative)."""

    samples: tuple[Sample, ...]
    odd: int
    warnings: tuple[str, ...] = ()


def read_answer(body: Any, query: Query, servers: Mapping[str, str]) -> Series:
    """The samples of an answer to a range query.

    Args:
        servers: what a server label may say → the server's name.

    Raises:
        NonsenseError: the answer is not what the API promises.
    """
    if not isinstance(body, dict) or body.get("status") != "success":
        raise NonsenseError(f"no `status: success` in {_shown(body)}")
    data = body.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise NonsenseError(f"no matrix in {_shown(data)}")
    result = data.get("result")
    if not isinstance(result, list):
        raise NonsenseError(f"no list of series in {_shown(data)}")
    samples: list[Sample] = []
    odd = 0
    for series in result:
        labels, values = _series(series)
        name = [str(labels.get(label, "")) for label in query.services]
        if not all(name):
            continue
        service = compose_key(*name) if len(name) == 2 else name[0]
        said = str(labels.get(query.server, ""))
        server = servers.get(said) or servers.get(_host(said))
        task = str(labels.get(query.task) or said)
        for moment, value in values:
            if math.isfinite(value) and value >= 0:
                samples.append(Sample(service, task, server, moment, value))
            else:
                odd += 1
    told = body.get("warnings")
    warnings = tuple(str(text) for text in told) if isinstance(told, list) else ()
    return Series(samples=tuple(samples), odd=odd, warnings=warnings)


def refusal(body: Any) -> str | None:
    """Prometheus' own words in an error answer; None when it is not one of its."""
    if isinstance(body, dict) and body.get("status") == "error":
        return f"{body.get('errorType', 'error')}: {body.get('error', '')}"
    return None


def names_of(servers: tuple[Server, ...]) -> dict[str, str]:
    """What a server label may say → the server's name: its name, its address."""
    found = {server.address: server.name for server in servers}
    return {**found, **{server.name: server.name for server in servers}}


def _series(series: Any) -> tuple[Mapping[str, Any], list[tuple[float, float]]]:
    labels = series.get("metric") if isinstance(series, dict) else None
    values = series.get("values") if isinstance(series, dict) else None
    if not isinstance(labels, dict) or not isinstance(values, list):
        raise NonsenseError(f"a series without `metric` and `values`: {_shown(series)}")
    return labels, [_value(pair) for pair in values]


def _value(pair: Any) -> tuple[float, float]:
    try:
        moment, text = pair
        found = float(moment), float(text)
    except (TypeError, ValueError):
        raise NonsenseError(f"a value that is none: {_shown(pair)}") from None
    if not math.isfinite(found[0]):
        raise NonsenseError(f"a time that is none: {_shown(pair)}")
    return found


def _host(label: str) -> str:
    """`198.51.100.7:8080` without its port; an IPv6 address without brackets too."""
    if label.startswith("["):
        return label[1:].split("]", 1)[0]
    return label.rsplit(":", 1)[0] if label.count(":") == 1 else label


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text[:120] + (" …" if len(text) > 120 else "")
