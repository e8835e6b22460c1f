"""The door to a Prometheus Pushgateway: samples of a job that is not there to be scraped."""

from __future__ import annotations

import http.client

from quorate.errors import MachineError, UnreachableError
from quorate.tools.http import SHOWN, Address

SECONDS = 10.0
"""A job that has done its work does not wait long to be able to say so."""


def push(address: Address, path: str, text: str, *, timeout: float = SECONDS) -> None:
    """Add samples to a group: those of the same name are replaced, others stay.

    Args:
        address: of the gateway.
        path: `/metrics/job/…` with the labels of the group.
        text: samples in Prometheus' text form.

    Raises:
        UnreachableError: nothing answers there.
        MachineError: what answers does not take them.
    """
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=timeout)
    try:
        headers = {"Content-Type": "text/plain; version=0.0.4"}
        connection.request("POST", f"{address.path}{path}", text.encode(), headers)
        answer = connection.getresponse()
        said = " ".join(answer.read(4 * SHOWN).decode(errors="replace").split())
    except OSError as error:
        raise UnreachableError(
            f"the Pushgateway {address} does not answer",
            cause=error.strerror or str(error) or "it closed the connection",
            todo="check host and port, and that this network reaches it",
        ) from error
    except http.client.HTTPException as error:
        raise MachineError(f"{address} does not speak HTTP", cause=str(error) or None) from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise MachineError(
            f"the Pushgateway {address} did not take the result: status {answer.status}",
            cause=said[:SHOWN] or None,
            todo="check that a Pushgateway answers there, and its log",
        )
