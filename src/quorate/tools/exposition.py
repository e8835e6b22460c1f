"""Metrics in Prometheus' text form, and a small server that shows them.

Whoever scrapes gets what was last put there: a scrape waits for nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from quorate.errors import MachineError

KIND = CONTENT_TYPE_LATEST
"""What the text form is called in HTTP."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A gauge with its samples: the values of `labels`, in their order, and the figure."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: tuple[tuple[tuple[str, ...], float], ...]


class Board(Collector):
    """What is shown now. One thread puts, others read."""

    def __init__(self) -> None:
        self._families: tuple[Family, ...] = ()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def put(self, families: Iterable[Family]) -> None:
        """Show these from now on, in place of what was there."""
        self._families = tuple(families)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry."""
        for family in self._families:
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in family.samples:
                gauge.add_metric(labels, value)
            yield gauge

    def text(self) -> str:
        """All of it in the text form."""
        return generate_latest(self._registry).decode()

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Shown at http://host:port/metrics during the block; port 0: any. Gives the port.

        Raises:
            MachineError: nothing can listen there.
        """
        try:
            server, thread = start_http_server(port, addr=host, registry=self._registry)
        except OSError as error:
            raise MachineError(
                f"nothing can listen on {host} port {port}",
                cause=error.strerror or str(error),
                todo="give --listen another port, or an address that this machine has; "
                f"`ss -lntp` says who listens on {port}",
            ) from error
        try:
            yield int(server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
