"""The one door to restic, from 0.14 on.

Passwords go through files, addresses through the environment: neither is in any
argument. What older versions end with exit code 0 (a source that is not there,
a `forget` or `tag` or `copy` of an id that is not there) is no error here either:
who calls reads again what became of it (`backup/repository.py`, `backup/pruning.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from quorate.errors import RepositoryError
from quorate.tools import clock, command, restic_answers
from quorate.tools.restic_answers import Entry, Listing, Lock, Progress, PrunePlan, Summary
from quorate.tools.restic_errors import Reason, explained, plain

Watch = Callable[[Progress], None]

OLDEST = (0, 14)
QUICK_SECONDS = 300.0  # looks, tags, locks: a far repository with many snapshots takes minutes
LONG_SECONDS = 24 * 3600.0
LOCK_POLL_SECONDS = 1.0
UNREAD = 3
"""restic's exit code when a backup was made and some of the source could not be read."""

# What a person's shell may hold must not reach another repository than the one meant.
FOREIGN = (
    *("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE"),
    *("RESTIC_PASSWORD_COMMAND", "RESTIC_KEY_HINT", "RESTIC_FROM_REPOSITORY"),
    *("RESTIC_FROM_REPOSITORY_FILE", "RESTIC_FROM_PASSWORD", "RESTIC_FROM_PASSWORD_FILE"),
    *("RESTIC_FROM_PASSWORD_COMMAND", "RESTIC_FROM_KEY_HINT", "RESTIC_HOST"),
)


