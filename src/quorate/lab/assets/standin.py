"""A stand-in: listens where an image that cannot be had would, and says what it is.

Runs as the first process of a container, with Python's standard library alone.

Environment:
    STANDIN_IMAGE: the image it stands in for.
    STANDIN_PORTS: what to listen on, `80,8443,53/udp`; empty: nothing, it only runs.
    STANDIN_MODE: `ok`; `broken` ends with exit code 1 at once; `unhealthy` answers 503.

Every path answers 200. A port answers HTTP, HTTPS and a few protocols of
databases by what the client says first; mail ports greet as mail servers do.
"""

import _thread
import os
import select
import signal
import socket
import sys
from typing import Any

IMAGE = os.environ.get("STANDIN_IMAGE", "an image")
MODE = os.environ.get("STANDIN_MODE", "ok")
CERTIFICATE = "/usr/local/lib/quorate/standin.pem"
IDLE_SECONDS = 15.0
MAXIMUM_REQUEST = 16384
GREETINGS = {
    25: b"220 stand-in ESMTP\r\n",
    465: b"220 stand-in ESMTP\r\n",
    587: b"220 stand-in ESMTP\r\n",
    110: b"+OK stand-in\r\n",
    143: b"* OK stand-in\r\n",
    4190: b'"IMPLEMENTATION" "stand-in"\r\nOK\r\n',
    22: b"SSH-2.0-standin\r\n",
}
POSTGRES_STARTUP = (b"\x00\x03\x00\x00", b"\x00\x03\x00\x02")
POSTGRES_TLS = (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30")


def page(path: str) -> tuple[str, str]:
    """Content type and text for a path."""
    if path.startswith("/metrics"):
        return "text/plain; version=0.0.4", f'standin_up{{image="{IMAGE}"}} 1\n'
    if "health" in path or "actuator" in path:
        status = "UP" if MODE == "ok" else "DOWN"
        return "application/json", f'{{"status":"{status}","standInFor":"{IMAGE}"}}\n'
    text = f"This is a stand-in for {IMAGE} in a Quorate lab, not the real program."
    return "text/html", f"<!doctype html><title>stand-in</title><p>{text}</p>\n"


def answer_http(request: bytes) -> bytes:
    """The whole answer to an HTTP request."""
    words = request.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    kind, text = page(words[1] if len(words) > 1 else "/")
    status = "200 OK" if MODE == "ok" else "503 Service Unavailable"
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nServer: quorate-stand-in\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    return head if words[0] == "HEAD" else head + body


def answer_line(request: bytes) -> bytes:
    """The answer to one line of a text protocol: SMTP, IMAP, POP3, Redis, memcached."""
    words = request.strip().split()
    verb = words[0].upper() if words else b""
    if request[:1] == b"*" or verb == b"PING":
        return b"+PONG\r\n"
    if verb in (b"EHLO", b"HELO", b"NOOP", b"MAIL", b"RCPT", b"RSET"):
        return b"250 stand-in\r\n"
    if verb == b"QUIT":
        return b"221 stand-in\r\n"
    if len(words) > 1:
        return words[0] + b" OK stand-in\r\n"
    return b"OK stand-in\r\n"


def answer_postgres() -> bytes:
    """An error that every Postgres client reads as "a server is there"."""
    fields = b"SFATAL\0C28000\0Mthis is a stand-in, not a database\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


def encrypted(connection: socket.socket) -> Any:
    """The connection after a TLS handshake with a certificate nobody trusts."""
    import ssl  # 4 MB that most stand-ins never need

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context.wrap_socket(connection, server_side=True)


def serve(connection: Any, port: int) -> None:
    """Answer one client until it goes away or has had its page."""
    try:
        connection.settimeout(IDLE_SECONDS)
        if port in GREETINGS:
            connection.sendall(GREETINGS[port])
        elif connection.recv(1, socket.MSG_PEEK) == b"\x16":
            connection = encrypted(connection)
        data = b""
        while chunk := connection.recv(4096):
            data += chunk
            if data[4:8] in POSTGRES_TLS:
                connection.sendall(b"N")
                data = b""
            elif data[4:8] in POSTGRES_STARTUP:
                connection.sendall(answer_postgres())
                break
            elif b" HTTP/1." in data:
                if b"\r\n\r\n" in data:
                    connection.sendall(answer_http(data))
                    break
            elif b"\n" in data:
                connection.sendall(answer_line(data))
                data = b""
            if len(data) > MAXIMUM_REQUEST:
                break
    except OSError:
        pass  # the client went away, or spoke TLS badly
    finally:
        connection.close()


def listen(entry: str) -> socket.socket | None:
    """A socket for `8080` or `53/udp`; None when the port is not to be had."""
    number, _, protocol = entry.partition("/")
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        try:
            opened = socket.socket(family, kind)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            opened.bind((address, int(number)))
            if kind == socket.SOCK_STREAM:
                opened.listen(128)
            return opened
        except OSError as error:
            reason = error
    print(f"stand-in: cannot listen on {entry}: {reason}", flush=True)
    return None


def accept(one: socket.socket) -> None:
    """Take a client, or a packet, which gets no answer."""
    try:
        if one.type == socket.SOCK_DGRAM:
            one.recvfrom(4096)
            return
        connection, _ = one.accept()
        _thread.start_new_thread(serve, (connection, one.getsockname()[1]))
    except (OSError, RuntimeError) as error:
        print(f"stand-in: {error}", flush=True)


def main() -> None:
    """Listen until told to stop."""
    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(stop, lambda *_: os._exit(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as first process: no zombies
    ports = os.environ.get("STANDIN_PORTS", "").replace(",", " ").split()
    print(f"stand-in for {IMAGE}, mode {MODE}, ports: {' '.join(ports) or 'none'}", flush=True)
    if MODE == "broken":
        print("stand-in: told to be broken", file=sys.stderr, flush=True)
        os._exit(1)
    opened = [found for found in map(listen, ports) if found is not None]
    poller = select.poll()
    by_number = {one.fileno(): one for one in opened}
    for number in by_number:
        poller.register(number, select.POLLIN)
    _thread.stack_size(256 * 1024)
    while True:
        for number, _ in poller.poll():
            accept(by_number[number])


if __name__ == "__main__":
    main()
