"""The actions of a server's recovery: one for each step, whatever was chosen."""

from __future__ import annotations

from pathlib import Path

from quorate import rebuilding
from quorate.backup.model import Kind
from quorate.deploy.progress import Silent
from quorate.observe.connect import Connections
from quorate.recover.model import Journal
from quorate.recover.server.steps import operation
from quorate.recover.site import Site
from tests.unit.backup.jobs.made import NOW, SECTION, fleet
from tests.unit.recover.server.test_choosing import ALL, COMPOSE, choice, copy, sight


def test_each_step_has_its_action_also_after_the_journal_was_kept(tmp_path: Path) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    files = (copy("volume/app_v", Kind.VOLUME), copy("many@three", Kind.REDIS))
    for name, copies in (("one", ALL), ("three", files)):
        seen = sight(office, name)
        made = operation(seen, choice(seen, *copies), now=NOW)
        journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
        kept = Journal.model_validate_json(journal.model_dump_json())
        place = Site(fleet=office, connections=Connections(office), report=Silent())
        actions = rebuilding.actions(place, kept)
        assert list(actions) == [step.id for step in made.steps]
        assert [id for id, one in actions.items() if one.undo is not None] == ["hold"]
