"""What was deployed, recorded in the swarm itself: for history, rollback and the next diff.

Each `up` leaves a config object `quorate-record-NNNN` with compressed JSON;
one that is too large for a single config continues in `.2`, `.3` and so on.
Secrets are recorded by name only. The outcome is a label, so it can be marked
later.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from quorate.errors import EngineError, QuorateError
from quorate.fleet.model import Model
from quorate.tools import clock, docker, process

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PREFIX = "quorate-record-"
PART_BYTES = 480 * 1000
KEEP_RECORDS = 20
CONFLICT = 409
ATTEMPTS = 5

NUMBER = "quorate.record"
PART = "quorate.record.part"
PARTS = "quorate.record.parts"
FLEET = "quorate.record.fleet"
TIME = "quorate.record.time"
WHO = "quorate.record.who"
OUTCOME = "quorate.record.outcome"
SUMMARY = "quorate.record.summary"

STARTED = "started"
"""The outcome of a record whose run has not ended yet, or was interrupted."""


class RecordContent(Model):
    """What one `up` deployed.

    `stacks` maps a stack to its document as deployed (digests and versioned
    secret and config names in it); `homes` a service's id to its servers;
    `secrets` and `configs` plain to deployed names.
    """

    fleet: str
    fleet_digest: str = ""
    stacks: dict[str, dict[str, Any]]
    homes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    configs: dict[str, str] = Field(default_factory=dict)
    home_constraints: dict[str, str | None] = Field(default_factory=dict)
    pool_constraints: dict[str, str | None] = Field(default_factory=dict)
    plan: dict[str, Any] = Field(default_factory=dict)


class RecordEntry(Model):
    """One line of the history. `outcome`: started, healthy, failed, interrupted …"""

    number: int
    fleet: str
    time: str
    who: str
    outcome: str
    summary: str = ""
    ids: tuple[str, ...] = ()


def history(client: DockerClient, *, fleet: str) -> tuple[RecordEntry, ...]:
    """All records of this fleet, oldest first.

    Raises:
        EngineError: the swarm does not answer.
    """
    return entries(_listed(client), fleet)


def entries(listed: Iterable[Mapping[str, Any]], fleet: str) -> tuple[RecordEntry, ...]:
    """The records among these configs (the engine's own form), oldest first. Pure."""
    parts: dict[int, list[Mapping[str, Any]]] = {}
    for raw in listed:
        labels = _labels(raw)
        if labels.get(FLEET) == fleet and str(labels.get(NUMBER, "")).isdigit():
            parts.setdefault(int(labels[NUMBER]), []).append(raw)
    out = []
    for number, own in sorted(parts.items()):
        ordered = sorted(own, key=lambda raw: int(_labels(raw).get(PART) or 1))
        labels = _labels(ordered[0])
        # A run killed between two parts leaves an unfinished record: not history.
        if len(ordered) == int(labels.get(PARTS) or 1):
            out.append(_entry(number, labels, tuple(str(raw.get("ID")) for raw in ordered)))
    return tuple(out)


def write(client: DockerClient, content: RecordContent, *, summary: str = "") -> RecordEntry:
    """Record what is about to be deployed, as `started`; then drop the oldest beyond the limit.

    Raises:
        EngineError: the swarm refuses.
    """
    parts = pack(content)
    for _ in range(ATTEMPTS):
        listed = _listed(client)
        number = max((_number(raw) for raw in listed), default=0) + 1
        entry = RecordEntry(
            number=number,
            fleet=content.fleet,
            time=clock.now().isoformat(timespec="seconds"),
            who=f"{process.user_name()}@{process.host_name()}",
            outcome=STARTED,
            summary=summary,
        )
        try:
            ids = tuple(
                _create(client, entry, part, index, len(parts))
                for index, part in enumerate(parts, start=1)
            )
        except docker.engine_errors() as error:
            if docker.status_of(error) == CONFLICT:
                continue
            raise EngineError(
                "the deployment could not be recorded in the swarm", cause=docker.words(error)
            ) from error
        _drop_old(client, listed, content.fleet)
        return entry.model_copy(update={"ids": ids})
    raise EngineError(
        "the deployment could not be recorded in the swarm",
        cause="somebody else records at the same time",
        todo="retry",
    )


def read(client: DockerClient, entry: RecordEntry) -> RecordContent:
    """The content of a record.

    Raises:
        EngineError: the swarm does not answer, or the record is gone.
        QuorateError: it was written by a version of Quorate this one cannot read.
    """
    with docker.translated(f"record {entry.number} cannot be read from the swarm"):
        raws = [client.api.inspect_config(identity) for identity in entry.ids]
    return unpack([base64.b64decode(raw["Spec"]["Data"]) for raw in raws], entry.number)


def mark(client: DockerClient, entry: RecordEntry, outcome: str) -> RecordEntry:
    """Set a record's outcome.

    Raises:
        EngineError: the swarm does not answer, or the record is gone.
    """
    with docker.translated(f"the outcome of record {entry.number} could not be stored"):
        labels = _labels(client.api.inspect_config(entry.ids[0]))
        docker.update_config_labels(client, entry.ids[0], {**labels, OUTCOME: outcome})
    return entry.model_copy(update={"outcome": outcome})


def last_applied(client: DockerClient, *, fleet: str) -> RecordContent | None:
    """What was deployed last, whatever came of it; None before the first `up`.

    Raises:
        EngineError, QuorateError: as `history` and `read`.
    """
    found = history(client, fleet=fleet)
    return read(client, found[-1]) if found else None


def known_homes(client: DockerClient, *, fleet: str) -> dict[str, tuple[str, ...]]:
    """The homes of the last deployment by service id; empty when none can be read.

    For looking only: a record that is damaged must not hide the fleet's state.
    """
    try:
        content = last_applied(client, fleet=fleet)
    except QuorateError:
        return {}
    return dict(content.homes) if content else {}


def pack(content: RecordContent) -> tuple[bytes, ...]:
    """Compressed JSON, in parts that fit into a config."""
    data = zlib.compress(content.model_dump_json().encode(), level=9)
    return tuple(data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES))


