"""What a deployment would change, service by service and field by field. Pure.

Whether a change restarts tasks follows Swarm's IsTaskDirty (swarmkit
manager/orchestrator/task.go): everything in the task template and the endpoint
does, except placement, as long as the task's node still satisfies it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.deploy.spec import PREDEFINED, UNLISTED, Spec
from quorate.fleet.model import Model

MASK = "•••"

KEEPS_TASKS = frozenset({"labels", "placement", "replicas", "update_config", "rollback_config"})
"""Top-level fields that are no part of the task template or the endpoint, or are exempt."""

RECREATES = frozenset({"mode"})
"""Swarm refuses to change these: the service must be removed and made anew."""

_SECRET_NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|credential|private|basicauth|api_?key|auth_?key"
    r"|access_?key|encryption_?key|_key|dsn)"
)
_POINTS_TO_FILE = re.compile(r"(?i)_(file|path)$")
_CREDENTIALS_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_INLINE = re.compile(
    r"(?i)((?:pass(?:word|wd)?|secret|token|api_?key)[\w-]*(?:[=:]\s*|\s+)|redis-cli .*-a +)"
    r"(\"[^\"]*\"|'[^']*'|\S+)"
)


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """One field that differs; a value of None means: not set. Nothing secret is in it.

    `path` leads to it in the normal form, outermost first.
    """

    path: tuple[str, ...]
    before: Any
    after: Any
    restarts: bool
    recreates: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, kw_only=True)
class ServiceChange:
    """A service that exists and is to become another."""

    name: str
    fields: tuple[FieldChange, ...]

    @property
    def restarts(self) -> bool:
        """Whether its tasks are replaced."""
        return any(field.restarts for field in self.fields)

    @property
    def recreates(self) -> bool:
        """Whether it must be removed and made anew."""
        return any(field.recreates for field in self.fields)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Swarm names, sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[ServiceChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def joined(self, more: Changes) -> Changes:
        """These and more, of other services."""
        return Changes(
            added=tuple(sorted((*self.added, *more.added))),
            removed=tuple(sorted((*self.removed, *more.removed))),
            changed=tuple(sorted((*self.changed, *more.changed), key=lambda one: one.name)),
        )

    @property
    def touched(self) -> frozenset[str]:
        """The services to hand to Swarm: new ones and changed ones."""
        return frozenset(self.added) | {change.name for change in self.changed}

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, in the shape of `ChangesReport`."""
        return ChangesReport(
            added=self.added,
            removed=self.removed,
            changed={
                change.name: ChangedService(
                    restarts=change.restarts,
                    recreates=change.recreates,
                    fields=tuple(
                        ChangedField(
                            path=field.path,
                            before=field.before,
                            after=field.after,
                            restarts=field.restarts,
                        )
                        for field in change.fields
                    ),
                )
                for change in self.changed
            },
        ).model_dump(mode="json")


class ChangedField(Model):
    """One field that differs; null means: not set. What may be secret is masked."""

    path: tuple[str, ...]
    before: Any
    after: Any
    restarts: bool


class ChangedService(Model):
    """A service that exists and is to become another."""

    restarts: bool
    recreates: bool
    fields: tuple[ChangedField, ...]


class ChangesReport(Model):
    """What `quorate diff --json` prints: services by their names in Swarm."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, ChangedService]


def diff(
    desired: Mapping[str, Spec], live: Mapping[str, Spec], *, hidden: Collection[str] = ()
) -> Changes:
    """What separates the live services from the desired ones.

    An image wanted without a digest equals the live one with any digest of the
    same reference: which one it would be is only known once it is resolved.

    Args:
        hidden: secret values, masked wherever they stand. What looks like a
            secret by its name is masked in any case.
    """
    changed = []
    for name in sorted(set(desired) & set(live)):
        running = _named_alike(desired[name], live[name])
        wanted = _same_digest(desired[name], running)
        fields = tuple(_fields((), running, wanted, tuple(filter(None, hidden))))
        if fields:
            changed.append(ServiceChange(name=name, fields=fields))
    return Changes(
        added=tuple(sorted(set(desired) - set(live))),
        removed=tuple(sorted(set(live) - set(desired))),
        changed=tuple(changed),
    )


def _same_digest(wanted: Spec, live: Spec) -> Spec:
    image, running = wanted.get("image", ""), live.get("image", "")
    if "@" not in image and running.partition("@")[0] == image:
        return {**wanted, "image": running}
    return wanted


def _named_alike(wanted: Spec, live: Spec) -> Spec:
    """The live form with an unlisted network called as the one predefined network wanted."""
    networks = live.get("networks", {})
    names = [name for name in wanted.get("networks", {}) if name in PREDEFINED]
    if UNLISTED in networks and len(names) == 1:
        renamed = {names[0] if key == UNLISTED else key: item for key, item in networks.items()}
        return {**live, "networks": renamed}
    return live


def _fields(
    path: tuple[str, ...], before: Any, after: Any, hidden: tuple[str, ...]
) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(set(before) | set(after)):
            yield from _fields((*path, key), before.get(key), after.get(key), hidden)
        return
    yield FieldChange(
        path=path,
        before=_shown(path, before, hidden),
        after=_shown(path, after, hidden),
        restarts=path[0] not in KEEPS_TASKS,
        recreates=path[0] in RECREATES,
    )


def _shown(path: tuple[str, ...], value: Any, hidden: tuple[str, ...]) -> Any:
    """The value with what is or may be secret masked."""
    if value is None:
        return None
    if path[0] in ("environment", "labels", "container_labels") and _names_secret(path[-1]):
        return MASK
    if isinstance(value, str):
        return _masked(value, hidden)
    if isinstance(value, list):
        return _arguments(value, hidden)
    if isinstance(value, Mapping):
        return {key: _shown((*path, key), item, hidden) for key, item in value.items()}
    return value


def _names_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _POINTS_TO_FILE.search(name)


def _masked(text: str, hidden: tuple[str, ...]) -> str:
    for secret in hidden:
        text = text.replace(secret, MASK)
    text = _CREDENTIALS_IN_URL.sub(rf"\1{MASK}@", text)
    return _INLINE.sub(rf"\1{MASK}", text)


def _arguments(values: list[Any], hidden: tuple[str, ...]) -> list[Any]:
    """Arguments, what follows `--password` and the like (and redis-cli's `-a`) masked."""
    out: list[Any] = []
    hide = False
    for value in values:
        text = str(value)
        out.append(MASK if hide else _masked(text, hidden) if isinstance(value, str) else value)
        option = bool(re.fullmatch(r"-{1,2}[\w-]+|[a-z]*pass", text))
        hide = (option and _names_secret(text)) or (text == "-a" and "redis-cli" in values)
    return out
