"""What a recovery bundle holds, how it is packed, compared and explained."""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.bundle import archive
from quorate.backup.bundle.archive import (
    CONTENTS,
    README,
    Held,
    pack,
    record_of,
    sameness,
    unpack,
    wrap,
)
from quorate.backup.bundle.compare import Word, check, summary
from quorate.backup.bundle.content import unknown, wanted
from quorate.backup.bundle.making import one_line
from quorate.backup.bundle.readme import text
from quorate.backup.model import Kind
from quorate.backup.policy.sources import planned
from quorate.errors import UsageError
from quorate.fleet.backup import Bundle
from quorate.fleet.model import Fleet, Registry, SecretSource
from quorate.fleet.read import read_fleet
from tests.fakes.backups import make_backed_up

MADE = datetime(2026, 3, 1, 4, 5, tzinfo=UTC)
OFFICE = Path(__file__).parents[4] / "examples/office/fleet.yaml"
NAMES = st.from_regex(r"[a-z0-9äß][a-zäß0-9 ._-]{0,8}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(
    PATHS,
    st.builds(Held, data=st.binary(max_size=50), uses=st.just(("x",)), runnable=st.booleans()),
    max_size=4,
)


def fleet(**changes: object) -> Fleet:
    """The small one, with a secret of each source and a registry."""
    made = make_backed_up().model_copy(
        update={
            "path": Path("/srv/fleet/fleet.yaml"),
            "secrets": {
                "plain": SecretSource(file=Path("secrets/plain.txt")),
                "away": SecretSource(file=Path("/etc/office/away.txt")),
                "env": SecretSource(environment="ENV_SECRET"),
                "cmd": SecretSource(command=("sh", "pass.sh", "cmd")),
            },
            "registries": (
                Registry(host="r.example", user="ci", password=SecretSource(environment="R")),
            ),
            "read": (Path("/srv/fleet/fleet.yaml"), Path("/srv/fleet/shop.yaml")),
            "variables": ("OFFICE_DOMAIN",),
        }
    )
    return made.model_copy(update=changes)


def there(path: Path) -> bool:
    return path == Path("/srv/fleet/pass.sh")


def test_every_value_has_its_place() -> None:
    found = {item.path: item for item in wanted(fleet(), there)}
    assert list(found) == [
        "elsewhere/etc/office/away.txt",
        "environment/ENV_SECRET",
        "environment/OFFICE_DOMAIN",
        "environment/R",
        "environment/REPOSITORY_PASSWORD",
        "fleet/fleet.yaml",
        "fleet/pass.sh",
        "fleet/secrets/plain.txt",
        "fleet/shop.yaml",
        "values/secret-cmd",
    ]
    assert found["environment/REPOSITORY_PASSWORD"].uses == (
        "password of repository nas",
        "password of repository offsite",
    )
    assert [path for path, item in found.items() if item.optional] == ["environment/OFFICE_DOMAIN"]


def test_the_passphrase_of_the_bundle_is_not_in_it() -> None:
    bundle = Bundle(passphrase=SecretSource(environment="BUNDLE"))
    made = fleet()
    locked = made.model_copy(update={"backup": made.backup.model_copy(update={"bundle": bundle})})
    assert wanted(locked, there) == wanted(made, there)


def test_a_variable_that_is_also_a_secret_must_be_there() -> None:
    found = {item.path: item for item in wanted(fleet(variables=("R",)), there)}
    assert not found["environment/R"].optional


def test_the_office_is_whole() -> None:
    """Its fleet file, compose files, configs, and a value for each secret."""
    office = read_fleet(OFFICE, environment={})
    paths = {item.path for item in wanted(office, lambda path: path.is_file())}
    assert {"fleet/fleet.yaml", "fleet/monitoring.yaml", "fleet/demo-secret.sh"} <= paths
    assert {"fleet/config/prometheus.yml", "environment/BACKUP_SSH_KEY"} <= paths
    assert {f"values/secret-{name}" for name in office.secrets} <= paths
    assert not any(path.startswith("elsewhere/") for path in paths)


