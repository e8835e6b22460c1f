"""How each source is brought back by hand, from a copy to the running service. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import Planned
from quorate.fleet.model import Engine, Fleet, Service
from quorate.recover.runbook import halts
from quorate.recover.runbook.composed import ROOT, by_hand
from quorate.recover.runbook.still import RUNNING, loose, users_of, wanted
from quorate.recover.runbook.words import block, directory, login, tag

INSIDE = "/tmp/quorate-restored"
"""Where a dump lies in the container that takes it."""
ORDER = (Kind.VOLUME, Kind.REDIS, Kind.POSTGRES, Kind.MARIADB, Kind.GITLAB)


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a source's own container is found, and of what image it is."""

    container: str
    image: str


def chapter(fleet: Fleet) -> Iterator[str]:
    """Each source that has copies, and those that no backup reaches."""
    yield "## 3. Bring the data back"
    yield ""
    yield "In this order: stop, volumes and Redis, start the databases, fill them, start the rest."
    yield "Of each part type only the lines of what is to come back, all of these before the next"
    yield "part. A manager is told what stops and starts. Data is fetched on the server where it is"
    yield "to live, as root, with the functions of step 2 typed there. SQLite files of a volume"
    yield "that were copied through SQLite lie elsewhere in what was fetched: `put` in its"
    yield "`quorate-manifest.json` says which belongs where."
    yield ""
    every = wanted(fleet)
    yield from _images([one.source for one in every if one.source.kind is Kind.IMAGES])
    data = [one for kind in ORDER for one in every if one.source.kind is kind]
    yield from halts.stopping(fleet, data)
    for one in data:
        if one.source.kind not in RUNNING:
            yield from _source(fleet, one)
    yield from halts.beginning(fleet, data)
    for one in data:
        if one.source.kind in RUNNING:
            yield from _source(fleet, one)
    yield from halts.starting(fleet, data)
    rest = [one.source.id for one in every if one.source.kind not in (*ORDER, Kind.IMAGES)]
    if rest:
        yield "### To look things up"
        yield ""
        yield "These are not put back as a whole; fetch them and read:"
        yield ""
        yield from block(f"fetch {tag(name)} {directory(name)}" for name in rest)


def _source(fleet: Fleet, one: Planned) -> Iterator[str]:
    source = one.source
    yield f"### {source.id} ({source.kind.value})"
    yield ""
    where = ", ".join(place.name for place in one.repositories) or "no repository"
    if one.unreachable:
        where = f"none: {one.unreachable}"
    users = [fleet.service(name) for name in users_of(fleet, source)]
    yield f"Copies: {where}. {_home(fleet, source, users)}"
    yield ""
    running = _running(users[0])
    place = directory(source.id)
    if one.unreachable:
        fill = partial(_filled, one=one, running=running)
        yield from by_hand(source.id, source.kind, running.container, fill)
        return
    yield from block([f"fetch {tag(source.id)} {place}", *MAKERS[source.kind](place, one, running)])


def _home(fleet: Fleet, source: Source, users: Sequence[Service]) -> str:
    servers = [fleet.server(name) for name in source.servers]
    logins = ", ".join(f"{server.name} (`{login(server)}`)" for server in servers)
    free = [one.swarm_name for one in users if loose(fleet, one)]
    if not free:
        return f"Lives on: {logins or 'any server'}."
    said = f"`docker service ps {free[0]}` on a manager says where it ran last"
    return f"Lives on one of: {logins}; {said}."


def _images(sources: Sequence[Source]) -> Iterator[str]:
    """What no registry has, before any service that needs it."""
    if not sources:
        return
    yield "### Images that no registry has"
    yield ""
    yield "First of all, each on its own server: services cannot start without. `images.json`"
    yield "beside the archives says which is which."
    yield ""
    for source in sources:
        place = directory(source.id)
        yield from block(
            [
                f"fetch {tag(source.id)} {place}    # on {', '.join(source.servers)}",
                f'for f in "$RECOVERY/restored/{place}/dump"/*.tar; do',
                '  [ -f "$f" ] && docker load --input "$f"',
                "done",
            ]
        )


def _running(service: Service) -> Running:
    name = f"{service.swarm_name}[.]"
    if service.engine is Engine.COMPOSE:
        name = f"{service.stack}[-_]{service.name}[-_]"
    return Running(
        container=f"$(docker ps -q -f 'name=^{name}' | head -n 1)",
        image=shlex.quote(service.image),
    )


def _free(volume: str) -> Iterator[str]:
    """Waits for containers that have it: they end after a manager has said so."""
    which = shlex.quote(f"volume={volume}")
    yield f'while [ -n "$(docker ps -q -f {which})" ]; do'
    yield '  echo "in use here: stop what uses it"; sleep 2; done'


