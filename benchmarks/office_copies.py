"""Parts `data` and `copies`: data made in the services; backed up, copied off-site, proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import office_data
from benchmarks.office_data import GIB, KIB, MIB, Amounts, Door, Made
from benchmarks.office_fleet import FILLED, Service
from benchmarks.office_ground import Ground
from benchmarks.office_verdict import Job, Raw, Target, cells, failure, jobs, overall_rate, red

SHARE: Mapping[str, float] = {"gibd-postgres": 1.0, "postgres": 0.02}
"""Of the amount that a Postgres gets."""
VERDICT = 4


def fill(here: Ground, amounts: Amounts) -> dict[str, Any]:
    """Give every service its data."""
    made = []
    for service in FILLED:
        print(f"evidence: office-backups: data in {service.name}", flush=True)
        made.append(asdict(_fill(here, service, amounts)))
    return {"made": made}


def _fill(here: Ground, service: Service, amounts: Amounts) -> Made:
    name = service.name
    match service.kind:
        case "postgres":
            size = int(amounts.postgres * SHARE[name])
            return office_data.postgres(
                here.inside, name, size, user=service.user, database=service.database
            )
        case "mariadb":
            return office_data.mariadb(
                as_root(here.inside), name, amounts.mariadb, database=service.database
            )
        case "redis":
            return office_data.redis(here.inside, name, amounts.keys)
        case "gitlab":
            return office_data.gitlab(here.inside, name, amounts.issues)
        case _:
            return office_data.files(here.inside, name, amounts.files, root=service.root)


def as_root(door: Door) -> Door:
    """A door whose lines find the password of MariaDB's root in their environment."""

    def through(service: str, line: str, words: Sequence[str]) -> str:
        secret = f"/run/secrets/{service.replace('-', '_')}_root_password"
        return door(service, f'MYSQL_PWD="$(cat {secret})"; export MYSQL_PWD; {line}', words)

    return through


def data_targets(raw: Raw) -> tuple[Target, ...]:
    """Whether there is as much as there must be."""
    made = {one["service"]: one for one in raw["made"]}
    postgres, maria = made["gibd-postgres"]["size"], made["appwrite-mariadb"]["size"]
    keys = made["gibd-redis"]["counts"]["keys"]
    files = sum(made["appwrite"]["counts"]["kinds"].values())
    return (
        _enough("Postgres' data", "1 GiB", f"{postgres / GIB:.2f} GiB", postgres >= GIB),
        _enough("MariaDB's data", "1 GiB", f"{maria / GIB:.2f} GiB", maria >= GIB),
        _enough("Redis' keys", "1000000", str(keys), keys >= 10**6),
        _enough("files in a volume", "100000", str(files), files >= 10**5),
    )


def _enough(what: str, least: str, seen: str, met: bool) -> Target:
    return Target(part="data", what=what, wanted=f"at least {least}", seen=seen, met=met)


def data_section(raw: Raw) -> Iterator[str]:
    """What was made."""
    yield from ("## The data", "", "| Service | Kind | Size, MiB | Made in, s | What |")
    yield "| --- | --- | ---: | ---: | --- |"
    for one in raw["made"]:
        yield (
            f"| {one['service']} | {one['kind']} | {one['size'] / MIB:.1f} | "
            f"{one['seconds']:.0f} | {_counted(one['counts'])} |"
        )
    yield ""


def _counted(counts: Mapping[str, Any]) -> str:
    """`1000 files, 20 hard links`; what is true or false is told by its word."""
    words: list[str] = []
    for key, value in counts.items():
        if isinstance(value, Mapping):
            words += [f"{number} × {name}" for name, number in value.items()]
        elif isinstance(value, bool):
            words.append(f"{'with' if value else 'no'} {key}")
        else:
            words.append(f"{value} {key}")
    return ", ".join(words)


def copy_and_prove(here: Ground) -> dict[str, Any]:
    """One command for all of it; then the status."""
    print("evidence: office-backups: backup run --copy --prove", flush=True)
    ran = here.backup("run", "--copy", "--prove", codes=range(256))
    status = here.backup("status", codes=(0, VERDICT))
    return {"run": asdict(ran), "status": asdict(status)}


def copies_targets(raw: Raw) -> tuple[Target, ...]:
    """Whether all of it was backed up, is off-site, and proven."""
    ran, status = raw["run"], raw["status"]
    found, wrong = cells(status["answer"]), red(status["answer"])
    failed = [one for one in jobs(ran["answer"]) if one.outcome != "done"]
    good = sum(cell.good for cell in found)
    words = "all green" if not wrong and status["code"] == 0 else "; ".join(wrong[:5])
    return (
        Target(
            part="copies",
            what="`backup run --copy --prove`",
            wanted="exit code 0",
            seen=f"exit code {ran['code']}, {len(failed)} jobs failed, {ran['seconds']:.0f} s"
            + (f": {why}" if (why := failure(ran["answer"])) else ""),
            met=ran["code"] == 0 and not failed,
        ),
        Target(
            part="copies",
            what="copies that are there and proven",
            wanted="every source in every repository it goes to",
            seen=f"{good} of {len(found)}",
            met=bool(found) and good == len(found),
        ),
        Target(
            part="copies",
            what="`backup status`",
            wanted="all green, exit code 0",
            seen=words or f"exit code {status['code']}",
            met=status["code"] == 0 and not wrong,
        ),
    )


def copies_section(raw: Raw) -> Iterator[str]:
    """Every job with its figures, and the grid."""
    ran = jobs(raw["run"]["answer"])
    yield from ("## Backed up, copied off-site, proven", "")
    yield f"`quorate backup run --copy --prove` took {raw['run']['seconds']:.0f} s in all."
    yield ""
    yield from _jobs_table(ran)
    rates = [
        f"{work} {rate / MIB:.1f}"
        for work in dict.fromkeys(one.work for one in ran)
        if (rate := overall_rate([one for one in ran if one.work == work]))
    ]
    if rates:
        yield f"MiB a second by work, all its jobs together: {', '.join(rates)}."
        yield ""
    yield from ("| Source | Repository | Copy | Proof | Size, MiB | Restored in, s |",
                "| --- | --- | --- | --- | ---: | ---: |")  # fmt: skip
    for cell in cells(raw["status"]["answer"]):
        took = "" if cell.restore_seconds is None else f"{cell.restore_seconds:.1f}"
        size = _mib(cell.size)
        yield (
            f"| {cell.source} | {cell.repository} | {cell.state} | {cell.proof} | {size} | {took} |"
        )
    yield ""


def _jobs_table(ran: Sequence[Job]) -> Iterator[str]:
    yield "| Job | Source | Repository | On | Seconds | Size, MiB | New, MiB | MiB/s | Peak, MiB |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for one in ran:
        work = one.work if one.outcome == "done" else f"{one.work}: **{one.error or 'failed'}**"
        rate = "" if one.rate is None else f"{one.rate / MIB:.1f}"
        yield (
            f"| {work} | {one.source} | {one.repository} | {one.server} | {one.seconds:.1f} | "
            f"{_mib(one.size)} | {_mib(one.added)} | {rate} | {_mib(one.peak)} |"
        )
    yield ""


def _mib(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / MIB:.1f}" if size >= 100 * KIB else f"{size / MIB:.3f}"
