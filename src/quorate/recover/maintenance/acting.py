"""What the steps of drain, undrain, rebalance and upgrade-engines do, and how each is undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quorate.deploy import record
from quorate.errors import CommandError, MachineError, UnreachableError
from quorate.fleet.model import Server
from quorate.observe.targets import target_of
from quorate.recover.carrying import Action
from quorate.recover.maintenance import chosen, drain, homeward, moving, nodes, upgrade
from quorate.recover.maintenance.scene import Scene
from quorate.recover.maintenance.shift import Shift
from quorate.recover.model import Facts, Journal, Operation
from quorate.recover.site import Site
from quorate.tools import clock, command, ssh

Details = Mapping[str, Any]
Do = Callable[[Site, Details, Facts], "Facts | None"]
Undo = Callable[[Site, Details], None]

AS_ROOT = (
    'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -s; '
    "else exec sh -s; fi"
)
STARTED = "cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat\n"
"""When a machine was started; in a lab, which has its host's kernel, its first process."""

TRIES = 3
ENGINE_SECONDS = 1800.0
GATE_SECONDS = 120.0
POLL_SECONDS = 1.0


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """The actions of an operation of these kinds, by its steps."""
    return of(site, journal.operation)


def of(site: Site, operation: Operation) -> Mapping[str, Action]:
    """The same, of what is not journaled itself: the rounds of an upgrade."""
    work = operation.facts["work"]
    return {step.id: _action(site, work[step.id]) for step in operation.steps}


def seen(site: Site) -> Scene:
    """The fleet as it is now, with the homes of the last deployment."""
    snapshot = moving.observed(site)
    homes = record.known_homes(site.client(), fleet=site.fleet.name)
    return Scene(fleet=site.fleet, snapshot=snapshot, homes=homes)


def _action(site: Site, details: Details) -> Action:
    do, undo = WORK[details["do"]]
    back = undo
    return Action(
        do=lambda facts: do(site, details, facts),
        undo=None if back is None else lambda facts: back(site, details),
    )


def _pause(site: Site, details: Details, facts: Facts) -> None:
    if nodes.node(site, details["server"]).availability == "active":
        nodes.offer(site, details["server"], "pause")


def _unpause(site: Site, details: Details) -> None:
    nodes.offer(site, details["server"], "active")


def _move(site: Site, details: Details, facts: Facts) -> Facts:
    shifts = [_shift(one) for one in details["shifts"]]
    return _gaps(site, facts, moving.move(site, shifts))


def _move_back(site: Site, details: Details) -> None:
    for server in {one["off"] for one in details["shifts"] if one.get("off")}:
        nodes.offer(site, server, "active")  # it may still be paused
    shifts = [_shift({**one, "off": "", "to": one["back"]}) for one in details["shifts"]]
    moving.move(site, shifts)


def _shift(one: Mapping[str, Any]) -> Shift:
    return Shift(
        service=one["service"],
        off=one.get("off", ""),
        to=tuple(one.get("to", ())),
        start_first=one["start_first"],
        patience=one["patience"],
    )


def _gaps(site: Site, facts: Facts, found: Mapping[str, float]) -> Facts:
    for name, gap in found.items():
        if gap:
            site.report.note(f"{name}: nothing of it ran for at most {gap:.1f} s")
    longest = dict(facts.get("gaps") or {})
    for name, gap in found.items():
        longest[name] = max(gap, longest.get(name, 0.0))
    return {"gaps": longest}


def _hand_over(site: Site, details: Details, facts: Facts) -> None:
    moving.hand_over(site, details["service"], details["server"], details["command"])


def _stop(site: Site, details: Details, facts: Facts) -> Facts:
    moving.stop(site, details["service"], details["server"], seconds=details["seconds"])
    now = clock.now().isoformat(timespec="seconds")
    return {"stopped": {**(facts.get("stopped") or {}), details["service"]: now}}


def _start_again(site: Site, details: Details) -> None:
    # It may still be paused: after a kill between this step and the engine's own drain.
    nodes.offer(site, details["server"], "active")
    moving.start(site, details["service"], patience=240.0)


def _start(site: Site, details: Details, facts: Facts) -> None:
    moving.start(site, details["service"], patience=details["patience"])


def _stop_again(site: Site, details: Details) -> None:
    moving.stop(site, details["service"], details["server"], seconds=details["seconds"])


def _demote(site: Site, details: Details, facts: Facts) -> None:
    nodes.set_worker(site, details["server"])


