"""`recover fleet` once the bundle is laid out: whose addresses count. No server is reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quorate import operating, refounding
from quorate.backup import place as places
from quorate.backup.bundle.archive import record_of
from quorate.deploy.progress import Reporter, Silent
from quorate.entry.cli import recover_fleet_commands as commands
from quorate.errors import RefusedError, UsageError
from quorate.observe.connect import Connections
from quorate.recover.carrying import begin
from quorate.recover.fleet import laying, origin
from quorate.recover.fleet.laying import Laid
from quorate.recover.site import Site
from quorate.workflows import Opened
from tests.unit.backup.jobs.made import NOW, SECTION
from tests.unit.fleet.helpers import FLEET, written
from tests.unit.recover.fleet.made import COPIES, chosen_operation, empty_sight
from tests.unit.recover.server.test_choosing import COMPOSE

OTHER = "203.0.113.10"


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
    """What a first try has laid out, which was refused then."""
    monkeypatch.setenv("P", "p")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    @contextmanager
    def site(opened: Opened, report: Reporter) -> Iterator[Site]:
        yield Site(fleet=opened.fleet, connections=Connections(opened.fleet), report=report)

    monkeypatch.setattr(operating, "site", site)
    there = tmp_path / "recovered"
    written(there, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    return Laid(directory=there, record=record_of("test", NOW, {}, file="fleet.yaml"))


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of `one` that were gone by."""
    addresses: list[str] = []

    def choose(site: Site, left: Any, **more: Any) -> None:
        del left, more
        addresses.append(site.fleet.server("one").address)

    monkeypatch.setattr(places, "opened", lambda place: None)
    monkeypatch.setattr(laying, "read_copies", lambda left: ())
    monkeypatch.setattr(origin, "repository_of", lambda *given: SimpleNamespace(name="away"))
    monkeypatch.setattr(refounding, "choose", choose)
    return addresses


def asked(path: Path, *servers: str) -> commands._Asked:
    password, key = path / "password", path / "key"
    password.touch()
    key.touch()
    return commands._Asked(
        url="sftp:box.example.org:/b",
        password_file=password,
        identity=key,
        passphrase_file=None,
        servers=servers,
    )


def test_other_addresses_are_heeded_and_stay(
    tmp_path: Path, found: Laid, chosen: list[str]
) -> None:
    for servers in ((f"one={OTHER}",), ()):
        with commands._opened(asked(tmp_path, *servers), found.directory, found):
            pass
    assert chosen == [OTHER, OTHER]
    with (
        pytest.raises(UsageError, match="no server four"),
        commands._opened(asked(tmp_path, "four=192.0.2.4"), found.directory, found),
    ):
        pass


def test_a_look_writes_none_into_what_is_laid_out(
    tmp_path: Path, found: Laid, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laying, "laid", lambda into: found)
    monkeypatch.setattr("quorate.entry.cli.output.print_json", lambda operation: None)
    before = found.file.read_text()
    wish = asked(tmp_path, f"one={OTHER}")
    commands._shown(wish, found.directory, tmp_path / "trial", as_json=True)
    assert chosen == [OTHER] and found.file.read_text() == before


def test_what_has_begun_goes_on_with_its_addresses(tmp_path: Path, found: Laid) -> None:
    fleet = commands._fleet(found, lab=False).fleet
    place = Site(fleet=fleet, connections=Connections(fleet), report=Silent())
    begin(place.in_files(), chosen_operation(empty_sight(fleet), *COPIES))
    with pytest.raises(RefusedError, match="goes on with the addresses it began with"):
        commands._gone_on_with(found, asked(tmp_path, f"one={OTHER}"), yes=True)
    assert OTHER not in found.file.read_text()
    commands._refuse_addresses(found, ["one=192.0.2.1"])