def unpack(parts: Iterable[bytes], number: int) -> RecordContent:
    """The content that `pack` made these parts of.

    Raises:
        QuorateError: they are damaged, or of another version of Quorate.
    """
    try:
        return RecordContent.model_validate_json(zlib.decompress(b"".join(parts)))
    except (zlib.error, ValidationError) as error:
        raise QuorateError(
            f"record {number} cannot be read",
            cause="it is damaged, or another version of Quorate wrote it",
            todo="choose another one from `quorate history`",
        ) from error


def _listed(client: DockerClient) -> list[Mapping[str, Any]]:
    with docker.translated("the swarm's records cannot be listed"):
        return list(client.api.configs(filters={"label": NUMBER}) or ())


def _create(client: DockerClient, entry: RecordEntry, part: bytes, index: int, count: int) -> str:
    labels = {
        NUMBER: str(entry.number),
        PART: str(index),
        PARTS: str(count),
        FLEET: entry.fleet,
        TIME: entry.time,
        WHO: entry.who,
        OUTCOME: entry.outcome,
        SUMMARY: entry.summary,
    }
    name = f"{PREFIX}{entry.number:04d}" + (f".{index}" if index > 1 else "")
    return str(client.api.create_config(name, part, labels=labels)["ID"])


def _drop_old(client: DockerClient, listed: Iterable[Mapping[str, Any]], fleet: str) -> None:
    """Keep the newest records; parts of unfinished ones count and go like the others."""
    own: dict[int, list[str]] = {}
    for raw in listed:
        if _labels(raw).get(FLEET) == fleet:
            own.setdefault(_number(raw), []).append(str(raw.get("ID")))
    # One less, for the record just written.
    for number in sorted(own, reverse=True)[KEEP_RECORDS - 1 :]:
        for identity in own[number]:
            with docker.translated(f"the old record {number} could not be removed"):
                client.api.remove_config(identity)


def _number(raw: Mapping[str, Any]) -> int:
    text = str(_labels(raw).get(NUMBER) or "0")
    return int(text) if text.isdigit() else 0


def _labels(raw: Mapping[str, Any]) -> Mapping[str, str]:
    return (raw.get("Spec") or {}).get("Labels") or {}


def _entry(number: int, labels: Mapping[str, str], ids: tuple[str, ...]) -> RecordEntry:
    return RecordEntry(
        number=number,
        fleet=labels.get(FLEET, ""),
        time=labels.get(TIME, ""),
        who=labels.get(WHO, ""),
        outcome=labels.get(OUTCOME, STARTED),
        summary=labels.get(SUMMARY, ""),
        ids=ids,
    )
