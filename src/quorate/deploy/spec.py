"""The normal form of a Swarm service, in compose's terms.

Both what is wanted (`deploy.desired`) and what runs (`deploy.live`) are brought
to it, with Swarm's defaults filled in, so that two equal services are equal
values. Durations are seconds, memory is bytes, CPU threads; lists whose order
means nothing are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Spec = dict[str, Any]
"""One service in normal form: JSON-ready, every top-level key present."""

NOISE = "com.docker.stack."
"""Labels with this prefix are docker's own book-keeping."""

ROLLOUT = {
    "parallelism": 1,
    "delay": 0.0,
    "failure_action": "pause",
    "monitor": 5.0,
    "max_failure_ratio": 0.0,
    "order": "stop-first",
}
"""Swarm's defaults for updates and rollbacks (swarmkit api/defaults/service.go)."""

RESTART = {"condition": "any", "delay": 5.0, "max_attempts": 0, "window": 0.0}
"""Swarm's default restart policy (same place)."""

PREDEFINED = ("host", "none", "bridge")
"""Networks every engine has: no aliases there."""

UNLISTED = "(predefined)"
"""Stands for a network that the engine does not list: it keeps the predefined ones to itself."""

STOP_GRACE_SECONDS = 10.0
FILE_MODE = 0o444


def filled(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with what is given (not None, not empty) over them."""
    return {**defaults, **{key: value for key, value in given.items() if value not in (None, "")}}


def present(**values: Any) -> dict[str, Any]:
    """The values that say something: not None, False, 0, empty."""
    return {key: value for key, value in values.items() if value}


def without_noise(labels: Mapping[str, Any] | None) -> dict[str, str]:
    """Labels without docker's own."""
    return {key: str(value) for key, value in sorted((labels or {}).items()) if not _is_noise(key)}


def _is_noise(key: str) -> bool:
    return key.startswith(NOISE)


def image(reference: str) -> str:
    """The reference in its familiar form: no default registry, a tag where there is no digest."""
    name, at, digest = reference.partition("@")
    for prefix in ("docker.io/library/", "index.docker.io/library/", "docker.io/"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    tagged = ":" in name.rsplit("/", 1)[-1]
    if not digest and not tagged:
        name += ":latest"
    return name + at + digest


def constraint(text: str) -> str:
    """A placement constraint without spaces around its operator."""
    for operator in ("==", "!="):
        key, found, value = text.partition(operator)
        if found:
            return f"{key.strip()}{operator}{value.strip()}"
    return text.strip()


def capabilities(
    added: Iterable[str] | None, dropped: Iterable[str] | None
) -> tuple[list[str], list[str]]:
    """Added and dropped capabilities in full, capital names; one in both counts as added."""
    add, drop = ({_capability(name) for name in names or ()} for names in (added, dropped))
    if "ALL" in add:
        add = {"ALL"}
    if "ALL" in drop:
        return sorted(add), ["ALL"]
    return sorted(add), sorted(drop - add)


def _capability(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def port(target: int, published: int, protocol: str, mode: str) -> str:
    """A published port in words: `8443:443/tcp ingress`; `*` where Swarm chooses it."""
    return f"{published or '*'}:{target}/{protocol or 'tcp'} {mode or 'ingress'}"
