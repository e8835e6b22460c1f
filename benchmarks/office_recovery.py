"""Part `recovery`: all four servers gone with their disks; the off-site copy brings all of it back.

The servers are destroyed and started anew, empty. One command is given the off-site repository,
its password and the passphrase of the bundle: no file of the fleet. What services answer of their
data is compared with what they answered before, besides what the restores compare themselves.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.measure import FailedError
from benchmarks.office_copies import as_root
from benchmarks.office_fleet import FILLED, Service
from benchmarks.office_ground import Ground, until
from benchmarks.office_verdict import Raw, Target
from quorate.deploy.values import read_value
from quorate.fleet.backup import Repository
from quorate.lab import outside
from quorate.lab.state import Lab
from quorate.recover.model import Operation

LIMIT_SECONDS = 15 * 60.0
VERB_SECONDS = 40 * 60.0
SETTLED_SECONDS = 300.0

POSTGRES = """
psql="psql -X -At -v ON_ERROR_STOP=1 -U $0"
all="SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
$psql -d "$1" -c "$all" |
while IFS= read -r name; do
  echo "database $name"
  $psql -d "$name" -c "$2" < /dev/null
done
"""
ROWS = """
SELECT format('%I.%I', n.nspname, c.relname), (xpath('/row/v/text()', query_to_xml(format(
  'SELECT count(*) || '':'' || coalesce(sum(hashtext(t::text)), 0) AS v FROM %I.%I t',
  n.nspname, c.relname), false, true, '')))[1]
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1;
SELECT 'large objects', count(*), coalesce(sum(hashtext(encode(data, 'hex'))), 0)
FROM pg_largeobject
"""
TABLES = (
    "SELECT concat('CHECKSUM TABLE `', table_schema, '`.`', table_name, '`;') "
    "FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN "
    "('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1"
)
MARIADB = 'mariadb -u root -N -B -e "$0" | mariadb -u root -N -B'
REDIS = "redis-cli DBSIZE; redis-cli --scan | LC_ALL=C sort | sha256sum"
FILES = 'cd "$0"; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum'


def contents(here: Ground) -> dict[str, str]:
    """Service → a hash of what it answers of its data; GitLab's is left to its restore."""
    found = {one.name: content(here, one) for one in FILLED if one.kind != "gitlab"}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in found.items()}


def content(here: Ground, service: Service) -> str:
    """What a service answers of its data."""
    name = service.name
    match service.kind:
        case "postgres":
            return here.inside(name, POSTGRES, [service.user, service.database, ROWS])
        case "mariadb":
            return as_root(here.inside)(name, MARIADB, [TABLES])
        case "redis":
            return here.inside(name, REDIS)
        case _:
            return here.inside(name, FILES, [service.root])


def measure(here: Ground) -> dict[str, Any]:
    """Lose every server, recover, compare.

    Raises:
        FailedError: there is no off-site repository reached by SFTP, or it did not come back.
    """
    print("evidence: office-backups: recovery: what is there", flush=True)
    before, servers = contents(here), [one.name for one in here.desired().servers]
    words = left(here)
    for server in servers:
        here.run("lab", "destroy", server, str(here.fleet), "--yes")
    here.run("lab", "up", str(here.fleet))
    print("evidence: office-backups: recovery: from empty servers", flush=True)
    verb = here.run("recover", "fleet", *words, "--lab", "--yes", "--json", seconds=VERB_SECONDS)
    answer: Any = verb.answer
    settled = until(lambda: not here.down(), SETTLED_SECONDS)
    began = time.monotonic()
    after = contents(here)
    operation = Operation.model_validate(answer["operation"]["operation"])
    says = {step.id: step.says for step in operation.steps}
    return {
        "servers": servers,
        "seconds": verb.seconds,
        "rto": answer["rto"],
        "rpo": answer["rpo"],
        "expected": operation.seconds,
        "steps": [
            {"says": says[one["step"]], "seconds": one["seconds"], "at": one["at"]}
            for one in answer["operation"]["entries"]
        ],
        "settled_seconds": settled,
        "down": here.down(),
        "before": before,
        "after": after,
        "asked_seconds": round(time.monotonic() - began, 1),
    }


def left(here: Ground) -> tuple[str, ...]:
    """What a person has who lost everything: the words of the command, and the files they name."""
    fleet, lab, place = here.desired(), here.lab, here.fleet.parent.parent / "left"
    offsite = next((one for one in fleet.backup.repositories if one.place == "sftp"), None)
    if offsite is None or lab.outside is None:
        raise FailedError("the lab has no off-site repository that is reached by SFTP")
    place.mkdir(mode=0o700)
    bundle = fleet.backup.bundle
    values = {"password": offsite.password, "passphrase": bundle.passphrase if bundle else None}
    for name, source in values.items():
        if source is None:
            raise FailedError(f"the fleet file names no {name}")
        value = read_value(name, source, directory=here.fleet.parent)
        (place / name).write_bytes(value.strip() + b"\n")
    (place / "ssh_config").write_text(outside.ssh_config(lab))
    return (
        *("--from", _url(lab, offsite), "--ssh-config", str(place / "ssh_config")),
        *("--password-file", str(place / "password")),
        *("--passphrase-file", str(place / "passphrase"), "--into", str(place / "recovered")),
    )


def _url(lab: Lab, offsite: Repository) -> str:
    assert lab.outside is not None
    return f"sftp:{outside.ACCOUNT}@{lab.outside.node.address}:{offsite.path}"


def targets(raw: Raw) -> tuple[Target, ...]:
    """In time, all running, the same data."""
    before: Mapping[str, str] = raw["before"]
    same = [name for name, text in before.items() if raw["after"].get(name) == text]
    other = sorted(set(before) - set(same))
    rto = raw["rto"]
    return (
        Target(
            part="recovery",
            what=f"{len(raw['servers'])} empty servers, from the off-site copy alone",
            wanted=f"within {LIMIT_SECONDS / 60:.0f} min, all running",
            seen=", ".join(["never" if rto is None else f"{rto:.0f} s", *raw["down"]]),
            met=rto is not None and rto <= LIMIT_SECONDS and not raw["down"],
        ),
        Target(
            part="recovery",
            what="what services answer of their data",
            wanted="as before",
            seen=f"{len(same)} of {len(before)} the same{''.join(f'; not {o}' for o in other)}",
            met=bool(before) and not other,
        ),
    )


def section(raw: Raw) -> Iterator[str]:
    """Each step with what it took; how old the data was."""
    yield from ("## Everything lost but the off-site copy", "")
    yield (
        f"`quorate recover fleet` took {raw['seconds']:.0f} s in all, {raw['rto']:.0f} s until "
        "every service ran with its data; what lies on servers of copies was filled after that. "
        f"Expected were {raw['expected']:.0f} s. Steps side by side have the time since the first."
    )
    yield from ("", "| Step | Seconds |", "| --- | ---: |")
    for one in raw["steps"]:
        yield f"| {one['says']} | {one['seconds']:.1f} |"
    yield ""
    ages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in raw["rpo"].items() if seconds)
    yield f"Written after the copy was taken, and so lost, was what was written in: {ages}."
    yield ""
