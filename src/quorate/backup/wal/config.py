"""Barman's configuration for one Postgres, and the programs it is to use. Pure.

Looked up in Barman 3.4 (Debian 12): `barman_user` must be who runs it; a WAL archive that is
empty fails the check before a backup; pg_receivewal tells the primary only every ten seconds how
far it is, and there is no setting for that, so it is reached through a program of our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quorate.tools.pg import Programs, Server, conninfo

NAME = "main"
"""What Barman calls the Postgres: each has a directory, and a Barman, of its own."""
ARCHIVED = "gzip -1 -c"
"""How segments are kept. Level 1: a segment takes a quarter of the time of level 6."""
UNPACKED = "gzip -d -c -f"
"""The way back; what is not packed comes through as it is."""
GZIP_MAGIC = "0x1f8b08"
BATCH = 32
"""Segments that are put away at once: the receiver looks at nothing else meanwhile."""
RECEIVER = "pg_receivewal"
OTHERS = ("psql", "pg_basebackup", "pg_verifybackup")


@dataclass(frozen=True, kw_only=True)
class Places:
    """The directory of one Postgres' log; what is in it."""

    home: Path

    @property
    def config(self) -> Path:
        return self.home / "barman.conf"

    @property
    def programs(self) -> Path:
        return self.home / "bin"

    @property
    def log(self) -> Path:
        return self.home / "barman.log"

    @property
    def received(self) -> Path:
        """Segments as they come; the one under way ends in `.partial`."""
        return self.home / NAME / "streaming"

    @property
    def archived(self) -> Path:
        """Whole segments, in a directory for each 4 GiB of log."""
        return self.home / NAME / "wals"

    @property
    def bases(self) -> Path:
        """Base backups, each in a directory by its id."""
        return self.home / NAME / "base"

    @property
    def aside(self) -> Path:
        """What had been received when a hole came."""
        return self.home / "aside"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    @property
    def health(self) -> Path:
        return self.home / "health.json"

    @property
    def metrics(self) -> Path:
        return self.home / "metrics.prom"


def barman_conf(places: Places, server: Server, slot: str, user: str) -> str:
    """The configuration file. `user`: who runs Barman. No password is in it."""
    return f"""\
[barman]
barman_user = {user}
barman_home = {places.home}
log_file = {places.log}
log_level = INFO
configuration_files_directory = {places.home}/conf.d

[{NAME}]
description = received by Quorate
conninfo = {conninfo(server, server.database)}
streaming_conninfo = {conninfo(server, server.database)}
backup_method = postgres
streaming_archiver = on
streaming_archiver_batch_size = {BATCH}
archiver = off
slot_name = {slot}
create_slot = manual
path_prefix = {places.programs}
compression = custom
custom_compression_filter = {ARCHIVED}
custom_decompression_filter = {UNPACKED}
custom_compression_magic = {GZIP_MAGIC}
"""


def receiver_script(programs: Programs) -> str:
    """pg_receivewal that tells each second how far it is."""
    return f'#!/bin/sh\nexec {programs.argv(RECEIVER)} --status-interval=1 "$@"\n'
