"""GitLab: its own gitlab-backup, the archive read to its last byte, its secrets apart.

An archive does not hold gitlab-secrets.json, without which what is encrypted in the database
cannot be read, and a restored GitLab answers 500. It is stored with the archive, in a directory
of its own. gitlab-backup has ended with exit code 0 after a part had failed, so that what it made
is read: every component, every compressed file to its end.

Paths are those of the Omnibus package and its image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup.inside import Inside
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, gitlab_archive
from quorate.backup.sources.gitlab_archive import SUFFIX, Archive
from quorate.errors import CommandError, MachineError, RefusedError
from quorate.tools import clock, command

BACKUPS = "/var/opt/gitlab/backups"
CONFIGURATION = "/etc/gitlab"
CONFIGURED_SECONDS, CONFIGURED_POLL_SECONDS = 1800.0, 2.0
# The pattern does not match itself. `ps` is not in every image.
CONFIGURED = """
test -d "$1" && ! cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n' | grep -q '^[r]econfigure$'
"""
VERSION = "/opt/gitlab/embedded/service/gitlab-rails/VERSION"
ARCHIVE, SECRETS = "archive", "secrets"
KEPT_APART = ("gitlab-secrets.json", "gitlab.rb")
MADE = re.compile(r"Creating backup archive: (\S+_gitlab_backup\.tar) \.\.\. done")
FAILED = re.compile(r"Dumping (.+?) failed: (.*)")

# Compressed so that a later archive shares most of its bytes with this one in the repository.
# Not with CRON=1, which hides the words by which the archive is known.
CREATE = ("gitlab-backup", "create", "GZIP_RSYNCABLE=yes")


@dataclass(frozen=True, kw_only=True)
class GitLab:
    """A GitLab as a source, reached inside its container.

    `backups`: GitLab's own `backup_path`; there has to be room for an archive.
    """

    inside: Inside
    backups: str = BACKUPS
    kind: Kind = field(default=Kind.GITLAB, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Make an archive, take it out with the secrets, read it; see `base.DumpedSource`.

        Raises:
            MachineError: gitlab-backup failed, or what it made is not whole.
        """
        with base.filling(spool):
            name = self._create()
            try:
                for directory in (ARCHIVE, SECRETS):
                    (spool / directory).mkdir(mode=0o700)
                self.inside.take(f"{self.backups}/{name}", spool / ARCHIVE / name)
                for kept in KEPT_APART:
                    self.inside.take(f"{CONFIGURATION}/{kept}", spool / SECRETS / kept)
            finally:
                self.inside.run(["rm", "-f", "--", f"{self.backups}/{name}"])
            made = look(spool)
            base.publish(spool, made)
        return made

    def _create(self) -> str:
        """Run gitlab-backup; the name of its archive."""
        code, said = self.inside.run(CREATE)
        failed = FAILED.search(said)
        found = MADE.search(said)
        if code == 0 and failed is None and found is not None:
            return found[1]
        if found is not None:  # it is not whole; it would only take room
            self.inside.run(["rm", "-f", "--", f"{self.backups}/{found[1]}"])
        raise CommandError(
            "gitlab-backup failed" + (f" at {failed[1]}" if failed else ""),
            cause=failed[2] if failed else command.last_lines(said) or None,
            todo=f"look at the room in {self.backups} of the container, and at GitLab's own logs; "
            "this archive does not count",
        )

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Read an archive to its last byte, with its secrets; see `base.DumpedSource`."""
        return tried_out(directory)


def tried_out(directory: Path) -> Restored:
    """An archive and its secrets, read to the last byte.

    No GitLab is started for it: one needs 4 GiB of memory, and the very version.

    Raises:
        MachineError: the archive is damaged, or the secrets are not there.
    """
    began = clock.monotonic()
    return Restored(manifest=look(directory), seconds=clock.monotonic() - began)


def look(directory: Path) -> Manifest:
    """What is in a directory with an archive and its secrets.

    Raises:
        MachineError: the archive is damaged, or the secrets are not there.
    """
    found = gitlab_archive.read(_archive_in(directory))
    parts = dict(found.components)
    for kept in KEPT_APART:
        parts[kept] = gitlab_archive.file_part(directory / SECRETS / kept)
    return Manifest(
        kind=Kind.GITLAB, version=found.version, parts=parts, findings=tuple(_findings(found))
    )


def _findings(found: Archive) -> Iterator[str]:
    for name in found.skipped:
        yield f"{name} is not in the archive: GitLab was told to leave it out (`SKIP`)"
    for name in found.absent:
        yield f"{name} is not in the archive: it is switched off in GitLab, or kept elsewhere"


def _archive_in(directory: Path) -> Path:
    found = sorted((directory / ARCHIVE).glob(f"*{SUFFIX}"))
    if len(found) != 1:
        raise MachineError(
            f"{directory} has {len(found) or 'no'} archives of gitlab-backup",
            todo="use another copy",
        )
    return found[0]


def configured(inside: Inside, *, seconds: float = CONFIGURED_SECONDS) -> None:
    """Wait until a GitLab that has just started has configured itself, as it does at each start.

    Before the end of the first time it has no place for archives, and writes secrets of its own.

    Raises:
        MachineError: it has not done so in time.
    """
    deadline = clock.monotonic() + seconds
    while inside.run(["sh", "-c", CONFIGURED, "sh", BACKUPS])[0] != 0:
        if clock.monotonic() > deadline:
            raise MachineError(
                f"this GitLab has not configured itself within {seconds / 60:.0f} min",
                cause="its first start has failed, or its server is too slow for it",
                todo="its own log says why (`quorate logs`); then do this again",
            )
        clock.sleep(CONFIGURED_POLL_SECONDS)


def restore(directory: Path, inside: Inside, *, backups: str = BACKUPS, over: bool = False) -> None:
    """Restore into a GitLab that runs, of the very version: secrets first, then the archive.

    Args:
        directory: a published dump.
        inside: the container of the GitLab to restore into; all it has is replaced.
        backups: its `backup_path`.
        over: the GitLab may have data of its own.

    Raises:
        RefusedError: it has repositories, and `over` was not said; nothing was changed.
        MachineError: it has another version, or a step failed: what is said there has to be done.
    """
    dumped = base.manifest(directory)
    archive = _archive_in(directory)
    there = _said(inside, ["cat", VERSION]).strip()
    if there != dumped.version:
        raise MachineError(
            f"the archive is of GitLab {dumped.version}, and this one is {there}",
            cause="GitLab restores archives of its very own version only",
            todo=f"start the image of {dumped.version}, restore, and update it afterwards",
        )
    listed = _said(inside, ["sh", "-c", "ls -d /var/opt/gitlab/git-data/repositories/@hashed/* "
                            "2> /dev/null || true"])  # fmt: skip
    if listed.strip() and not over:
        raise RefusedError(
            "this GitLab has repositories already; nothing was changed",
            todo="restore into a new one, or say that it may be replaced",
        )
    for kept in KEPT_APART:
        inside.put(directory / SECRETS / kept, f"{CONFIGURATION}/{kept}")
    inside.put(archive, f"{backups}/{archive.name}")
    for argv in steps(archive.name.removesuffix(SUFFIX), f"{backups}/{archive.name}"):
        _said(inside, argv)


def steps(backup: str, archive: str) -> tuple[list[str], ...]:
    """The commands of a restore inside the container, once secrets and archive are there."""
    return (
        ["sh", "-c", 'id git > /dev/null 2>&1 || exit 0; chown git:git -- "$1"', "sh", archive],
        ["gitlab-ctl", "reconfigure"],
        ["gitlab-ctl", "stop", "puma"],
        ["gitlab-ctl", "stop", "sidekiq"],
        ["gitlab-backup", "restore", f"BACKUP={backup}", "force=yes"],
        ["gitlab-ctl", "restart"],
        ["gitlab-rake", "gitlab:doctor:secrets"],
        ["rm", "-f", "--", archive],
    )


def _said(inside: Inside, argv: list[str]) -> str:
    code, said = inside.run(argv)
    if code != 0:
        raise CommandError(
            f"`{' '.join(argv[:2])}` in the GitLab ended with exit code {code}",
            cause=command.last_lines(said) or None,
            todo="see what it says; a restore can be begun again from its first step",
        )
    return said
