"""What a drill needs to know of a server, and what one has left there: a script, read back. Pure.

POSIX sh, run as root where that can be had. It changes nothing. Each line it prints is a word
and what belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from quorate.drill.fault import NO_TABLE, TABLE
from quorate.drill.remote_faults import DROP_IN, LABEL_DRAINED
from quorate.drill.remote_lease import PATH, PLACE, UNIT
from quorate.lab.keeper import LABEL_DRILL

LOOK = f"""\
{PATH}LC_ALL=C; export LC_ALL
d={PLACE}
echo "user $(id -u)"
if [ -d /run/systemd/system ]; then
    echo "init systemd"
    echo "engine $(systemctl is-active docker.service 2>/dev/null)"
    echo "boot $(systemctl is-enabled docker.service 2>/dev/null)"
    echo "boot $(systemctl is-enabled docker.socket 2>/dev/null)"
    if systemctl is-active --quiet {UNIT}.timer; then echo "lease timer"; fi
fi
for program in nft docker setsid; do
    if command -v $program > /dev/null; then echo "has $program"; fi
done
if [ -e /.dockerenv ] || grep -qsE 'docker|lxc|containerd' /proc/1/cgroup; then
    echo "container yes"
fi
if [ -d $d ]; then echo "drill $(cat $d/drill 2>/dev/null)"; fi
p=$(cat $d/pid 2>/dev/null)
if [ -n "$p" ] && grep -qsF $d/lease "/proc/$p/cmdline"; then echo "lease shell"; fi
if nft list tables 2>/dev/null | grep -qxF 'table {TABLE}'; then echo "left rules"; fi
if [ -e {DROP_IN} ]; then echo "left stopped"; fi
if timeout 20 docker version > /dev/null 2>&1; then
    echo "answers yes"
    docker ps -a --filter label={LABEL_DRILL} --format 'probe {{{{.Names}}}}'
    for c in $(cat $d/paused 2>/dev/null); do
        docker inspect -f '{{{{if .State.Paused}}}}paused {{{{.Name}}}}{{{{end}}}}' "$c" 2>/dev/null
    done
    if [ "$(docker info -f '{{{{.Swarm.ControlAvailable}}}}' 2>/dev/null)" = true ]; then
        for n in $(timeout 20 docker node ls -q --filter node.label={LABEL_DRAINED}); do
            docker node inspect -f 'drained {{{{.Description.Hostname}}}}' "$n"
        done
    fi
fi
exit 0
"""

# What the undo does not know of: it was lost, or it is not the undo's to take away.
CLEAR = f"""\
{PATH}failed=0
d={PLACE}
# First, as the undo takes the record of them with it.
for c in $(cat $d/paused 2>/dev/null); do
    if [ "$(docker inspect -f '{{{{.State.Paused}}}}' "$c" 2>/dev/null)" = true ]; then
        docker unpause "$c" > /dev/null && echo "thawed a container" || failed=1
    fi
done
if [ -e $d/undo ]; then
    if sh $d/undo < /dev/null; then echo "undid its fault"; else failed=1; fi
fi
if nft list tables 2>/dev/null | grep -qxF 'table {TABLE}'; then
    nft -f - <<'END' && echo "removed packet rules" || failed=1
{NO_TABLE}END
fi
if [ -d /run/systemd/system ] && systemctl is-active --quiet {UNIT}.timer; then
    systemctl stop {UNIT}.timer && echo "stopped the timer of a lease" || failed=1
fi
if [ -e {DROP_IN} ]; then
    rm -f {DROP_IN}
    systemctl daemon-reload
    systemctl start docker.service && echo "started the engine" || failed=1
fi
for c in $(docker ps -aq --filter label={LABEL_DRILL} 2>/dev/null); do
    docker rm -f "$c" > /dev/null && echo "removed a probe" || failed=1
done
if [ "$(docker info -f '{{{{.Swarm.ControlAvailable}}}}' 2>/dev/null)" = true ]; then
    for n in $(timeout 20 docker node ls -q --filter node.label={LABEL_DRAINED}); do
        former=$(docker node inspect -f '{{{{index .Spec.Labels "{LABEL_DRAINED}"}}}}' "$n")
        [ -z "$former" ] ||
            docker node update --availability "$former" --label-rm {LABEL_DRAINED} "$n" > /dev/null
        echo "let a drained server take tasks again"
    done
fi
p=$(cat $d/pid 2>/dev/null)
if [ $failed = 0 ] && [ -n "$p" ] && grep -qsF $d/lease "/proc/$p/cmdline"; then
    kill -TERM "-$p" && echo "ended the shell of a lease"
fi
if [ -d $d ] && [ $failed = 0 ]; then
    rm -rf $d
    echo "removed what was left of a lease"
fi
exit $failed
"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A server as `LOOK` saw it.

    `drill`: whose lease is there, None where none is; `lease`: timer, shell or nothing that
    would do it. `has`: programs. `left`: what a drill left, in words; `drained`: servers of the
    swarm that one drained.
    """

    root: bool = False
    systemd: bool = False
    engine: str = ""
    at_boot: bool = False
    has: frozenset[str] = field(default_factory=frozenset)
    container: bool = False
    answers: bool = False
    drill: str | None = None
    lease: str = ""
    left: tuple[str, ...] = ()
    drained: tuple[str, ...] = ()


def read_look(text: str) -> Look:
    """What `LOOK` printed."""
    said = [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines())]

    def of(word: str) -> list[str]:
        return [rest.strip() for each, rest in said if each == word]

    def first(word: str) -> str:
        return next(iter(of(word)), "")

    return Look(
        root=first("user") == "0",
        systemd=first("init") == "systemd",
        engine=first("engine"),
        at_boot=bool({"enabled", "enabled-runtime", "alias"} & set(of("boot"))),
        has=frozenset(of("has")),
        container=bool(of("container")),
        answers=bool(of("answers")),
        drill=first("drill") if of("drill") else None,
        lease=first("lease"),
        left=tuple(_left(of("left"), of("probe"), of("paused"))),
        drained=tuple(of("drained")),
    )


def _left(left: Iterable[str], probes: Iterable[str], paused: Iterable[str]) -> Iterator[str]:
    words = {"rules": "packet rules", "stopped": "what keeps its engine stopped"}
    yield from (words.get(each, each) for each in left)
    yield from (f"the container {name}" for name in probes)
    yield from (f"the paused container {name.lstrip('/')}" for name in paused)


def leftovers(looks: dict[str, Look]) -> list[str]:
    """What drills have left on servers, in words."""
    found = []
    for server, look in looks.items():
        if look.drill is not None:
            held = f"held by a {look.lease}" if look.lease else "nobody would do it"
            found.append(f"the undo of the drill {look.drill} on {server} ({held})")
        elif look.lease:
            found.append(f"the {look.lease} of a lease on {server}")
        found += [f"{each} on {server}" for each in look.left]
        if not look.root:
            found.append(f"Quorate may not be root on {server}: what is left there is not seen")
        elif not look.answers:
            found.append(f"the engine of {server} does not answer")
    drained = sorted({name for look in looks.values() for name in look.drained})
    return found + [f"{name} is drained by a drill" for name in drained]
