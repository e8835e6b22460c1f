"""What the office's backups must come to, and whether they do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that must be so, what was seen, and whether it is; None: it was not tried."""

    part: str
    what: str
    wanted: str
    seen: str
    met: bool | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a verb, as its answer tells. Sizes and memory in bytes; None: it does not say."""

    work: str
    source: str
    repository: str
    server: str
    outcome: str
    seconds: float
    size: int | None = None
    added: int | None = None
    peak: int | None = None
    error: str = ""

    @property
    def rate(self) -> float | None:
        """Bytes a second."""
        return self.size / self.seconds if self.size and self.seconds > 0 else None


def jobs(answer: Any) -> tuple[Job, ...]:
    """Every job in the answer of a `quorate backup` verb, wherever in it they stand."""
    return tuple(_job(raw, under) for raw, under in _outcomes(answer, "backup"))


def _outcomes(value: Any, under: str) -> Iterator[tuple[Raw, str]]:
    """Objects that are outcomes of jobs, with the name of the list they are in."""
    if isinstance(value, Mapping):
        if "outcome" in value or "proven" in value:
            yield value, under
            return
        for key, inner in value.items():
            yield from _outcomes(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _outcomes(inner, under)


WORKS = {"runs": "backup", "copied": "copy", "proofs": "prove", "earlier": "backup"}
"""What jobs do that do not say so, by the list they are in."""


def _job(raw: Raw, under: str) -> Job:
    error = raw.get("error") or {}
    proven = raw.get("proven")
    return Job(
        work=str(raw.get("work") or WORKS.get(under, under)),
        source=str(raw.get("source", "")),
        repository=str(raw.get("repository", "")),
        server=str(raw.get("server", "")),
        outcome=str(raw.get("outcome") or ("done" if proven else "failed")),
        seconds=float(raw.get("seconds") or 0.0),
        size=raw.get("size") or None,
        added=raw.get("added"),
        peak=raw.get("peak") or None,
        error="; ".join([*raw.get("differences", ()), *filter(None, [error.get("what")])]),
    )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A source in one repository, as `backup status` has it."""

    source: str
    repository: str
    state: str
    proof: str
    size: int | None
    restore_seconds: float | None

    @property
    def good(self) -> bool:
        return self.state == "ok" and self.proof == "ok"


def cells(status: Any) -> tuple[Cell, ...]:
    """The grid that `quorate backup status --json` prints."""
    return tuple(
        Cell(
            source=source["id"],
            repository=copy["repository"],
            state=copy["state"],
            proof=copy["proof"],
            size=copy.get("size"),
            restore_seconds=copy.get("restore_seconds"),
        )
        for source in (status or {}).get("sources", ())
        for copy in source.get("copies", ())
    )


def red(status: Any) -> tuple[str, ...]:
    """What is not green in a status, in words."""
    status = status or {}
    out = []
    for source in status.get("sources", ()):
        for copy in source.get("copies", ()):
            if copy["state"] != "ok" or copy["proof"] != "ok":
                words = f"copy {copy['state']}, proof {copy['proof']}"
                out.append(f"{source['id']} in {copy['repository']}: {words}")
        out += [f"{source['id']}: {text}" for text in source.get("problems", ())]
    out += [f"unprotected: {one['what']}" for one in status.get("unprotected", ())]
    out += [f"unread: {one['name']}: {one['why']}" for one in status.get("unread", ())]
    return tuple(out)


def unproven(answer: Any) -> str:
    """The copies that a proof found wrong, a line each, and how; empty where there are none."""
    proofs = answer.get("proofs") or () if isinstance(answer, dict) else ()
    return "".join(
        f"{one.get('source')} in {one.get('repository')} ({str(one.get('copy_id'))[:8]}): "
        f"{'; '.join(one.get('differences') or ())} {(one.get('error') or {}).get('cause', '')}\n"
        for one in proofs
        if one.get("proven") is not True
    )


def failure(answer: Any) -> str:
    """What a verb says that ended with an error instead of an answer; empty: it did not."""
    if not isinstance(answer, Mapping) or "what" not in answer:
        return ""
    return ": ".join(str(answer[key]) for key in ("what", "cause") if answer.get(key))


def held(targets: Iterable[Target]) -> bool:
    """Whether all that was tried is met."""
    return all(one.met is not False for one in targets)


def overall_rate(found: Sequence[Job]) -> float | None:
    """Bytes a second of all jobs together, one after the other."""
    timed = [one for one in found if one.rate]
    seconds = sum(one.seconds for one in timed)
    return sum(one.size or 0 for one in timed) / seconds if seconds else None
