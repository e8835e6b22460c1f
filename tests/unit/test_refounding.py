"""The actions of a fleet's recovery: one for each step, whatever was chosen."""

from __future__ import annotations

from pathlib import Path

from quorate import operating, refounding
from quorate.backup.model import Kind
from quorate.deploy.progress import Silent
from quorate.observe.connect import Connections
from quorate.recover.model import Journal
from quorate.recover.server.report import recovered
from quorate.recover.site import Site
from tests.unit.backup.jobs.made import SECTION, fleet
from tests.unit.recover.fleet.made import COPIES, away, chosen_operation, empty_sight, host
from tests.unit.recover.server.test_choosing import COMPOSE


def test_each_step_has_its_action_also_after_the_journal_was_kept(tmp_path: Path) -> None:
    office = fleet(tmp_path, SECTION, COMPOSE)
    hosts = {name: host(name, ufw=True) for name in ("one", "two", "three")}
    made = chosen_operation(empty_sight(office, hosts=hosts), *COPIES)
    assert operating.ACTIONS[made.kind] == refounding.__name__
    assert made.kind in operating.WITHOUT_SWARM
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    kept = Journal.model_validate_json(journal.model_dump_json())
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    actions = refounding.actions(place, kept)
    assert list(actions) == [step.id for step in made.steps]
    assert not [id for id, one in actions.items() if one.undo is not None]
    assert recovered(kept).rto is None and set(recovered(kept).rpo) >= {"db", "volume/app_v"}


def test_images_are_loaded_by_a_step_and_have_no_age_that_data_has(tmp_path: Path) -> None:
    compose = COMPOSE.replace("  web: {image: x,", '  web: {image: "w:1", build: .,')
    office = fleet(tmp_path, SECTION, compose)
    made = chosen_operation(empty_sight(office), *COPIES, away("images/two", Kind.IMAGES))
    journal = Journal(id="x", operation=made, started="", who="", facts=dict(made.facts))
    place = Site(fleet=office, connections=Connections(office), report=Silent())
    assert "restore:images/two" in refounding.actions(place, journal)
    assert not [source for source in recovered(journal).rpo if source.startswith("images/")]
