"""How each repository is reached with restic alone. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet
from quorate.recover.runbook.words import Paths, block, login, value

FUNCTIONS = (
    "# The id of the newest copy of a source that was restored once and found equal.",
    "proven() {",
    "  r snapshots --json --tag mark=proof,ok=yes | grep -o '\"of=[0-9a-f]*' | cut -c 5- |",
    '    sed \'s/.*/"id":"&"\\n"original":"&"/\' > "$RECOVERY/proven"',
    '  r snapshots --json --tag "source=$1" | sed \'s/{"time"/\\n&/g\' |',
    '    grep -F -f "$RECOVERY/proven" | sort | tail -n 1 |',
    "    grep -o '\"short_id\":\"[0-9a-f]*' | cut -d '\"' -f 4",
    "}",
    "# Brings that copy, of the source $1, to $RECOVERY/restored/$2.",
    "fetch() {",
    '  id=$(proven "$1")',
    '  if [ -z "$id" ]; then',
    '    echo "no proven copy of $1 here. Choose one: r snapshots --tag source=$1" >&2',
    "    return 1",
    "  fi",
    '  r restore "$id" --target "$RECOVERY/restored/$2"',
    "}",
)
"""restic's own words and a shell's: no program that bare servers lack."""


def chapter(fleet: Fleet, paths: Paths) -> Iterator[str]:
    """Each repository, those off-site last: what is near is quicker."""
    yield "## 2. Reach the copies"
    yield ""
    yield "Type one of these blocks, in the shell that you go on with: of a repository that is"
    yield "still there. Then the functions below it. Restoring changes nothing in a repository."
    yield ""
    for one in sorted(fleet.backup.repositories, key=lambda one: one.offsite):
        yield f"### Repository {one.name}"
        yield ""
        yield from _ways(fleet, one, paths)
    if not fleet.backup.repositories:
        yield "This fleet names no repository: there are no copies."
        yield ""
    yield "### Functions"
    yield ""
    yield from block(FUNCTIONS)
    yield "`r snapshots` lists all; a copy is tagged `source=NAME`. A mark with `mark=complete` or"
    yield "`mark=proof` names the copy it is of by `of=ID`. `ok=no`: that copy did not restore."
    yield ""


def _ways(fleet: Fleet, one: Repository, paths: Paths) -> Iterator[str]:
    if one.place != "local" or one.server is None:
        yield f"From any machine{' (off-site)' if one.offsite else ''}:"
        yield ""
        yield from block(_far(one, paths))
        return
    server = fleet.server(one.server)
    yield f"On {server.name} itself, as root (`{login(server)}`, then `sudo -i`):"
    yield ""
    yield from block(_variables(one, paths, one.path, 'r() { restic "$@"; }'))
    yield f"From another server, as a user who may read {one.path} there (root, as a rule):"
    yield ""
    port = f"//root@{server.address}:{server.ssh.port}/" if server.ssh.port else ""
    at = f"sftp:{port}{one.path}" if port else f"sftp:root@{server.address}:{one.path}"
    yield from block(_variables(one, paths, at, 'r() { restic "$@"; }'))


def _variables(one: Repository, paths: Paths, at: str, runs: str) -> Iterator[str]:
    yield f"export RESTIC_REPOSITORY={shlex.quote(at)}"
    password = paths.get(f"password of repository {one.name}", "")
    yield f"export RESTIC_PASSWORD_FILE={value(password)}"
    yield runs


def _far(one: Repository, paths: Paths) -> Iterator[str]:
    prefix = {"sftp": "sftp:", "s3": "s3:", "rest": "rest:"}[one.place]
    address = one.address
    runs = 'r() { restic "$@"; }'
    held = {
        name: value(paths.get(f"{name} of repository {one.name}", "")) for name in one.credentials
    }
    if one.place == "s3":
        yield f'export AWS_ACCESS_KEY_ID="$(cat {_plain(held["access_key"])})"'
        yield f'export AWS_SECRET_ACCESS_KEY="$(cat {_plain(held["secret_key"])})"'
        if one.region:
            yield f"export AWS_DEFAULT_REGION={shlex.quote(one.region)}"
    if one.place == "rest" and "password" in held:
        scheme, _, rest = address.partition("://")
        user = shlex.quote(one.user or "")
        yield f'P="$(cat {_plain(held["password"])})"'
        yield f'export RESTIC_REPOSITORY="rest:{scheme}://"{user}":$P@{rest}"'
    if "ca" in held:
        yield f"export RESTIC_CACERT={held['ca']}"
    if one.place == "sftp":
        runs = _by_ssh(one, held)
        if "identity" in held:
            yield f"chmod 600 {held['identity']}"
    lines = list(_variables(one, {**paths}, f"{prefix}{address}", runs))
    yield from lines[1:] if one.place == "rest" and "password" in held else lines


def _by_ssh(one: Repository, held: dict[str, str]) -> str:
    """What restic runs; `sftp.args` it has only from 0.16 on."""
    words = ["ssh"]
    if "identity" in held:
        words.append(f"-i {_plain(held['identity'])}")
    if "known_hosts" in held:
        words.append(f"-o UserKnownHostsFile={_plain(held['known_hosts'])}")
    if one.port:
        words.append(f"-p {one.port}")
    host = f"{one.user}@{one.host}" if one.user else one.host
    return f'r() {{ restic -o sftp.command="{" ".join(words)} {host} -s sftp" "$@"; }}'


def _plain(path: str) -> str:
    """The same inside double quotes: the directory has no blanks in its name."""
    return path.strip('"')
