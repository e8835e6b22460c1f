"""A server that is not there: programs that keep its state in files, on PATH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from quorate.drill.remote_faults import DROP_IN
from quorate.drill.remote_lease import PLACE

SYSTEMD = "/run/systemd/system"
"""There where systemd is the init (sd_booted(3)); with the stand-ins, where a test makes it."""

DOCKER = """\
#!/bin/sh
echo "docker $*" >> "$S/said"
[ -e "$S/engine" ] || exit 1
case "$1 $2" in
"image inspect") [ "$3" = there:1 ] ;;
"pull -q") echo "no such image" >&2; exit 1 ;;
"info -f") echo true ;;
"node ls") [ ! -s "$S/label" ] || echo n1 ;;
"ps -q") cat "$S/running" ;;
"pause "*) touch "$S/$2.paused" ;;
"unpause "*) rm "$S/$2.paused" ;;
"inspect -f") if [ -e "$S/$4.paused" ]; then echo true; else echo false; fi ;;
"node inspect")
    case "$4" in
    drained*) echo "drained w" ;;
    *Labels*) cat "$S/label" ;;
    *) cat "$S/availability" ;;
    esac ;;
"node update")
    for word in "$@"; do
        case "$word" in quorate.drill.availability=*) echo "${word#*=}" > "$S/label" ;; esac
    done
    case "$*" in *--label-rm*)
        if [ -e "$S/beside" ]; then cp "$S/label" "$S/availability"; : > "$S/label"; fi
        [ -s "$S/label" ] || { echo "key doesn't exist in node's labels" >&2; exit 1; }
        [ ! -e "$S/stubborn" ] || { echo "update out of sequence" >&2; exit 1; }
        : > "$S/label" ;;
    esac
    while [ "$1" != --availability ]; do shift; done
    echo "$2" > "$S/availability" ;;
esac
"""

SYSTEMCTL = """\
#!/bin/sh
echo "systemctl $*" >> "$S/said"
case "$*" in
"is-active --quiet docker.socket") [ -e "$S/engine" ] ;;
"is-active docker.service") if [ -e "$S/engine" ]; then echo active; else echo inactive; fi ;;
"is-enabled docker.service") echo enabled ;;
"is-active --quiet quorate-drill-undo.timer") [ -e "$S/timer" ] ;;
"stop quorate-drill-undo.timer") kill -TERM "-$(cat "$S/timer")"; rm "$S/timer" ;;
"stop --no-block docker.socket docker.service") rm "$S/engine" ;;
"start docker.service") [ ! -e "$S/drop-in" ] || exit 1; touch "$S/engine" ;;
"show -p MainPID docker.service") echo "MainPID=$(cat "$S/pid")" ;;
esac
"""

SYSTEMD_RUN = """\
#!/bin/sh
for word; do
    case "$word" in --on-active=*) seconds=${word#*=} ;; esac
    script=$word
done
setsid sh -c 'echo $$ > "$S/timer"; sleep "$1"; rm "$S/timer"; exec sh "$2"' \\
    timer "$seconds" "$script" < /dev/null > /dev/null 2>&1 &
until [ -s "$S/timer" ]; do sleep 0.05; done
"""

NFT = """\
#!/bin/sh
if [ "$1" = list ]; then
    [ ! -e "$S/rules" ] || echo "table inet quorate_drill"
    exit 0
fi
text=$(cat)
case "$text" in *"drop"*) echo "$text" > "$S/rules" ;; *) rm -f "$S/rules" ;; esac
"""


def write_programs(place: Path) -> None:
    """The stand-ins, into a directory for PATH; their state is in `$S`."""
    texts = {"docker": DOCKER, "systemctl": SYSTEMCTL, "systemd-run": SYSTEMD_RUN, "nft": NFT}
    for name, text in texts.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)


@dataclass(frozen=True)
class Machine:
    """Where the stand-ins keep their state, and a lease its own."""

    state: Path
    environment: Mapping[str, str]

    @property
    def place(self) -> Path:
        return self.state / "lease dir"

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script as a server would, in a place of its own."""
        script = script.replace(PLACE, f'"{self.place}"' if PLACE in script else PLACE)
        script = script.replace(DROP_IN, str(self.state / "drop-in"))
        script = script.replace(SYSTEMD, str(self.state / "systemd"))
        return subprocess.run(
            ["sh", "-s"],
            input=script,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def has(self, name: str) -> bool:
        return (self.state / name).exists()

    def text(self, name: str) -> str:
        return (self.state / name).read_text().strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A server with an engine, two containers of a service, and nobody drained."""
    programs, state = tmp_path / "programs", tmp_path / "state"
    for each in (programs, state):
        each.mkdir()
    write_programs(programs)
    (state / "engine").touch()
    (state / "running").write_text("c1\nc2\n")
    (state / "availability").write_text("pause\n")
    (state / "label").touch()
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "S": str(state)}
    return Machine(state, environment)