def test_a_secret_that_only_the_swarm_has() -> None:
    made = fleet()
    files = tuple(
        one.model_copy(
            update={"secrets": {"plain": {"external": True}, "lost": {"external": True}}}
        )
        for one in made.files
    )
    assert unknown(made.model_copy(update={"files": files})) == ("lost",)


@given(FILES)
def test_what_is_packed_comes_out(files: dict[str, Held]) -> None:
    record = record_of("office", MADE, files, ("lost",))
    data = pack(files, record, "begin here")
    assert pack(dict(reversed(files.items())), record, "begin here") == data
    again, found = unpack(data)
    assert again == record
    assert found.pop(README).data == b"begin here"
    found.pop(CONTENTS)
    assert {path: (held.data, held.runnable) for path, held in found.items()} == {
        path: (held.data, held.runnable) for path, held in files.items()
    }


def test_the_readme_comes_first() -> None:
    data = pack({"a": Held(data=b"1")}, record_of("office", MADE, {"a": Held(data=b"1")}), "x")
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        assert opened.getnames() == [README, CONTENTS, "a"]


def test_a_flipped_byte_is_noticed() -> None:
    files = {"a": Held(data=b"secret-value")}
    data = pack(files, record_of("office", MADE, files), "x")
    with pytest.raises(ValueError, match="a is not as it was"):
        unpack(data.replace(b"secret-value", b"sEcret-value"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        made.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="no plain file within it"):
        unpack(out.getvalue())


def test_links_are_refused() -> None:
    out, info = io.BytesIO(), tarfile.TarInfo("a")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(fileobj=out, mode="w") as made:
        made.addfile(info)
    with pytest.raises(ValueError, match="no plain file within it"):
        unpack(out.getvalue())


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100])
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"archive|list of its contents"):
        unpack(data)


def test_compared_with_the_fleet() -> None:
    items = wanted(fleet(), there)
    files = {item.path: Held(data=item.path.encode(), uses=item.uses) for item in items}
    record = record_of("office", MADE, {**files, "values/gone": Held(data=b"x")})
    digests = {path: archive.digest(held.data) for path, held in files.items()}
    same = check(record, items, digests, {})
    assert same.good
    assert [(one.word, one.path) for one in same.differences] == [(Word.EXTRA, "values/gone")]
    changed = {**digests, "environment/R": "other"}
    del changed["environment/ENV_SECRET"]
    older = record_of("office", MADE, {k: v for k, v in files.items() if k != "fleet/shop.yaml"})
    found = check(older, items, changed, {"environment/ENV_SECRET": "not set"}, ("lost",))
    assert not found.good
    assert {(one.word, one.path) for one in found.differences} == {
        (Word.MISSING, "fleet/shop.yaml"),
        (Word.OLD, "environment/R"),
        (Word.UNREAD, "environment/ENV_SECRET"),
        (Word.UNKNOWN, "lost"),
    }


def test_a_variable_without_a_value_is_not_missed() -> None:
    items = wanted(fleet(), there)
    files = {i.path: Held(data=b"x", uses=i.uses) for i in items if not i.optional}
    digests = dict.fromkeys(files, archive.digest(b"x"))
    assert check(record_of("office", MADE, files), items, digests, {}).good


def test_reports_tell_no_value() -> None:
    files = {"environment/R": Held(data=b"planted-secret", uses=("password",))}
    record = record_of("office", MADE, files)
    said = summary(record, "/tmp/x.age").model_dump_json()
    assert "planted-secret" not in said and archive.digest(b"planted-secret") not in said


