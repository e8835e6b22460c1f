"""Networks that several stacks share: made before the stacks, never changed under them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quorate.errors import EngineError
from quorate.fleet.observed import Snapshot
from quorate.observe.snapshot import network as observed_network
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

FLEET_LABEL = "quorate.fleet"
DRIVER = "overlay"
INTERNAL_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
APPEAR_SECONDS = 15.0
POLL_SECONDS = 0.2


def missing_networks(
    wanted: Mapping[str, Mapping[str, Any]], present: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """The wanted networks (name → driver options) that are not there. Pure.

    Raises:
        EngineError: one is there with other options; networks cannot be changed.
    """
    problems = []
    for name, options in wanted.items():
        found = present.get(name)
        if found is not None:
            problems += [f"{name}: {what}" for what in differences(options, found)]
    if problems:
        raise EngineError(
            "networks exist with other options than the fleet's",
            cause="; ".join(problems),
            todo="Swarm cannot change a network: remove the services that use it and the network "
            "(`docker network rm`), then retry; or use other names",
        )
    return tuple(name for name in wanted if name not in present)


def differences(options: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """How an existing network differs from the wanted driver options, in words."""
    if found.get("driver") != DRIVER or found.get("scope") != "swarm":
        return [f"it is a {found.get('scope')} {found.get('driver')} network, not an overlay"]
    out = [] if found.get("attachable") else ["it is not attachable"]
    actual = {k: str(v) for k, v in (found.get("options") or {}).items() if k != INTERNAL_OPTION}
    expected = {key: str(value) for key, value in options.items()}
    # Any value turns encryption on, the empty one too.
    if ("encrypted" in actual) != ("encrypted" in expected):
        out.append("it is encrypted" if "encrypted" in actual else "it is not encrypted")
    for key in sorted((set(actual) | set(expected)) - {"encrypted"}):
        if actual.get(key) != expected.get(key):
            out.append(f"option {key} is {actual.get(key)!r}, not {expected.get(key)!r}")
    return out


def create_networks(
    client: DockerClient, wanted: Mapping[str, Mapping[str, Any]], snapshot: Snapshot, *, fleet: str
) -> tuple[str, ...]:
    """Create the missing networks, attachable, and wait until they are listed.

    Returns the names of those created.

    Raises:
        EngineError: one exists with other options, or the swarm refuses.
    """
    missing = missing_networks(wanted, snapshot.networks)
    for name in missing:
        options = {key: str(value) for key, value in wanted[name].items()}
        with docker.translated(f"the network {name} could not be made"):
            client.api.create_network(
                name,
                driver=DRIVER,
                options=options,
                attachable=True,
                check_duplicate=True,
                scope="swarm",
                labels={FLEET_LABEL: fleet},
            )
    if missing:
        wait_for(client, missing)
    return missing


def wait_for(client: DockerClient, names: tuple[str, ...]) -> None:
    """Wait until networks are listed: the leader allocates one a moment after it was accepted.

    Raises:
        EngineError: they do not appear.
    """
    deadline = clock.monotonic() + APPEAR_SECONDS
    while clock.monotonic() < deadline:
        with docker.translated("the swarm's networks cannot be listed"):
            listed = {raw["Name"]: observed_network(raw) for raw in client.api.networks()}
        if all(INTERNAL_OPTION in listed.get(name, {}).get("options", {}) for name in names):
            return
        clock.sleep(POLL_SECONDS)
    raise EngineError(
        f"networks were made but do not appear within {APPEAR_SECONDS:.0f} s: {', '.join(names)}",
        cause="the swarm's leader cannot allocate them: its address pools may be used up",
        todo="look at the log of the leader's engine",
    )
