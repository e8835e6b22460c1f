"""What a backup job tells a Pushgateway when it has ended: where to, and the text. Pure.

The document pushes `backup_last_success_timestamp` with curl. A group of its own for each source
in each repository, named in the path, keeps one job's result from replacing another's; a run that
failed says nothing of success, so that the time of the last good one stays.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.metrics import FLEET, Metric

JOB = "quorate-backup"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended.

    `copy` is `backup_metrics.ORIGINAL` or `COPIED`. `taken`: the moment, in Unix time, whose state
    the copy holds; None where there is none that counts. Sizes and memory in bytes; None: not
    known.
    """

    fleet: str
    source: str
    repository: str
    copy: str
    code: int
    taken: float | None = None
    size: int | None = None
    added: int | None = None
    seconds: float | None = None
    peak: int | None = None


def path(ended: Ended) -> str:
    """The path below the Pushgateway's address. Values in base64: they may hold any character.

    See "URL" in https://github.com/prometheus/pushgateway#url.
    """
    labels = {
        FLEET: ended.fleet,
        "source": ended.source,
        "repository": ended.repository,
        "copy": ended.copy,
    }
    return f"/metrics/job/{JOB}" + "".join(
        f"/{name}@base64/{_encoded(value)}" for name, value in labels.items()
    )


def text(ended: Ended) -> str:
    """The samples in Prometheus' text form; their labels are those of the path."""
    lines = []
    for metric, value in _values(ended):
        lines += [f"# HELP {metric.name} {_help(metric)}", f"# TYPE {metric.name} gauge"]
        lines.append(f"{metric.name} {value!r}")
    return "\n".join(lines) + "\n"


def _values(ended: Ended) -> Iterator[tuple[Metric, float]]:
    good = ended.code == 0 and ended.taken is not None
    said: dict[Metric, float | None] = {
        metrics.LAST_SUCCESS: ended.taken if good else None,
        metrics.LAST_EXIT_CODE: ended.code,
        metrics.SIZE: ended.size if good else None,
        metrics.ADDED: ended.added if good else None,
        metrics.DURATION: ended.seconds,
        metrics.PEAK_MEMORY: ended.peak or None,
    }
    for metric in metrics.PUSHED:
        value = said[metric]
        if value is not None:
            yield metric, float(value)


def _help(metric: Metric) -> str:
    return metric.help.replace("\\", "\\\\").replace("\n", "\\n")


def _encoded(value: str) -> str:
    """Without padding, but `=` for nothing, as the gateway asks for."""
    return urlsafe_b64encode(value.encode()).decode().rstrip("=") or "="