def _volume(place: str, one: Planned, running: Running) -> Iterator[str]:
    (name,) = one.source.volumes
    yield from _free(name)
    if name.startswith("/"):
        yield f"V={shlex.quote(name)}"
        yield 'mkdir -p "$V"'
    else:
        yield f"docker volume create {name}"
        yield f"V=$(docker volume inspect -f '{{{{.Mountpoint}}}}' {name})"
    yield 'ls -A "$V"    # shows nothing: what is there is not overwritten'
    yield 'if [ -n "$(ls -A "$V")" ]; then echo "not empty: nothing was put there"'
    yield f'else cp -a "$RECOVERY/restored/{place}"/[0-9]*/. "$V"/; fi'


def _into(place: str, running: Running) -> Iterator[str]:
    yield f"C={running.container}"
    yield f'docker cp "$RECOVERY/restored/{place}/dump" "$C:{INSIDE}"'


def _postgres(place: str, one: Planned, running: Running) -> Iterator[str]:
    yield from _into(place, running)
    # Roles that are there already are said to be so, and keep what the script sets next.
    yield (
        f'docker exec "$C" sh -c \'psql -q -U "${{POSTGRES_USER:-postgres}}" -d template1 '
        f"-f {INSIDE}/roles.sql'"
    )
    yield (
        f'docker exec "$C" sh -c \'for d in {INSIDE}/database-*; do pg_restore '
        '-U "${POSTGRES_USER:-postgres}" -d template1 --create --clean --if-exists '
        '--no-tablespaces --exit-on-error --jobs 2 "$d" || exit 1; done\''
    )
    yield f'docker exec "$C" rm -rf {INSIDE}'


def _mariadb(place: str, one: Planned, running: Running) -> Iterator[str]:
    yield from _into(place, running)
    users = f"{INSIDE}/users.sql"
    # Views need their owners, and grants on single tables need these. root keeps its password
    # until the data is there.
    yield "# The accounts, and once more after the data. That some are there already, and tables"
    yield "# not yet, is said and no harm."
    for script in (
        f"grep -v root.@ {users} | mariadb -u root --force",
        f"mariadb -u root --max-allowed-packet=1G < {INSIDE}/dump.sql",
        f"mariadb -u root --force < {users}",
        'mariadb -u root -e "FLUSH PRIVILEGES"',
    ):
        yield f"docker exec \"$C\" sh -c '{ROOT} {script}'"
    yield f'docker exec "$C" rm -rf {INSIDE}'


def _redis(place: str, one: Planned, running: Running) -> Iterator[str]:
    yield from _filled(f'"$RECOVERY/restored/{place}/dump/dump.rdb"', one, running)


def _filled(file: str, one: Planned, running: Running) -> Iterator[str]:
    """A Redis with an append-only file does not load a dump: one without makes it from that."""
    if not one.source.volumes:
        yield "# It keeps nothing in a volume: there is no place that a dump could be put into."
        return
    yield from _free(one.source.volumes[0])
    yield (
        f"docker create --name quorate-fill -v {one.source.volumes[0]}:/data {running.image} "
        "redis-server --appendonly no"
    )
    yield f"docker cp {file} quorate-fill:/data/dump.rdb"
    yield "docker start quorate-fill && sleep 5"
    yield "docker exec quorate-fill redis-cli CONFIG SET appendonly yes"
    yield "until docker exec quorate-fill redis-cli INFO persistence |"
    yield "  grep -q 'aof_rewrite_in_progress:0'; do sleep 1; done"
    yield "docker exec quorate-fill redis-cli DBSIZE"
    yield "docker stop quorate-fill && docker rm quorate-fill"


def _gitlab(place: str, one: Planned, running: Running) -> Iterator[str]:
    from_ = f'"$RECOVERY/restored/{place}/dump'
    yield f"C={running.container}    # of the very version that made the copy"
    yield f'docker cp {from_}/secrets/." "$C:/etc/gitlab/"'
    yield 'docker exec "$C" gitlab-ctl reconfigure'
    yield f'docker cp {from_}/archive/." "$C:/var/opt/gitlab/backups/"'
    yield "docker exec \"$C\" sh -c 'chown git:git /var/opt/gitlab/backups/*_gitlab_backup.tar'"
    yield 'docker exec "$C" gitlab-ctl stop puma'
    yield 'docker exec "$C" gitlab-ctl stop sidekiq'
    yield f'B=$(basename {from_}"/archive/*_gitlab_backup.tar _gitlab_backup.tar)'
    yield 'docker exec "$C" gitlab-backup restore force=yes BACKUP="$B"'
    yield 'docker exec "$C" gitlab-ctl restart'


MAKERS: dict[Kind, Callable[[str, Planned, Running], Iterator[str]]] = {
    Kind.VOLUME: _volume,
    Kind.POSTGRES: _postgres,
    Kind.MARIADB: _mariadb,
    Kind.REDIS: _redis,
    Kind.GITLAB: _gitlab,
}
