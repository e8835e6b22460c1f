"""Shell scripts beside the configurations: passwords, installation, and the check of dumps.

No secret goes through Quorate: `passwords.sh` fetches each from where the fleet
file's `secrets:` says, or makes one up, and writes it for the servers that need
it. Passwords stand in files of mode 0600 here and 0640 there, never in an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from quorate.fleet.model import Fleet, SecretSource, Server
from quorate.stacks.bacula.direction import OPTIONS
from quorate.stacks.bacula.model import Catalogue, Layout, Roles
from quorate.stacks.bacula.say import HEAD

CLIENT_PACKAGES = ("bacula-fd",)
STORAGE_PACKAGES = ("bacula-sd",)
DIRECTOR_PACKAGES = {
    Catalogue.POSTGRESQL: ("postgresql", "bacula-director-pgsql"),
    Catalogue.SQLITE3: ("bacula-director-sqlite3",),
}

FRESH_DUMPS = (
    "#!/bin/sh\n"
    + HEAD
    + r"""# fresh-dumps HOURS DIRECTORY...
# Fails, and with it the job that calls it, where no file is younger than HOURS and not
# empty: an old dump saved again would look like a backup.
set -eu
hours=$1
shift
failed=0
for directory in "$@"; do
    if [ ! -d "$directory" ]; then
        echo "$directory is not there: nothing writes dumps to it"
        failed=1
        continue
    fi
    found=$(find "$directory" -type f -size +0c -mmin "-$((hours * 60))" -print -quit)
    if [ -z "$found" ]; then
        echo "$directory holds no dump of the last $hours hours: what writes them has failed"
        failed=1
    fi
done
exit "$failed"
"""
)

_PASSWORDS = (
    "#!/bin/sh\n"
    + HEAD
    + r"""# Passwords for the servers' directories, here: those that secrets of the fleet name, the
# others made up once and kept. Run it again after a change of either.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p passwords

fail() {
    echo "passwords.sh: $1" >&2
    exit 1
}

# store NAME: the password on standard input, written as Bacula reads it.
store() {
    value=$(cat)
    [ -n "$value" ] || fail "the password $1 is empty"
    [ "$(printf '%s' "$value" | tr -d '[:cntrl:]')" = "$value" ] ||
        fail "the password $1 holds a line break or another control character"
    printf '"%s"\n' "$(printf '%s' "$value" | sed 's/[\\"]/\\&/g')" >"passwords/.$1"
    mv "passwords/.$1" "passwords/$1"
}

# made_up NAME: one of 32 letters, where there is none.
made_up() {
    [ -s "passwords/$1" ] || head -c 24 /dev/urandom | base64 | store "$1"
}

# give NAME SERVER...
give() {
    name=$1
    shift
    for server in "$@"; do
        mkdir -p "$server/passwords"
        cp "passwords/$name" "$server/passwords/$name"
    done
}
"""
)


def passwords(fleet: Fleet, roles: Roles) -> dict[str, tuple[str, ...]]:
    """Password → the servers that must know it.

    Each is between two: the Director and a file daemon, the Director and the
    Storage daemon, the Director and its console.
    """
    return {
        "console": (roles.director,),
        "storage": tuple(dict.fromkeys((roles.director, roles.storage))),
        **{
            f"client-{server.name}": tuple(dict.fromkeys((roles.director, server.name)))
            for server in fleet.servers
        },
    }


def secret_name(password: str) -> str:
    """The name under the fleet's `secrets:` that gives a password: `bacula_client_hpr`."""
    return f"bacula_{password.replace('-', '_')}"


def password_script(fleet: Fleet, roles: Roles) -> str:
    """The text of passwords.sh."""
    lines = [_PASSWORDS]
    for name, servers in passwords(fleet, roles).items():
        source = fleet.secrets.get(secret_name(name))
        lines.append(_fetch(name, source, fleet) if source else f"made_up {quote(name)}")
        lines.append(f"give {quote(name)} {' '.join(quote(server) for server in servers)}\n")
    return "\n".join(lines)


def _fetch(name: str, source: SecretSource, fleet: Fleet) -> str:
    where = quote(fleet.path.parent.absolute().as_posix())
    if source.environment is not None:
        variable = source.environment
        get = f"value=${{{variable}:?export it, then retry}}"
    elif source.file is not None:
        file = quote(source.file.expanduser().as_posix())
        get = f"value=$(cd {where} && cat {file}) || fail {quote(f'no secret for {name}')}"
    else:
        command = " ".join(quote(word) for word in source.command or ())
        get = f"value=$(cd {where} && {command}) || fail {quote(f'no secret for {name}')}"
    return f"{get}\nprintf '%s' \"$value\" | store {quote(name)}"