@dataclass(frozen=True, kw_only=True)
class Access:
    """How restic gets at a repository.

    `environment` holds credentials of the far side, whose values are masked in
    everything; `options` are restic's `-o`; `ca` is a file of authorities (PEM) that may
    have signed the far side's certificate. Without a `cache` none is used.
    """

    url: str
    password_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    cache: Path | None = None
    ca: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Restic:
    """A repository through restic.

    Every method raises `RepositoryError` with its reason, and `CommandError` when
    restic is not installed or a time limit is over. `patience` (s) is how long a
    locked repository is tried again: 0.14 has no `--retry-lock`.
    """

    name: str
    access: Access
    patience: float = 60.0
    program: str = "restic"

    def version(self) -> tuple[int, ...]:
        """restic's version, as (0, 14, 0)."""
        said = command.run([self.program, "version"]).stdout
        match = re.match(r"restic (\d+(?:\.\d+)+)", said)
        return tuple(map(int, match[1].split("."))) if match else (0,)

    def require(self) -> None:
        """Raise if restic is older than what is known to work."""
        found = self.version()
        if found < OLDEST:
            raise RepositoryError(
                f"restic {'.'.join(map(str, found))} is too old",
                reason=Reason.TOO_OLD,
                todo="install restic 0.14 or newer, then retry",
            )

    def init(self, like: Restic | None = None) -> None:
        """Make the repository; with the chunks of another, so that copies share them."""
        self.require()
        extra = ["--copy-chunker-params"] if like else []
        self._run("make", ["init", *extra], source=like)

    def config(self) -> str:
        """The repository's id: whether it is there and the password right."""
        said = self._run("open", ["cat", "config", "--no-lock"]).stdout
        found = restic_answers.whole(said)
        return str(found.get("id", "")) if isinstance(found, dict) else ""

    def snapshots(self) -> tuple[Entry, ...]:
        """All snapshots, also while others hold locks: their files never change."""
        said = self._run("list", ["snapshots", "--json", "--no-lock"]).stdout
        return restic_answers.entries(said)

    def backup(
        self,
        paths: Sequence[str],
        *,
        cwd: Path,
        tags: Sequence[str],
        host: str,
        parent: str | None = None,
        watch: Watch | None = None,
        exclude: Sequence[str] = (),
        live: bool = False,
        timeout: float = LONG_SECONDS,
    ) -> Summary:
        """Back up `paths` below `cwd`, all but the absolute paths in `exclude`.

        `live`: files that vanish while restic reads are no error. A restic that crashes without
        a word of why is run once more: its second run counts.

        Only a `parent` that is given spares the reading of files: restic by itself
        takes the last snapshot of the same host and paths, which in containers, all
        alike, may be another volume's.
        """
        known = ["--parent", parent] if parent else ["--force"]
        known += [f"--exclude={_literally(path)}" for path in exclude]
        argv = ["backup", "--json", *_tagged(tags, host), *known, "--", *paths]
        follow = partial(
            self._follow, "back up to", argv, watch, timeout=timeout, cwd=cwd,
            bearable=lambda done: live and _only_vanished(done),
        )  # fmt: skip
        try:
            return self._summary(follow())
        except RepositoryError as error:
            if error.reason != Reason.CRASHED:
                raise
        return self._summary(follow())

    def backup_stream(
        self,
        stream: IO[bytes],
        name: str,
        *,
        tags: Sequence[str],
        host: str,
        watch: Watch | None = None,
        timeout: float = LONG_SECONDS,
    ) -> Summary:
        """Back up what can be read from `stream` as a file `name`, without directories.

        Where the stream ends, the file does: whether that was all, the caller has to know.
        """
        argv = ["backup", "--json", *_tagged(tags, host), "--stdin", "--stdin-filename", name]
        said = self._follow("back up to", argv, watch, timeout=timeout, input=stream)
        return self._summary(said)

    def _summary(self, said: command.Result) -> Summary:
        found = restic_answers.summary(said.stdout)
        if found is None:
            raise RepositoryError(
                f"restic ended without naming a snapshot in the repository {self.name}",
                reason=Reason.OTHER,
                cause=command.last_lines(said.stderr) or None,
            )
        return found

    def tag(self, ids: Sequence[str], add: Sequence[str]) -> None:
        """Add tags, which gives snapshots new ids; needs the repository for itself."""
        self._run("tag in", ["tag", *(f"--add={tag}" for tag in add), *ids])

    def listing(self, id: str, *, timeout: float = LONG_SECONDS) -> Listing:
        """A snapshot and everything inside it, as the repository has it."""
        said = self._run("list", ["ls", "--json", id], timeout=timeout)
        found = restic_answers.listing(said.stdout)
        if found is None:
            raise self._error("list", said)
        return found

    def dump(self, id: str, path: str) -> str:
        """A text file of a snapshot."""
        return self._run("read", ["dump", id, path]).stdout

    def restore(
        self, id: str, into: Path, *, watch: Watch | None = None, timeout: float = LONG_SECONDS
    ) -> None:
        """Restore a whole snapshot below `into`."""
        argv = ["restore", "--json", "--target", str(into), id]
        self._follow("restore from", argv, watch, timeout=timeout)

    def copy(self, source: Restic, ids: Sequence[str], *, timeout: float = LONG_SECONDS) -> None:
        """Copy snapshots of `source` into this repository."""
        self._run("copy to", ["copy", *ids], source=source, timeout=timeout)

    def forget(self, ids: Sequence[str]) -> None:
        """Forget these snapshots and no others; needs the repository for itself."""
        if ids:  # without ids, restic applies a policy, if only an empty one
            self._run("forget in", ["forget", *ids])

    def prune_plan(self) -> PrunePlan | None:
        """What a prune would do; None if restic's words are not understood."""
        return restic_answers.prune_plan(self._run("prune", ["prune", "--dry-run"]).stdout)

    def prune(self, *, timeout: float = LONG_SECONDS) -> None:
        """Remove what no snapshot uses; needs the repository for itself."""
        self._run("prune", ["prune"], timeout=timeout)

    def check(
        self, read: str | None = None, *, lock: bool = True, timeout: float = LONG_SECONDS
    ) -> tuple[str, ...]:
        """What is wrong with the repository, in restic's words; empty if nothing is.

        `read` is the part of the data that is read too, as `10%` or `2/7`. Needs the
        repository for itself: without `lock` the caller knows that nobody writes. Errors other
        than damage are raised.
        """
        extra = [f"--read-data-subset={read}"] if read else []
        extra += [] if lock else ["--no-lock"]
        try:
            self._run("check", ["check", *extra], timeout=timeout)
        except RepositoryError as error:
            if error.reason != Reason.DAMAGED:
                raise
            return tuple((error.cause or "the repository is damaged").splitlines())
        return ()

    def room(self, *, timeout: float = QUICK_SECONDS) -> int:
        """Bytes that all snapshots together use, as stored; what a prune removes is not in it."""
        argv = ["stats", "--json", "--mode", "raw-data", "--no-lock"]
        said = self._run("measure", argv, timeout=timeout).stdout
        found = restic_answers.whole(said)
        return restic_answers.number(found, "total_size") if isinstance(found, dict) else 0

    def locks(self) -> tuple[Lock, ...]:
        """Who holds the repository now."""
        ids = self._run("look at", ["list", "locks", "--no-lock"]).stdout.split()
        return tuple(filter(None, map(self._lock, ids)))

    def _lock(self, id: str) -> Lock | None:
        try:
            said = self._run("look at", ["cat", "lock", id, "--no-lock"]).stdout
        except RepositoryError as error:
            if error.reason in (Reason.DAMAGED, Reason.OTHER):
                said = ""  # cut off in the writing, or gone meanwhile
            else:
                raise
        return restic_answers.lock(id, said)

    def break_stale_locks(self) -> tuple[Lock, ...]:
        """Remove locks whose holder is gone, and say which.

        restic's own rule: not refreshed for 30 minutes, or of a process of this
        very host that does not run. A lock that is held stays.
        """
        before = self.locks()
        self._run("unlock", ["unlock"])
        left = {lock.id for lock in self.locks()}
        return tuple(lock for lock in before if lock.id not in left)

    def _run(
        self,
        what: str,
        argv: Sequence[str],
        *,
        source: Restic | None = None,
        timeout: float = QUICK_SECONDS,
    ) -> command.Result:
        env = self._environment(source)
        full = [self.program, *self._options(source), *argv]
        deadline = clock.monotonic() + self.patience
        while True:
            done = command.run(full, env=env, timeout=timeout, check=False, secrets=self._secrets())
            if done.ok:
                return done
            error = self._error(what, done)
            if error.reason != Reason.LOCKED or clock.monotonic() > deadline:
                raise error
            clock.sleep(LOCK_POLL_SECONDS)

    def _follow(
        self,
        what: str,
        argv: Sequence[str],
        watch: Watch | None,
        *,
        timeout: float,
        cwd: Path | None = None,
        input: IO[bytes] | None = None,
        bearable: Callable[[command.Result], bool] = lambda done: False,
    ) -> command.Result:
        """Run and tell `watch` of progress; a lock is not waited for, as a stream comes once."""
        started = clock.monotonic()

        def heard(line: str) -> None:
            found = restic_answers.progress(line, clock.monotonic() - started)
            if found and watch:
                watch(found)

        done = command.follow(
            [self.program, *self._options(None), *argv],
            heard,
            timeout=timeout,
            input=input,
            env=self._environment(None),
            cwd=cwd,
            secrets=self._secrets(),
        )
        if not done.ok and not bearable(done):
            raise self._error(what, done)
        return done

    def _error(self, what: str, done: command.Result) -> RepositoryError:
        said = command.mask(f"{plain(done.stderr)}\n{_problems(done.stdout)}", self._secrets())
        return explained(what, self.name, done.code, said)

    def _options(self, source: Restic | None) -> list[str]:
        options = {*self.access.options, *(source.access.options if source else ())}
        cached = ["--cache-dir", str(self.access.cache)] if self.access.cache else ["--no-cache"]
        ours = {self.access.ca, source.access.ca if source else None} - {None}
        trusted = [f"--cacert={path}" for path in sorted(map(str, ours))]
        return [*cached, *trusted, *(f"--option={option}" for option in sorted(options))]

    def _environment(self, source: Restic | None) -> dict[str, str]:
        env = dict.fromkeys(FOREIGN, "")
        env |= {"TZ": "UTC", "RESTIC_PROGRESS_FPS": "2", **self.access.environment}
        env["RESTIC_REPOSITORY"] = self.access.url
        env["RESTIC_PASSWORD_FILE"] = str(_readable(self))
        if source:
            env |= source.access.environment
            env["RESTIC_FROM_REPOSITORY"] = source.access.url
            env["RESTIC_FROM_PASSWORD_FILE"] = str(_readable(source))
        return env

    def _secrets(self) -> tuple[str, ...]:
        return tuple(self.access.environment.values())