def _promote(site: Site, details: Details, facts: Facts) -> None:
    nodes.set_manager(site, details["server"])


def _drain(site: Site, details: Details, facts: Facts) -> None:
    nodes.drain(site, details["server"])


def _activate(site: Site, details: Details, facts: Facts) -> None:
    nodes.wait_back(site, details["server"])
    nodes.offer(site, details["server"], "active")


def _gate(site: Site, details: Details, facts: Facts) -> None:
    """Wait for a moment: what has just come home may still be starting elsewhere."""
    deadline = clock.monotonic() + GATE_SECONDS
    while wrong := upgrade.troubles(seen(site)):
        if clock.monotonic() > deadline:
            raise MachineError(
                "the next server is not begun: not everything is whole",
                cause="; ".join(wrong[:5]),
                todo="mend that (`quorate status`), then `quorate operations resume`",
            )
        clock.sleep(POLL_SECONDS)


def _round_out(site: Site, details: Details, facts: Facts) -> Facts:
    """Decided now, from what is there now: after a kill it is what is still missing."""
    options = drain.Options(**details["options"])
    return _all(site, drain.choose(seen(site), details["server"], options), facts)


def _round_back(site: Site, details: Details, facts: Facts) -> Facts:
    nodes.wait_back(site, details["server"])
    return _all(site, _undraining(site, details["server"], details["at_once"]), facts)


def _round_undone(site: Site, details: Details) -> None:
    nodes.wait_back(site, details["server"])
    _all(site, _undraining(site, details["server"], details["options"]["at_once"]), {})


def _undraining(site: Site, server: str, at_once: int) -> Operation:
    return homeward.undrain(seen(site), server, at_once=at_once)


def _all(site: Site, operation: Operation, facts: Facts) -> Facts:
    found = dict(facts)
    for step in operation.steps:
        site.report.note(f"{operation.subject}: {step.says}")
        found |= of(site, operation)[step.id].do(found) or {}
    return {"gaps": found.get("gaps") or {}}


def _engine(site: Site, details: Details, facts: Facts) -> Facts:
    """Run what upgrades the engine, to its end."""
    server = next(one for one in site.fleet.servers if one.name == details["server"])
    before = nodes.wait_back(site, server.name)
    _run_through(site, server, details["script"])
    after = nodes.wait_back(site, server.name)
    site.report.note(f"{server.name}: engine {before}, now {after}")
    return {"engines": {**(facts.get("engines") or {}), server.name: [before, after]}}


def _run_through(site: Site, server: Server, script: str) -> None:
    """Run it once more where the connection failed: whether it ran is not known then.

    A machine that was started anew has run it: it may end with that.

    Raises:
        UnreachableError: the connection failed each time. CommandError: the script did.
    """
    target, started = target_of(server), ""
    for left in reversed(range(TRIES)):
        try:
            now = _as_root(target, STARTED, GATE_SECONDS).stdout
            if started and now != started:
                return
            started = now
            result = _as_root(target, script, ENGINE_SECONDS)
            break
        except UnreachableError as error:
            if not left:
                raise
            site.report.note(f"{server.name}: {error.what}; waiting for it to be back")
            nodes.wait_back(site, server.name)
    if not result.ok:
        said = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise CommandError(
            f"on {server.name}: the upgrade ended with exit code {result.code}",
            cause="; ".join(said) or None,
            todo="look at it; then `quorate operations resume`, or `undo`",
        )


def _as_root(target: ssh.Target, script: str, seconds: float) -> command.Result:
    return ssh.run(target, ["sh", "-c", AS_ROOT], input=script, timeout=seconds, check=False)


WORK: dict[str, tuple[Do, Undo | None]] = {
    chosen.PAUSE: (_pause, _unpause),
    chosen.MOVE: (_move, _move_back),
    chosen.HAND_OVER: (_hand_over, None),
    chosen.STOP: (_stop, _start_again),
    chosen.DEMOTE: (_demote, lambda site, details: nodes.set_manager(site, details["server"])),
    chosen.DRAIN: (_drain, _unpause),
    chosen.ACTIVATE: (_activate, lambda site, details: nodes.drain(site, details["server"])),
    chosen.PROMOTE: (_promote, lambda site, details: nodes.set_worker(site, details["server"])),
    chosen.START: (_start, _stop_again),
    chosen.HOME: (_move, _move_back),
    chosen.GATE: (_gate, None),
    chosen.ROUND_OUT: (_round_out, _round_undone),
    chosen.ENGINE: (_engine, None),
    chosen.ROUND_BACK: (_round_back, None),
}
