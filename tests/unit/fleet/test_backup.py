"""The fleet file's `backup` section: what can be said, what holds otherwise, what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.backup import DEFAULTS, KINDS, Repository
from quorate.fleet.backup_policies import policies
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Fleet
from quorate.fleet.report import Report
from tests.unit.fleet.helpers import FLEET, checked, fleet_of

COMPOSE = """\
x-here: &here {pin: one}
services:
  db:
    image: postgres:16
    volumes: ["db:/var/lib/postgresql/data"]
    x-quorate: {state: postgres, pin: one, group: shop}
  files:
    image: x:1
    volumes: ["files:/files"]
    x-quorate: {state: volume, pin: one, group: shop}
  cache:
    image: redis:7
    volumes: ["cache:/data"]
    x-quorate: {state: redis, pin: two}
  roams:
    image: x:1
    volumes: ["roams:/files"]
    x-quorate: {state: volume}
volumes: {db: , files: , cache: , roams: }
"""
SOUND = """\
backup:
  repositories:
    here: {local: {server: one, path: /backups}, password: {environment: P}}
    there: {local: {server: two, path: /backups}, password: {environment: P}}
    away:
      sftp: {host: box.example.org, path: /b, user: me}
      password: {file: secret.txt}
      offsite: true
"""


def report_of(directory: Path, section: str) -> Report:
    return checked(directory, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})


def sound(directory: Path, section: str = SOUND) -> Fleet:
    return fleet_of(directory, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})


def test_every_place_a_repository_can_have(tmp_path: Path) -> None:
    backup = sound(
        tmp_path,
        """\