def _literally(path: str) -> str:
    """A pattern that is this path and no other."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)


def _only_vanished(done: command.Result) -> bool:
    """Whether all that restic could not read is no longer there, in a backup that it finished."""
    said = [line for line in done.stderr.split("\n") if line.strip()]
    items = restic_answers.unread(said)
    named = len(said) < command.KEPT_LINES and None not in items
    return (
        done.code == UNREAD and named and not any(item and os.path.lexists(item) for item in items)
    )


def _tagged(tags: Sequence[str], host: str) -> list[str]:
    return [f"--host={host}", *(f"--tag={tag}" for tag in tags)]


def _readable(repository: Restic) -> Path:
    """The password file, looked at first: restic would say that no password was given."""
    path = repository.access.password_file
    try:
        if path.read_bytes().strip():
            return path.absolute()
        cause = "the file is empty"
    except OSError as error:
        cause = error.strerror or str(error)
    raise RepositoryError(
        f"the password of the repository {repository.name} cannot be read from {path}",
        reason=Reason.PASSWORD,
        cause=cause,
        todo="put the repository's password into that file, or name the right file",
    )


def _problems(stdout: str) -> str:
    """Lines of output that may say what went wrong: none of the JSON, the last few of the rest."""
    return "\n".join(line for line in stdout.splitlines()[-20:] if not line.startswith("{"))
