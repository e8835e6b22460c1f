"""A small HTTP server for machines: each page is made when it is asked for. GET and HEAD only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from quorate.errors import MachineError

TEXT = "text/plain; charset=utf-8"
PATIENCE_SECONDS = 10.0
"""For whoever connects and asks nothing."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is answered."""

    body: str
    status: int = 200
    kind: str = TEXT


Pages = Mapping[str, Callable[[], Page]]
"""Path → what makes its page; that is quick and asks nobody."""


@contextmanager
def served(pages: Pages, host: str, port: int) -> Iterator[int]:
    """Shown at http://host:port during the block; port 0: any. Gives the port.

    Raises:
        MachineError: nothing can listen there.
    """
    try:
        server = _Server((host, port), _handler(pages), ":" in host)
    except OSError as error:
        raise MachineError(
            f"nothing can listen on {host} port {port}",
            cause=error.strerror or str(error),
            todo="give --listen another port, or an address that this machine has; "
            f"`ss -lntp` says who listens on {port}",
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2})
    thread.daemon = True
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], six: bool
    ) -> None:
        self.address_family = socket.AF_INET6 if six else socket.AF_INET
        super().__init__(address, handler)


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_SECONDS

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            make = pages.get(self.path.partition("?")[0])
            page = make() if make else Page(body=f"{' '.join(pages)}\n", status=404)
            body = page.body.encode()
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a scrape each 15 seconds is no news."""

    return Handler
