"""The texts: quoting, what each server gets, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from quorate.entry.schemas import schema
from quorate.errors import CheckError, QuorateError
from quorate.fleet.model import Fleet, Reserved, SecretSource, Ssh, State
from quorate.stacks.bacula.jobs import argument
from quorate.stacks.bacula.model import GIB, Catalogue, Cycle, Part
from quorate.stacks.bacula.render import Options, render
from quorate.stacks.bacula.say import quoted, resource
from quorate.stacks.bacula.write import report, write
from tests.fakes.fleets import make_fleet, make_plan, make_server

RESERVED = (Reserved(name="bacula-director"), Reserved(name="bacula-storage", disk=200 * GIB))


def shop(volume: str = "files:/data", **fields: Any) -> Fleet:
    servers = [
        make_server("alpha", address="192.0.2.1", reserved=RESERVED),
        make_server("beta", address="fd00::2", ssh=Ssh(user="ops", port=2222)),
    ]
    services = {"web": {"volumes": [volume]}, "db": {"volumes": ["db:/var/lib/mysql"]}}
    document = {"services": services, "volumes": {"files": None, "db": None}}
    states: dict[str, dict[str, Any]] = {
        "web": {"state": State.VOLUME}, "db": {"state": State.MARIADB}
    }  # fmt: skip
    return make_fleet({"shop": document}, servers=servers, fields=states, **fields)


def of(fleet: Fleet, **options: Any) -> Any:
    return render(fleet, make_plan(fleet, homes={"web": ["beta"]}), Options(**options))


@pytest.mark.parametrize(
    ("text", "found"),
    [("plain", '"plain"'), ('a "b"', '"a \\"b\\""'), ("c:\\d", '"c:\\\\d"'), ("ünï", '"ünï"')],
)
def test_values_in_quotes(text: str, found: str) -> None:
    assert quoted(text) == found


def test_control_characters_are_refused() -> None:
    for text in ("a\nb", "a\0", "\x7f"):
        with pytest.raises(ValueError, match="control character"):
            quoted(text)


def test_resources_inside_resources_are_indented() -> None:
    assert (
        resource("A", [("B", 1), resource("C", ["d = e"])])
        == "A {\n  B = 1\n  C {\n    d = e\n  }\n}"
    )


def test_paths_in_commands() -> None:
    assert argument("/a") == "/a" and argument("/a b") == '"/a b"'
    for path in ('/a"b', "/a\\b", "/a%b", "/a\nb"):
        with pytest.raises(ValueError):
            argument(path)


def test_who_gets_what() -> None:
    made = of(shop())
    assert {name: sorted(files) for name, files in made.servers.items()} == {
        "alpha": [
            "bacula-dir.conf", "bacula-fd.conf", "bacula-sd.conf", "bconsole.conf",
            "fileset-options.conf", "fresh-dumps", "install.sh",
        ],
        "beta": ["bacula-fd.conf", "install.sh"],
    }  # fmt: skip
    assert sorted(made.common) == [".gitignore", "README", "passwords.sh"]
    assert [(item.name, item.files) for item in made.filesets if item.part is Part.VOLUMES] == [
        ("Volumes-beta", ("/var/lib/docker/volumes/shop_files/_data",))
    ]
    assert made.steps == (
        "sh passwords.sh",
        "scp -P 2222 -pr beta 'ops@[fd00::2]:' && "
        "ssh -p 2222 -t ops@fd00::2 sudo sh beta/install.sh",
        "scp -pr alpha 192.0.2.1: && ssh -t 192.0.2.1 sudo sh alpha/install.sh",
    )


def test_the_cycle_is_the_documents_and_can_be_another() -> None:
    text = of(shop()).servers["alpha"]["bacula-dir.conf"]
    for line in (
        "Run = Level=Full 1st sun at 23:05",
        "Run = Level=Differential 2nd-5th sun at 23:05",
        "Run = Level=Incremental mon-sat at 23:05",
        "Run = Level=Full sun-sat at 23:10",
    ):
        assert f"  {line}\n" in text
    other = of(shop(), cycle=Cycle(incremental="daily", at="01:30"))
    assert "Level=Incremental daily at 01:30" in other.servers["alpha"]["bacula-dir.conf"]


def test_no_password_stands_in_a_configuration() -> None:
    """Each is included from a file, and every file is one that install.sh asks for."""
    made = of(shop())
    for files in made.servers.values():
        texts = "".join(text for name, text in files.items() if name.endswith(".conf"))
        included = re.findall(r"Password = (.*)", texts)
        assert all(item.startswith("@/etc/bacula/passwords/") for item in included)
        asked = re.search(r"for name in (.*); do", files["install.sh"])
        assert asked is not None
        assert {Path(item).name for item in included} == set(asked[1].split())


def test_passwords_come_from_the_fleets_secrets() -> None:
    secrets = {
        "bacula_console": SecretSource(file=Path("keys/it's")),
        "bacula_storage": SecretSource(environment="STORAGE_PASSWORD"),
        "bacula_client_beta": SecretSource(command=("pass", "show", "a b")),
    }
    script = of(shop(secrets=secrets)).common["passwords.sh"]
    assert "value=$(cd /srv/fleet && cat 'keys/it'\"'\"'s') || fail" in script
    assert "value=${STORAGE_PASSWORD:?export it, then retry}" in script
    assert "value=$(cd /srv/fleet && pass show 'a b') || fail" in script
    assert "made_up client-alpha\ngive client-alpha alpha\n" in script
    assert "give client-beta alpha beta\n" in script


@pytest.mark.parametrize(
    ("catalogue", "package", "user"),
    [(Catalogue.POSTGRESQL, "bacula-director-pgsql", True), (Catalogue.SQLITE3, "sqlite3", False)],
)
def test_catalogues(catalogue: Catalogue, package: str, user: bool) -> None:
    files = of(shop(), catalogue=catalogue).servers["alpha"]
    assert package in files["install.sh"]
    assert ("dbuser" in files["bacula-dir.conf"]) is user
    assert package not in of(shop(), catalogue=catalogue).servers["beta"]["install.sh"]


def test_every_path_bacula_cannot_read_is_told_at_once() -> None:
    fleet = shop("/srv/line\nbreak:/data")
    with pytest.raises(CheckError) as caught:
        of(fleet, dumps="/mnt/50%")
    assert len(caught.value.problems) == 2
    assert caught.value.todo


def test_nothing_left_to_save_is_an_error() -> None:
    with pytest.raises(CheckError, match="nothing is left"):
        of(shop(), without=list(Part))


@pytest.mark.parametrize("part", list(Part))
def test_every_job_has_its_defaults_and_pool(part: Part) -> None:
    """Also when only one part is saved."""
    text = of(
        shop(), without=[item for item in Part if item is not part and item is not Part.SYSTEM]
    )
    written = text.servers["alpha"]["bacula-dir.conf"]
    names = set(re.findall(r"^  Name = \"?([^\"\n]+)", written, re.MULTILINE))
    for key in ("JobDefs", "Client", "FileSet", "Schedule", "Storage", "Pool", "Messages"):
        for name in re.findall(rf"^  {key} = \"?([^\"\n]+)", written, re.MULTILINE):
            assert name in names, (key, name)


def test_warnings_come_first_and_stand_in_the_readme() -> None:
    made = of(shop())
    levels = [item.level for item in made.findings]
    assert levels == sorted(levels, reverse=True) and set(levels) == {"note", "warning"}
    assert all(item.what in made.common["README"] for item in made.findings)


def test_what_was_written_is_told(tmp_path: Path) -> None:
    made = of(shop())
    written = write(made, tmp_path / "new")
    assert (tmp_path / "new/beta/install.sh").stat().st_mode & 0o111
    told = report(made, written, tmp_path / "new")
    assert "beta/bacula-fd.conf" in told.files and told.director == "alpha"
    jsonschema.validate(told.model_dump(mode="json"), schema("render-bacula"))
    keep = tmp_path / "new/passwords/storage"
    keep.parent.mkdir()
    keep.write_text("kept")
    assert set(write(made, tmp_path / "new")) == set(written)
    assert keep.read_text() == "kept"


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QuorateError, match="cannot be written") as caught:
        write(of(shop()), tmp_path / "file/inside")
    assert caught.value.todo
