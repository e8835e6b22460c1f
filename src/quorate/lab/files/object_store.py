"""An S3-compatible object store: OpenStack Swift, all its servers below one process.

Needs Debian's swift-proxy, swift-account, swift-container, swift-object and memcached. One
copy of each object, in a directory whose file system has extended attributes. The keys are
read from the environment; nothing outside the directory is written.

    object_store.py DIRECTORY HOST PORT

Environment:
    STORE_ACCESS_KEY: `ACCOUNT:USER`, as an access key of Swift is.
    STORE_SECRET_KEY: its secret.
    STORE_CERTIFICATE: a file with its certificate and key (PEM); it speaks TLS. restic signs
        what it sends over plain HTTP in chunks, which Swift 2.30 does not read.

Its servers stop when it does. Prints `ready` when the store answers.
"""

import ctypes
import importlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS = 120.0
PARTS = {"account": 1, "container": 2, "object": 3}
"""Its inner servers, each at the port so far above the store's own."""
CACHE = 4
"""Its memcached, likewise."""

# A server that is slow is not gone: there is no other to ask.
PATIENCE = "conn_timeout = 30\nnode_timeout = 120\n"
INNER = """\
[DEFAULT]
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
disable_fallocate = true
recon_cache_path = {directory}
log_level = ERROR
{patience}container_update_timeout = 120
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
OUTER = """\
[DEFAULT]
swift_dir = {directory}
bind_ip = {host}
bind_port = {port}
{tls}workers = 0
user = {user}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache s3api tempauth bulk copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
{patience}recoverable_node_timeout = 120
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{name} = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
UPDATER = """\
[{part}-updater]
interval = 30
recon_cache_path = {directory}
{patience}"""


def write(directory: Path, host: str, port: int) -> None:
    """The configuration, and rings of one device for each kind of server."""
    builder_of = importlib.import_module("swift.common.ring").RingBuilder

    user = pwd.getpwuid(os.getuid()).pw_name
    account, _, name = os.environ["STORE_ACCESS_KEY"].partition(":")
    secret = os.environ["STORE_SECRET_KEY"]
    cache = port + CACHE
    (directory / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    for part, offset in PARTS.items():
        builder = builder_of(4, 1, 0)
        builder.add_dev(
            {
                **{"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "disk", "meta": ""},
                **{"ip": "127.0.0.1", "port": port + offset},
                **{"replication_ip": "127.0.0.1", "replication_port": port + offset},
            }
        )
        builder.rebalance(seed=1)
        builder.get_ring().save(str(directory / f"{part}.ring.gz"))
        text = INNER.format(
            directory=directory, port=port + offset, user=user, part=part, patience=PATIENCE
        )
        if part != "account":
            text += UPDATER.format(directory=directory, part=part, patience=PATIENCE)
        keep(directory / f"{part}.conf", text)
    certificate = os.environ.get("STORE_CERTIFICATE")
    tls = f"cert_file = {certificate}\nkey_file = {certificate}\n" if certificate else ""
    outer = OUTER.format(
        directory=directory, host=host, port=port, user=user, patience=PATIENCE,
        cache=cache, account=account, name=name, secret=secret, tls=tls,
    )  # fmt: skip
    keep(directory / "proxy.conf", outer)
    keep(directory / "cache.port", str(cache))


def keep(path: Path, text: str) -> None:
    """Write a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(text)


def known(directory: Path) -> None:
    """Give Swift what it would read from /etc/swift/swift.conf: a salt, one for each store."""
    utils = vars(importlib.import_module("swift.common.utils"))
    salt = directory / "salt"
    if not salt.exists():
        keep(salt, os.urandom(16).hex())
    utils["HASH_PATH_SUFFIX"] = salt.read_bytes()


def serve(directory: Path, part: str) -> int:
    """Be one of its servers, until the parent is gone."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    known(directory)
    if part == "cache":
        port = int((directory / "cache.port").read_text())
        user = pwd.getpwuid(os.getuid()).pw_name
        where = ["-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "32", "-u", user]
        os.execvp("memcached", ["memcached", *where])
    if part == "updater":
        updater = importlib.import_module("swift.obj.updater").ObjectUpdater
        run = importlib.import_module("swift.common.daemon").run_daemon
        run(updater, str(directory / "object.conf"), section="object-updater")
        return 0
    serving = importlib.import_module("swift.common.wsgi")
    return int(serving.run_wsgi(str(directory / f"{part}.conf"), f"{part}-server"))


def wait(host: str, port: int) -> bool:
    """Whether the store, and each server behind it, answers in time."""
    deadline = time.monotonic() + READY_SECONDS
    near = "127.0.0.1" if host == "0.0.0.0" else host
    inner = [("127.0.0.1", port + offset) for offset in (*PARTS.values(), CACHE)]
    waiting = [*inner, (near, port)]
    while waiting and time.monotonic() < deadline:
        try:
            socket.create_connection(waiting[0], timeout=5).close()
            waiting.pop(0)
        except OSError:
            time.sleep(0.1)
    return not waiting


def main() -> int:
    """Start all servers and wait: when one ends, all end."""
    directory = Path(sys.argv[1]).absolute()
    if sys.argv[2] == "--serve":
        return serve(directory, sys.argv[3])
    host, port = sys.argv[2], int(sys.argv[3])
    directory.mkdir(parents=True, exist_ok=True)
    write(directory, host, port)
    known(directory)
    me = [sys.executable, __file__, str(directory), "--serve"]
    parts = (*PARTS, "cache", "proxy", "updater")
    servers = [subprocess.Popen([*me, part]) for part in parts]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if not wait(host, port):
            print(f"the store does not answer at {host}:{port}", file=sys.stderr)
            return 1
        print("ready", flush=True)
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
        print("one of the store's servers ended", file=sys.stderr)
        return 1
    finally:
        for server in servers:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
