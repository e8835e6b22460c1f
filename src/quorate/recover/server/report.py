"""What the recovery of a server came to, as measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from quorate.backup.model import Kind
from quorate.fleet.model import Model
from quorate.recover.model import Journal
from quorate.recover.server.lost import WITHOUT_LOG, Lost
from quorate.recover.server.steps import VERIFY


class Recovered(Model):
    """How long a recovery took and how old the data is that came back."""

    rto: float | None = Field(
        description="Seconds from its begin until all was verified; null: that was not come to."
    )
    rpo: dict[str, float | None] = Field(
        description="By source: seconds between the copy used (or the moment until which its "
        "write-ahead log is known to be complete) and the begin; null: it is lost."
    )
    operation: Journal = Field(description="Each step, and what it took.")


def recovered(journal: Journal) -> Recovered:
    """What a journal says of that."""
    begun = datetime.fromisoformat(journal.facts["begun"])
    ends = [one.at for one in journal.entries if one.step == VERIFY]
    rto = (datetime.fromisoformat(ends[0]) - begun).total_seconds() if ends else None
    return Recovered(
        rto=round(rto, 1) if rto is not None else None,
        rpo={
            one.source: round(max(0.0, (begun - one.until).total_seconds()), 1)
            if one.until
            else None
            for one in (_as_it_came(journal, each) for each in journal.facts["lost"])
            if one.kind is not Kind.IMAGES  # nobody writes into them
        },
        operation=journal,
    )


def _as_it_came(journal: Journal, raw: Mapping[str, Any]) -> Lost:
    """Without the log that it was to come out of, where that has failed."""
    one = Lost.model_validate(raw)
    failed = journal.facts.get(f"{WITHOUT_LOG}{one.source}")
    return one.model_copy(update={"log": None}) if failed else one
