"""The undo of a drill, held on a server itself: shell scripts that arm it and do it. Pure.

All of a lease is in one directory that only root may read and that a reboot empties: the undo,
what makes it happen in time, the drill's name. The same scripts hold the lease of a power cut
on this machine, in a directory of its own. POSIX sh, run by `site.Site`.
"""

from __future__ import annotations

from math import ceil
from shlex import quote

PLACE = "/run/quorate-drill"
UNIT = "quorate-drill-undo"
HELD, UNARMED = 75, 76
"""Exit codes: another drill's lease is there; the lease does not run."""

TIMER, SHELL = "timer", "shell"
"""Who holds a lease: a timer of systemd, or where that is not the init a detached shell."""

PATH = "PATH=$PATH:/usr/sbin:/sbin\n"

# Undone even where the first tries fail, the engine being on its way down, say.
LEASE = """\
d=@PLACE@
if [ $# -gt 0 ]; then echo $$ > "$d/pid"; sleep "$1"; fi
n=0
while [ -e "$d/undo" ]; do
    sh "$d/undo" lease && exit 0
    n=$((n+1)); [ $n -lt 60 ] || exit 1
    sleep 2
done
"""

# The directory goes last: as long as it is there, something may be left.
ENDING = """\
[ $failed = 0 ] || exit 1
d=@PLACE@
if [ "${1:-}" != lease ]; then
    if [ -d /run/systemd/system ]; then systemctl stop @UNIT@.timer 2>/dev/null || :; fi
    p=$(cat "$d/pid" 2>/dev/null || :)
    if [ -n "$p" ] && grep -qsF "$d/lease" "/proc/$p/cmdline"; then kill -TERM "-$p"; fi
fi
rm -rf "$d"
"""

ARMING = """\
set -eu
umask 077
d=@PLACE@
if ! mkdir "$d" 2>/dev/null; then
    echo "the drill $(cat "$d/drill" 2>/dev/null || echo '?') is under way" >&2
    exit @HELD@
fi
trap 'rm -rf "$d"' EXIT
echo @DRILL@ > "$d/drill"
cat > "$d/undo" <<'QUORATE-UNDO'
@UNDO@QUORATE-UNDO
cat > "$d/lease" <<'QUORATE-LEASE'
@LEASE@QUORATE-LEASE
chmod 0700 "$d/undo" "$d/lease"
"""

BY_TIMER = """\
if [ -d /run/systemd/system ]; then
    systemctl reset-failed @UNIT@.service 2>/dev/null || :
    systemd-run --quiet --collect --unit=@UNIT@ --on-active=@SECONDS@ \\
        --timer-property=AccuracySec=100ms /bin/sh "$d/lease"
    systemctl is-active --quiet @UNIT@.timer ||
        { echo "@UNIT@.timer is not active" >&2; exit @UNARMED@; }
    trap - EXIT
    echo timer
    exit 0
fi
"""

BY_SHELL = """\
setsid sh "$d/lease" @SECONDS@ < /dev/null > "$d/said" 2>&1 &
n=0
until [ -s "$d/pid" ] && kill -0 "$(cat "$d/pid")"; do
    n=$((n+1))
    [ $n -lt 50 ] || { echo "the shell that holds the undo does not start" >&2; exit @UNARMED@; }
    sleep 0.1
done
trap - EXIT
echo shell
"""


def undo_script(steps: str, *, place: str = PLACE) -> str:
    """What undoes a fault and then lets its lease go; doing it twice changes nothing.

    `steps`: commands that set `failed=1` where one of them does not succeed.
    """
    head = f"#!/bin/sh\n# Undoes a drill of Quorate.\n{PATH}failed=0\n"
    return head + steps + _filled(ENDING, place)


def arm_script(
    drill: str, undo: str, *, lease: float, place: str = PLACE, timer: bool = True
) -> str:
    """Write the undo, start what does it after `lease` seconds, and check that it runs.

    Prints `timer` or `shell`, as the lease is held. Ends with HELD where another drill's lease
    is there; with anything else but 0 nothing is left of it. `timer`: systemd may hold it.
    """
    text = PATH + _filled(ARMING + (BY_TIMER if timer else "") + BY_SHELL, place)
    text = text.replace("@SECONDS@", str(ceil(lease))).replace("@DRILL@", quote(drill))
    return text.replace("@LEASE@", _filled(LEASE, place)).replace("@UNDO@", undo)


def begin_script(steps: str, *, place: str = PLACE) -> str:
    """Make a fault, if its undo is there."""
    armed = f"[ -e {quote(place)}/undo ]"
    missing = f'{{ echo "the undo is not armed" >&2; exit {UNARMED}; }}'
    return f"{PATH}set -eu\n{armed} || {missing}\n{steps}"


def undoing_script(*, place: str = PLACE) -> str:
    """Do the undo now, if there is one; prints `undone` then."""
    undo = f"{quote(place)}/undo"
    return f"{PATH}if [ -e {undo} ]; then sh {undo} < /dev/null && echo undone; fi\n"


def holder_script(*, place: str = PLACE) -> str:
    """Print the name of the drill whose lease is there."""
    return f"cat {quote(place)}/drill 2>/dev/null || :\n"


def _filled(text: str, place: str) -> str:
    words = {"@PLACE@": quote(place), "@UNIT@": UNIT, "@HELD@": str(HELD)}
    for word, value in {**words, "@UNARMED@": str(UNARMED)}.items():
        text = text.replace(word, value)
    return text
