"""What failures are called, and what brings a majority back."""

from __future__ import annotations

from quorate.predict.model import ClosedPort, JobTrouble

JOB = {
    JobTrouble.HANGS: "a job that counts as running on the lost server for a day: nothing "
    "replaces it",
    JobTrouble.AGAIN: "a job that may run again and again, if the next leader has led before",
}


SHOWN = 4


def open_at(port: ClosedPort) -> str:
    """Where a port answers that is closed at the address of a lost server."""
    if not port.elsewhere:
        return "nowhere"
    if port.mode == "ingress":
        return "every other server"
    more = len(port.elsewhere) - SHOWN
    shown = ", ".join(port.elsewhere[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def name_of(lost: tuple[str, ...], leader: str, apart: tuple[str, ...], *, quorum: bool) -> str:
    """What a failure is called."""
    words = " + ".join(lost) + (f" | {' + '.join(apart)}" if apart else "")
    if leader not in lost or not quorum:
        return words
    return f"{words}, leading" if len(lost) == 1 and not apart else f"{words}, {leader} leading"


def remedy_of(managers: list[str], lost: tuple[str, ...], apart: tuple[str, ...]) -> str:
    """What brings a majority of managers back. Pure."""
    if apart:
        return "mend the network between them: neither side has a majority of the managers"
    left = [name for name in managers if name not in lost]
    gone = [name for name in managers if name in lost]
    missing = len(managers) // 2 + 1 - len(left)
    back = (
        f"power {missing} of {', '.join(gone)} on again"
        if missing < len(gone)
        else (f"power {' and '.join(gone)} on again")
    )
    if not left:
        return f"{back}; nothing is lost as long as their disks are whole"
    return (
        f"{back}; where that cannot be, `docker swarm init --force-new-cluster` on {left[0]} keeps "
        "what it knows, and the other managers join anew"
    )
