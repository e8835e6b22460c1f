"""Going back to a recorded deployment. Pure: which one, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quorate.deploy.labels import label_changes
from quorate.deploy.networks import missing_networks
from quorate.deploy.prepare import Foreseen
from quorate.deploy.record import RecordContent, RecordEntry
from quorate.errors import UsageError
from quorate.fleet.observed import Snapshot
from quorate.stacks.model import Rendered, RenderedStack

HEALTHY = "healthy"


def choose(entries: Sequence[RecordEntry], number: int | None) -> RecordEntry:
    """The record to go back to: the named one, or the last healthy one before the present.

    Raises:
        UsageError: there is none.
    """
    known = {entry.number: entry for entry in entries}
    if number is not None:
        if number not in known:
            have = ", ".join(str(n) for n in known) or "none"
            raise UsageError(
                f"there is no deployment {number}",
                todo=f"choose one from `quorate history` (there are: {have})",
            )
        return known[number]
    healthy = [entry for entry in entries[:-1] if entry.outcome == HEALTHY]
    if not healthy:
        raise UsageError(
            "there is no healthy deployment before the present one",
            todo="see `quorate history`, and name one: `quorate rollback N`",
        )
    return healthy[-1]


def foreseen_of(content: RecordContent, snapshot: Snapshot) -> Foreseen:
    """What deploying a record once more needs.

    Raises:
        EngineError: a network is there with other options.
        UsageError: a secret or config it used is gone.
    """
    _require_present("secret", content.secrets.values(), snapshot.secrets)
    _require_present("config", content.configs.values(), snapshot.configs)
    rendered = Rendered(
        fleet=content.fleet,
        stacks=tuple(RenderedStack(name=n, document=d) for n, d in content.stacks.items()),
        labels=content.labels,
        networks=content.networks,
        home_constraints=content.home_constraints,
        pool_constraints=content.pool_constraints,
    )
    return Foreseen(
        rendered=rendered,
        secrets=content.secrets,
        configs=content.configs,
        images=_images(content, snapshot),
        networks=missing_networks(rendered.networks, snapshot.networks),
        labels=label_changes(snapshot.nodes, rendered.labels),
    )


def _require_present(kind: str, names: Iterable[str], present: Iterable[str]) -> None:
    gone = sorted(set(names) - set(present))
    if gone:
        raise UsageError(
            f"that deployment used {kind}s that are gone: {', '.join(gone)}",
            todo="choose a later one from `quorate history`, or run `quorate up`",
        )


def _images(content: RecordContent, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Each image of the record → the ready servers its service was at home on."""
    ready = snapshot.ready_hostnames()
    homes = {
        f"{placement['stack']}_{placement['name']}": placement["homes"]
        for placement in (content.plan.get("services") or {}).values()
    }
    wanted: dict[str, set[str]] = {}
    for stack, document in content.stacks.items():
        for short, body in (document.get("services") or {}).items():
            servers = set(homes.get(f"{stack}_{short}", ())) & ready
            wanted.setdefault(str(body["image"]), set()).update(servers)
    return {image: tuple(sorted(servers)) for image, servers in wanted.items()}