def install_script(
    server: Server,
    *,
    roles: Roles,
    known: Iterable[str],
    catalogue: Catalogue,
    layout: Layout,
    dumps: bool,
) -> str:
    """The text of a server's install.sh.

    Args:
        known: the passwords it must have.
        dumps: whether its jobs look for fresh dumps.
    """
    directs, stores = server.name == roles.director, server.name == roles.storage
    daemons = ["bacula-sd"] * stores + ["bacula-fd"] + ["bacula-dir"] * directs
    packages = [*CLIENT_PACKAGES, *STORAGE_PACKAGES * stores]
    if directs:
        packages = [*packages, *DIRECTOR_PACKAGES[catalogue], "bacula-director", "bacula-console"]
    configurations = [f"{daemon}.conf" for daemon in daemons]
    configurations += ["bconsole.conf", OPTIONS] * directs
    lines = [
        "#!/bin/sh",
        HEAD.strip(),
        f"# Run it as root on {server.name}, in the directory as it was copied there.",
        "set -eu",
        'cd "$(dirname "$0")"',
        "",
        "fail() {",
        '    echo "install.sh: $1" >&2',
        "    exit 1",
        "}",
        "",
        '[ "$(id -u)" = 0 ] || fail "this needs root: sudo sh install.sh"',
        f"for name in {' '.join(quote(name) for name in known)}; do",
        '    [ -s "passwords/$name" ] || fail "no password $name: run passwords.sh, copy again"',
        "done",
        *(_archive_check(roles) if stores else ()),
        "",
        "export DEBIAN_FRONTEND=noninteractive",
        "apt-get update --quiet",
        f"apt-get install --quiet --yes --no-install-recommends {' '.join(packages)}",
        "",
        f"install -d -m 0750 -o root -g bacula {quote(layout.etc)}/passwords",
        f"install -m 0640 -o root -g bacula passwords/* {quote(layout.etc)}/passwords/",
        *(
            f"install -m 0640 -o root -g bacula {name} {quote(layout.etc)}/"
            for name in configurations
        ),
    ]
    if dumps:
        lines.append(f"install -m 0755 fresh-dumps {quote(layout.etc)}/")
    if stores:
        lines.append(f"install -d -m 0750 -o bacula -g tape {quote(roles.archive)}")
    lines += [
        f"install -d -m 0700 {quote(layout.restores)}",
        "",
        "# Nothing is restarted before all are right.",
    ]
    lines += [_tested(daemon, layout) for daemon in daemons]
    units = [UNITS[daemon] for daemon in daemons]
    lines += [
        f"systemctl enable {' '.join(units)}",
        f"systemctl restart {' '.join(units)}",
        "rm -r passwords",
        f'echo "install.sh: {server.name} is ready"',
    ]
    return "\n".join(lines) + "\n"


UNITS = {"bacula-dir": "bacula-director", "bacula-sd": "bacula-sd", "bacula-fd": "bacula-fd"}


def _archive_check(roles: Roles) -> list[str]:
    if roles.mount == "/":
        return []
    return [
        f"mountpoint -q {quote(roles.mount)} ||",
        f"    fail {quote(f'no disk is mounted on {roles.mount}: volumes would fill the system')}",
    ]


def _tested(daemon: str, layout: Layout) -> str:
    """As the user that its unit runs it as: what it may read, and the catalogue, are tested too."""
    test = f"{daemon} -t -c {quote(f'{layout.etc}/{daemon}.conf')}"
    return test if daemon == "bacula-fd" else f"runuser -u bacula -- {test}"


def steps(fleet: Fleet, roles: Roles) -> tuple[str, ...]:
    """What to type in the directory written to, in this order: the Director's server last."""
    servers = sorted(
        fleet.servers, key=lambda s: (s.name == roles.director, s.name != roles.storage)
    )
    return ("sh passwords.sh", *(_install(server) for server in servers))


def _install(server: Server) -> str:
    ssh = server.ssh
    user = f"{ssh.user}@" if ssh.user else ""
    config = f" -F {quote(ssh.config.as_posix())}" if ssh.config else ""
    host = f"[{server.address}]" if ":" in server.address else server.address
    copy = f"scp{config}{f' -P {ssh.port}' if ssh.port else ''} -pr {quote(server.name)}"
    run = f"ssh{config}{f' -p {ssh.port}' if ssh.port else ''} -t"
    return (
        f"{copy} {quote(f'{user}{host}:')} && "
        f"{run} {quote(user + server.address)} sudo sh {quote(f'{server.name}/install.sh')}"
    )


def readme(
    fleet: str, roles: Roles, todo: Iterable[str], said: Iterable[str], jobs: Iterable[str]
) -> str:
    """What the files are for, what to type, and what to know before."""
    lines = [
        f"Bacula for the fleet {fleet}, made by `quorate render --bacula`.",
        "",
        f"{roles.director} directs, {roles.storage} stores in {roles.archive}.",
        "",
        "In this directory, in this order:",
        "",
        *(f"  {number}. {step}" for number, step in enumerate(todo, start=1)),
        "",
        f"Then on {roles.director}, in `sudo bconsole`; the first run of each is a full one:",
        "",
        *(f"  run job={name} yes" for name in jobs),
        "  status director",
        "  restore            (to /var/tmp/bacula-restores, never over what is there)",
    ]
    noted = list(said)
    if noted:
        lines += ["", "To know before:", "", *(f"  - {text}" for text in noted)]
    return "\n".join(lines) + "\n"