backup:
  timezone: America/New_York
  repositories:
    local: {local: {server: one, path: /mnt//data/}, password: {environment: P}, medium: tape}
    sftp:
      sftp: {host: box.example.org, port: 23, user: me, path: /b, identity: {file: key}}
      password: {file: secret.txt}
      zone: elsewhere
      room: 1T
    inside: {sftp: {host: 192.0.2.2, path: /c}, password: {environment: P}}
    s3:
      s3:
        endpoint: https://s3.example.org:9000/
        bucket: office
        prefix: /copies/
        access_key: {environment: A}
        secret_key: {command: [pass, s3]}
      password: {environment: P}
      offsite: true
      append_only: true
    rest:
      rest: {url: https://rest.example.org/office, user: me, password: {environment: R}}
      password: {environment: P}
  spool: {path: /var/spool/quorate, room: 20G}
  prove: {every: weekly, day: monday, at: "07:00", servers: three}
  copy: {at: "05:30", to: [s3]}
""",
    ).backup
    local, sftp, inside, s3, rest = backup.repositories
    assert (local.server, local.path, local.medium, local.zone) == (
        "one",
        "/mnt/data",
        "tape",
        None,
    )
    assert (sftp.place, sftp.address, sftp.port) == ("sftp", "me@box.example.org:/b", 23)
    assert (sftp.medium, sftp.zone, sftp.room) == ("remote disk", "elsewhere", 2**40)
    assert sftp.credentials["identity"].file == tmp_path / "key"
    assert sftp.password.file == tmp_path / "secret.txt"
    assert (inside.server, inside.host) == ("two", "192.0.2.2")
    assert (s3.address, s3.host) == ("https://s3.example.org:9000/office/copies", "s3.example.org")
    assert (s3.medium, s3.offsite, s3.append_only) == ("object storage", True, True)
    assert s3.credentials["secret_key"].command == ("pass", "s3")
    assert (rest.address, rest.user) == ("https://rest.example.org/office", "me")
    assert (str(backup.spool.path), backup.spool.room) == ("/var/spool/quorate", 20 * 2**30)
    assert (backup.proving.schedule.words, backup.proving.servers) == (
        "Mondays at 07:00",
        ("three",),
    )
    assert (backup.copying.schedule.words, backup.copies) == ("daily at 05:30", (s3,))
    assert backup.timezone == "America/New_York"


@pytest.mark.parametrize(
    ("said", "on", "words"),
    [
        ("", False, "Sundays at 10:00"),
        ("  rehearse: true\n", True, "Sundays at 10:00"),
        ("  rehearse: false\n", False, "Sundays at 10:00"),
        ("  rehearse: {day: monday, at: '11:30'}\n", True, "Mondays at 11:30"),
        ("  rehearse: {every: monthly}\n", True, "day 1 of the month at 00:00"),
        ("  rehearse: {enabled: false, day: monday}\n", False, "Mondays at 10:00"),
    ],
)
def test_rehearsals(tmp_path: Path, said: str, on: bool, words: str) -> None:
    wish = sound(tmp_path, SOUND + said).backup.rehearsing
    assert (wish.on, wish.schedule.words, wish.sources, wish.servers) == (on, words, (), ())


def test_which_are_rehearsed_where_and_how_much_may_be_lost(tmp_path: Path) -> None:
    more = """\
  rehearse: {sources: [db], servers: [two]}
  kinds: {postgres: {lose_at_most: 2h}}
  sources: {db: {lose_at_most: 30m}}
"""
    fleet = sound(tmp_path, SOUND + more)
    wish, backup = fleet.backup.rehearsing, fleet.backup
    assert (wish.sources, wish.servers) == (("db",), ("two",))
    assert backup.of_kind("postgres").lose_at_most == 7200
    assert backup.of_kind("redis").lose_at_most is None
    assert policies(backup, data_sets(fleet))["db"].lose_at_most == 1800


def test_a_server_says_what_its_repository_lies_on_and_where(tmp_path: Path) -> None:
    disks = "[{name: a, size: 1T}, {name: b, size: 4T, kind: hdd, mount: /mnt/data}]"
    text = FLEET.replace("labels: {disk: fast}", f"zone: left, disks: {disks}")
    section = SOUND.replace("path: /backups", "path: /mnt/data/backups", 1)
    fleet = fleet_of(tmp_path, {"fleet.yaml": text + section, "compose.yaml": COMPOSE})
    here = fleet.backup.repository("here")
    assert (here.medium, here.zone) == ("hdd", "left")


def test_the_defaults_are_the_documents(tmp_path: Path) -> None:
    """ "Backup Retention Policy", and the times of its stack files."""
    backup = sound(tmp_path).backup
    assert set(DEFAULTS) == set(KINDS)
    said = {kind: (p.schedule.words, p.keep.words) for kind in KINDS if (p := backup.of_kind(kind))}
    assert said == {
        "postgres": ("daily at 00:00", "7 daily, 4 weekly, 6 monthly"),
        "mariadb": ("daily at 00:00", "7 daily, 4 weekly, 6 monthly"),
        "redis": ("hourly", "24 hourly"),
        "gitlab": ("daily at 02:00", "7 daily, 4 weekly"),
        "volume": ("Sundays at 03:00", "4 weekly"),
        "configs": ("daily at 01:00", "30 daily"),
        "swarm": ("daily at 01:00", "30 daily"),
        "system": ("day 1 of the month at 05:00", "12 monthly"),
        "images": ("Sundays at 02:30", "4 weekly"),
    }
    assert backup.copying.schedule.words == "daily at 04:00"
    assert backup.proving.schedule.words == "daily at 06:00"
    assert backup.timezone == "UTC"
    assert [one.name for one in backup.copies] == ["away"]


def test_what_is_said_of_a_kind_and_of_a_source(tmp_path: Path) -> None:
    fleet = sound(
        tmp_path,
        SOUND
        + """\
  kinds:
    volume: {quiesce: pause, keep: {daily: 3}}
    redis: {every: daily, at: "03:00"}
  sources:
    roams: {at: "05:00", sqlite: [db.sqlite], to: away}
    volume/app_roams: {deadline: 1h}
    cache: {hooks: {before: [redis-cli, save]}, restore_within: 5m}
  exclude: [configs, system/three]
""",
    )
    rules = policies(fleet.backup, data_sets(fleet))
    roams = rules["volume/app_roams"]
    # What names the source itself goes before what names its service.
    assert (roams.schedule.words, roams.deadline) == ("Sundays at 03:00", 3600)
    assert (roams.quiesce, roams.keep.words) == ("pause", "3 daily")
    assert rules["cache"].schedule.words == "daily at 03:00"
    assert rules["cache"].hooks.before == ("redis-cli", "save")
    assert rules["cache"].restore_within == 300
    assert "configs" not in rules and "system/three" not in rules
    assert "system/one" in rules


def test_a_group_is_backed_up_at_one_time_and_kept_alike(tmp_path: Path) -> None:
    fleet = sound(tmp_path)
    rules = policies(fleet.backup, data_sets(fleet))
    assert rules["volume/app_files"].schedule == rules["db"].schedule
    assert rules["volume/app_files"].keep == rules["db"].keep
    assert rules["volume/app_roams"].schedule.words == "Sundays at 03:00"


def test_a_group_follows_what_is_said_of_its_leader(tmp_path: Path) -> None:
    more = '  sources: {db: {at: "01:30"}, volume/app_files: {keep: {daily: 2}}}\n'
    fleet = sound(tmp_path, SOUND + more)
    rules = policies(fleet.backup, data_sets(fleet))
    assert rules["volume/app_files"].schedule.words == "daily at 01:30"
    assert rules["volume/app_files"].keep.words == "2 daily"


def test_hours_are_not_kept_of_what_is_copied_daily(tmp_path: Path) -> None:
    compose = COMPOSE.replace("state: redis, pin: two", "state: redis, pin: one, group: shop")
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET + SOUND, "compose.yaml": compose})
    rules = policies(fleet.backup, data_sets(fleet))
    assert rules["cache"].schedule.words == "daily at 00:00"
    assert rules["cache"].keep.words == "7 daily, 4 weekly, 6 monthly"


def codes(report: Report) -> set[tuple[int, str]]:
    """Line and code of each problem with the policy."""
    return {
        (p.location.line, p.code)
        for p in report.problems
        if p.code.startswith(("Q7", "Q10")) and p.code not in ("Q108", "Q109")
    }


@pytest.mark.fault(
    "policy naming an unknown service",
    injected="`backup.sources.dbb`, `exclude: [nothing]`",
    seen="Q704 with the line, and `did you mean`; nothing is started",
)
@pytest.mark.fault(
    "retention 0",
    injected="`keep: {hourly: 0}`, `keep: {}`, `keep: {daily: -1}`",
    seen="Q708 and Q103 with the line",
)
@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ("  timezone: Europe/Berlni\n", (17, "Q703"), "did you mean `Europe/Berlin`"),
        ("  sources: {dbb: {at: '03:00'}}\n", (17, "Q704"), "did you mean `db`"),
        ("  exclude: [volume/app_file]\n", (17, "Q704"), "did you mean `volume/app_files`"),
        ("  exclude: [db, nothing]\n", (17, "Q704"), "`nothing` is no source"),
        ("  to: [hree]\n", (17, "Q705"), "unknown repository `hree`"),
        ("  copy: {to: awya}\n", (17, "Q705"), "did you mean `away`"),
        ("  kinds: {redis: {to: nowhere}}\n", (17, "Q705"), "`nowhere`"),
        ("  sources: {db: {to: nowhere}}\n", (17, "Q705"), "`nowhere`"),
        ("  prove: {servers: [oen]}\n", (17, "Q706"), "did you mean `one`"),
        ("  rehearse: {servers: [oen]}\n", (17, "Q706"), "did you mean `one`"),
        ("  rehearse: {sources: [dbb]}\n", (17, "Q704"), "did you mean `db`"),
        ("  rehearse: {sources: [db, swarm]}\n", (17, "Q714"), "`rehearse` of `swarm`"),
        ("  rehearse: {every: nightly}\n", (17, "Q103"), "not hourly, daily"),
        ("  sources: {db: {lose_at_most: 0s}}\n", (17, "Q103"), "0"),
        ("  kinds: {redis: {keep: {hourly: 0}}}\n", (17, "Q708"), "keeps no copy"),
        ("  sources: {db: {keep: {}}}\n", (17, "Q708"), "keeps no copy"),
        ("  sources: {db: {keep: {daily: -1}}}\n", (17, "Q103"), "`-1`"),
        ("  kinds: {postgres: {to: here}}\n", (10, "Q709"), "`db`"),
        ("  sources: {db: {to: here}}\n", (10, "Q709"), "`db`"),
        ("  kinds: {redis: {at: '03:00'}}\n", (17, "Q712"), "the minute only"),
        ("  sources: {roams: {day: '3'}}\n", (17, "Q712"), "no day of the week"),
        ("  sources: {db: {every: nightly}}\n", (17, "Q103"), "not hourly, daily"),
        ("  sources: {db: {every: 0 3 31 2 *}}\n", (17, "Q103"), "never comes"),
        ("  copy: {at: noon}\n", (17, "Q103"), "no time of day"),
        ("  prove: {at: 25:00}\n", (17, "Q103"), "no time of day"),
        ("  exclude: [db]\n  sources: {db: {at: '03:00'}}\n", (17, "Q713"), "has settings"),
        ("  sources: {db: {sqlite: [a.db]}}\n", (17, "Q714"), "`sqlite` of `db`"),
        ("  sources: {cache: {quiesce: stop}}\n", (17, "Q714"), "`quiesce` of `cache`"),
        ("  sources: {swarm: {hooks: {before: a}}}\n", (17, "Q714"), "no container"),
        ("  sources: {roams: {sqlite: [/etc/a]}}\n", (17, "Q103"), "leaves the volume"),
        ("  sources: {roams: {sqlite: [../a]}}\n", (17, "Q103"), "leaves the volume"),
        ("  sources: {roams: {quiesce: halt}}\n", (17, "Q103"), "`halt` is not one of"),
        ("  to: [away, there]\n  copy: {to: away}\n", (18, "Q715"), "`away`"),
        ("  notify: {events: [failure]}\n", (17, "Q731"), "nobody in `to`"),
        (
            "  notify: {to: {ops: {file: a}}, events: [failure], digest: {at: '09:00'}}\n",
            (17, "Q732"),
            "not among `events`",
        ),
        ("  notify: {to: {ops: {file: a}}, events: [falure]}\n", (17, "Q103"), "`falure`"),
        ("  notify: {to: {ops: 'json://host/token'}}\n", (17, "Q103"), "ops"),
        ("  notify: {to: {ops: {file: a}}, digest: {day: someday}}\n", (17, "Q103"), "someday"),
        ("  heartbeat: 'https://example.org/token'\n", (17, "Q103"), "heartbeat"),
        ("  retention: 7d\n", (17, "Q101"), "unknown key `retention`"),
        ("  keeps: {}\n", (17, "Q101"), "unknown key `keeps`"),
        ("  copy: {every: hourly, at: '15', day: '1'}\n", (17, "Q103"), "the minute only"),
        ("  kinds: {postgers: {}}\n", (17, "Q101"), "did you mean `postgres`"),
        ("  kinds: {redis: {quiesce: stop}}\n", (17, "Q101"), "unknown key `quiesce`"),
        ("  bundle: {}\n", (17, "Q103"), "either `recipients` or `passphrase`"),
    ],
)
def test_mistakes(tmp_path: Path, more: str, place: tuple[int, str], words: str) -> None:
    report = report_of(tmp_path, SOUND + more)
    assert codes(report) == {place}, [str(p) for p in report.problems]
    (found,) = (p for p in report.problems if p.code == place[1])
    assert words in found.what, found.what


def test_who_is_told(tmp_path: Path) -> None:
    more = """\
  notify:
    to: {ops: {file: ops-url}, chat: {environment: CHAT}}
    events: [failure, digest]
    digest: {day: friday}
  heartbeat: {command: [pass, heartbeat]}
"""
    report = report_of(tmp_path, SOUND + more)
    assert codes(report) == set() and report.fleet is not None
    said = report.fleet.backup.notify
    assert list(said.to) == ["ops", "chat"]
    assert said.events == ("failure", "digest")
    assert said.digest.words == "Fridays at 08:00"
    assert report.fleet.backup.heartbeat is not None
    plain = report_of(tmp_path, SOUND)
    assert plain.fleet is not None
    assert plain.fleet.backup.notify.events == ("failure", "recovery", "digest")
    assert plain.fleet.backup.notify.digest.words == "Mondays at 08:00"


REPOSITORY = "backup:\n  repositories:\n"


@pytest.mark.parametrize(
    ("repositories", "code", "words"),
    [
        ("    a: {local: {server: on, path: /b}, password: {environment: P}}", "Q706", "`one`"),
        ("    a: {local: {server: one, path: b}, password: {environment: P}}", "Q103", "absolute"),
        ("    a: {local: {server: one}, password: {environment: P}}", "Q102", "`path`"),
        ("    a: {local: {server: one, path: /b}}", "Q102", "`password`"),
        ("    a: {local: {server: one, path: /b}, password: hunter2}", "Q103", "mapping"),
        ("    a: {rest: {url: 'https://h/r'}, password: {environment: P}, off_site: yes}", "Q101",
         "did you mean `offsite`"),
        ("    a: {password: {environment: P}}", "Q103", "exactly one of local"),
        ("    a: {sftp: {host: h, path: /a}, local: {server: one, path: /b}, "
         "password: {environment: P}}", "Q103", "exactly one of local"),
        ("    a: {sftp: {host: 'me@h', path: /a}, password: {environment: P}}", "Q103", "host"),
        ("    a: {rest: {url: 'https://me:hunter2@h/r'}, password: {environment: P}}", "Q103",
         "no user and password"),
        ("    a: {s3: {endpoint: h, bucket: b, access_key: {environment: P}, "
         "secret_key: {environment: P}}, password: {environment: P}}", "Q103", "not a URL"),
        ("    Bad Name: {sftp: {host: h, path: /a}, password: {environment: P}}", "Q103",
         "lower-case"),
    ],
)  # fmt: skip
def test_repositories_that_cannot_be(
    tmp_path: Path, repositories: str, code: str, words: str
) -> None:
    report = report_of(tmp_path, f"{REPOSITORY}{repositories}\n")
    assert report.fleet is None
    found = [p for p in report.problems if p.code == code and p.location.line == 11]
    assert [p for p in found if words in p.what], [str(p) for p in report.problems]
    assert "hunter2" not in str(report.problems)


P = "password: {environment: P}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("local: {server: one, path: /a}", "local: {server: one, path: /a/}", True),
        ("local: {server: one, path: /a}", "local: {server: one, path: /a/b}", True),
        ("local: {server: one, path: /a}", "local: {server: one, path: /ab}", False),
        ("local: {server: one, path: /a}", "local: {server: two, path: /a}", False),
        ("local: {server: one, path: /a}", "sftp: {host: 192.0.2.1, path: /a}", True),
        ("sftp: {host: h, path: /a}", "sftp: {host: H, path: /a}", True),
        ("sftp: {host: h, path: /a}", "sftp: {host: h, path: /a, port: 23}", False),
        ("rest: {url: 'https://h/a'}", "rest: {url: 'https://h/a/'}", True),
        ("rest: {url: 'https://h/a'}", "rest: {url: 'https://h/b'}", False),
        ("rest: {url: 'https://h/a'}", "sftp: {host: h, path: /a}", False),
        ("s3: {endpoint: 'https://h', bucket: a, access_key: {environment: P}, "
         "secret_key: {environment: P}}",
         "s3: {endpoint: 'https://h/', bucket: a, access_key: {environment: P}, "
         "secret_key: {environment: P}}", True),
        ("s3: {endpoint: 'https://h', bucket: a, access_key: {environment: P}, "
         "secret_key: {environment: P}}", "sftp: {host: h, path: /a}", False),
    ],
)  # fmt: skip
def test_two_repositories_at_one_place(tmp_path: Path, one: str, other: str, same: bool) -> None:
    section = f"{REPOSITORY}    a: {{{one}, {P}}}\n    b: {{{other}, {P}}}\n"
    assert ((12, "Q707") in codes(report_of(tmp_path, section))) is same


def test_data_that_may_run_beside_its_only_repository_is_a_warning(tmp_path: Path) -> None:
    section = f"{REPOSITORY}    a: {{local: {{server: three, path: /b}}, {P}}}\n"
    report = report_of(tmp_path, section)
    found = {p.code: p.what for p in report.problems if p.code in ("Q709", "Q710", "Q711")}
    assert found == {
        "Q709": "`system/three` and every repository for them are on three",
        "Q710": "`volume/app_roams` may run on three, where every repository for them is",
        "Q711": "no repository is off-site",
    }


def test_a_policy_without_repositories(tmp_path: Path) -> None:
    report = report_of(tmp_path, "backup: {timezone: UTC}\n")
    assert (9, "Q702") in codes(report)


def test_no_policy_is_only_noted(tmp_path: Path) -> None:
    report = report_of(tmp_path, "")
    assert report.fleet is not None
    (note,) = (p for p in report.problems if p.code == "Q701")
    assert note.what == "nothing is backed up: `db`, `cache`, `volume/app_files` and 1 more"


def test_no_secret_is_in_the_fleet(tmp_path: Path) -> None:
    """Only where it comes from is."""
    (tmp_path / "secret.txt").write_text("hunter2")
    fleet = sound(tmp_path)
    assert isinstance(fleet.backup.repositories[2], Repository)
    assert "hunter2" not in fleet.model_dump_json()


RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.mark.parametrize(
    ("said", "recipients", "passphrase"),
    [
        (f"{{recipients: [{RECIPIENT}]}}", (RECIPIENT,), None),
        ("{passphrase: {environment: P}}", (), "P"),
        (f"{{recipients: ['ssh-ed25519 {'A' * 68} ops', {RECIPIENT}]}}",
         (f"ssh-ed25519 {'A' * 68} ops", RECIPIENT), None),
    ],
)  # fmt: skip
def test_who_may_open_the_bundle(
    tmp_path: Path, said: str, recipients: tuple[str, ...], passphrase: str | None
) -> None:
    bundle = sound(tmp_path, f"{SOUND}  bundle: {said}\n").backup.bundle
    assert bundle is not None and bundle.recipients == recipients
    source = bundle.passphrase
    assert (source.environment if source else None) == passphrase


@pytest.mark.parametrize(
    ("recipient", "words"),
    [("age1x", "no public key"), ("AGE-SECRET-KEY-1X", "a private key in a fleet file")],
)
def test_what_is_no_recipient(tmp_path: Path, recipient: str, words: str) -> None:
    report = report_of(tmp_path, f"{SOUND}  bundle: {{recipients: [{recipient}]}}\n")
    (found,) = (p for p in report.problems if p.code == "Q103")
    assert found.location.line == 17 and words in found.what


def test_secrets_without_a_bundle_are_noted(tmp_path: Path) -> None:
    """A note, and none where somebody may open one, or where there is nothing secret."""
    kept = "secrets: {db_password: {environment: P}}\n"
    found = [p.what for p in report_of(tmp_path, SOUND + kept).problems if p.code == "Q716"]
    assert found == ["`db_password`: no recovery bundle holds their values"]
    locked = f"{SOUND}  bundle: {{recipients: [{RECIPIENT}]}}\n{kept}"
    for section in (SOUND, locked):
        assert "Q716" not in {p.code for p in report_of(tmp_path, section).problems}


def test_what_was_read_is_remembered(tmp_path: Path) -> None:
    fleet = sound(tmp_path)
    assert [path.name for path in fleet.read] == ["compose.yaml", "fleet.yaml"]


def test_a_log_is_streamed_as_it_is_said(tmp_path: Path) -> None:
    more = (
        "  kinds: {postgres: {wal: {server: two, keep: 7d, slot_room: 2G, day: monday}}}\n"
        "  sources: {db: {deadline: 1h}}\n"
    )
    fleet = sound(tmp_path, SOUND + more)
    wal = policies(fleet.backup, data_sets(fleet))["db"].wal
    assert (wal.on, wal.server, wal.keep, wal.slot_room) == (True, "two", 7 * 86400, 2 * 2**30)
    assert wal.schedule.words == "Mondays at 01:30"
    assert not policies(fleet.backup, data_sets(fleet))["cache"].wal.on


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ("  kinds: {postgres: {wal: {server: tow}}}\n", (17, "Q706"), "did you mean `two`"),
        ("  sources: {db: {wal: {server: one}}}\n", (17, "Q721"), "where it is itself"),
        ("  sources: {cache: {wal: true}}\n", (17, "Q714"), "is no Postgres"),
        ("  kinds: {redis: {wal: true}}\n", (17, "Q101"), "unknown key `wal`"),
        ("  sources: {db: {wal: {path: wal}}}\n", (17, "Q103"), "no absolute path"),
        ("  sources: {db: {wal: {keep: 0}}}\n", (17, "Q103"), "0"),
        ("  sources: {db: {wal: {slotroom: 1G}}}\n", (17, "Q101"), "did you mean `slot_room`"),
        ("  sources: {db: {wal: maybe}}\n", (17, "Q103"), "mapping"),
    ],
)
def test_mistakes_about_logs(tmp_path: Path, more: str, place: tuple[int, str], words: str) -> None:
    report = report_of(tmp_path, SOUND + more)
    assert codes(report) == {place}, [str(p) for p in report.problems]
    (found,) = (p for p in report.problems if p.code == place[1])
    assert words in found.what, found.what