def test_the_page_has_every_step_and_no_value() -> None:
    made = fleet()
    items = wanted(made, there)
    files = {item.path: Held(data=b"planted-secret", uses=item.uses) for item in items}
    page = text(made, record_of("office", MADE, files, ("lost",)), items)
    for number in range(1, 7):
        assert f"STEP {number}." in page
    assert "planted-secret" not in page
    for words in (
        "{file: ../values/NAME}",
        "values/secret-cmd: sh pass.sh cmd",
        "install -D -m 600 elsewhere/etc/office/away.txt /etc/office/away.txt",
        "restic -r /mnt/backups/q -p environment/REPOSITORY_PASSWORD snapshots",
        "db   (in nas, offsite)",
        "lost",
    ):
        assert words in page, words
    assert "-o sftp.command='ssh far -s sftp'" in page
    assert page.index("offsite (far, off-site):") < page.index("nas (on b):")
    assert page.index("db   (in") < page.index("cache   (in")


def test_the_page_fits_a_terminal() -> None:
    office = read_fleet(OFFICE, environment={})
    items = wanted(office, lambda path: False)
    page = text(office, record_of("office", MADE, {}), items)
    assert max(map(len, page.splitlines())) <= 130


def test_it_is_a_source_that_is_kept_like_the_configs() -> None:
    made = make_backed_up()
    assert "bundle" not in {one.source.id for one in planned(made)}
    locked = {"bundle": Bundle(recipients=("age1x",))}
    made = made.model_copy(update={"backup": made.backup.model_copy(update=locked)})
    kept = {one.source.id: one for one in planned(made)}["bundle"]
    assert kept.policy is not None and kept.repository is not None
    assert kept.source.kind is Kind.CONFIGS and kept.source.servers == ()
    assert kept.repository.name == "nas" and [one.name for one in kept.copies] == ["offsite"]
    assert kept.policy.keep.daily == 30


def test_what_is_stored_says_how_it_is_opened_and_nothing_else() -> None:
    record = record_of("shop", MADE, {"fleet/fleet.yaml": Held(data=b"name: shop")})
    wrapped = wrap(b"age-encryption.org/v1 ...", record, passphrase=False)
    with tarfile.open(fileobj=io.BytesIO(wrapped)) as archive:
        assert archive.getnames() == ["HOW-TO-OPEN.txt", "recovery-bundle.age"]
        page = archive.extractfile("HOW-TO-OPEN.txt")
        assert page is not None
        text = page.read().decode()
    assert "age --decrypt --identity KEY recovery-bundle.age | tar -x" in text
    assert "fleet.yaml" not in text
    assert b"--identity" not in wrap(b"x", record, passphrase=True)


def test_bundles_are_the_same_by_contents_and_keys_not_by_when_they_were_made() -> None:
    files = {"fleet/fleet.yaml": Held(data=b"name: shop")}
    one, later = record_of("shop", MADE, files), record_of("shop", MADE.replace(year=2031), files)
    other = record_of("shop", MADE, {"fleet/fleet.yaml": Held(data=b"name: Shop")})
    assert sameness(one, ["a", "b"]) == sameness(later, ["b", "a"])
    assert sameness(one, ["a"]) != sameness(one, ["b"])
    assert sameness(one, ["a"]) != sameness(other, ["a"])


def test_the_list_names_the_fleet_file_and_older_lists_do_not() -> None:
    files = {"fleet/fleet.yaml": Held(data=b"name: shop")}
    record = record_of("shop", MADE, files, file="fleet/fleet.yaml")
    assert unpack(pack(files, record, "page"))[0] == record
    older = pack(files, record_of("shop", MADE, files), "page")
    assert unpack(older)[0].file == ""


@pytest.mark.parametrize("value", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"tab\there"])
def test_no_passphrase(value: bytes) -> None:
    with pytest.raises(UsageError):
        one_line(value, "it")


def test_a_passphrase_is_a_line() -> None:
    assert one_line("drei Wörter hier\r\n".encode(), "it") == "drei Wörter hier"
