#!/usr/bin/env bash
# The main job on the example office, on a real four-node swarm on this machine:
# check, plan, deploy, lose a worker, lose a manager, and everything is home again.
# KEEP=1 leaves the lab running at the end. FLEET names another fleet file.
set -euo pipefail
cd "$(dirname "$0")/.."

fleet=${FLEET:-examples/office/fleet.yaml}
worker=${WORKER:-hpr}
manager=${MANAGER:-gmktec}
quorate=.venv/bin/quorate
started=$SECONDS

say() { printf '\n\033[1m▌ %s\033[0m\n' "$*"; }
run() {
    printf '\033[36m$ quorate %s\033[0m\n' "$*"
    "$quorate" "$@"
}
finish() {
    local code=$?
    if [ "${KEEP:-}" != 1 ]; then
        say "Removing the lab (KEEP=1 keeps it; images stay for the next time)"
        "$quorate" lab down "$fleet" --yes || true
    fi
    [ "$code" = 0 ] || echo "demo: stopped with exit code $code after $((SECONDS - started)) s" >&2
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "1  Is the fleet file right?"
printf '\033[36m$ quorate check %s | tail -n 3\033[0m\n' "$fleet"
"$quorate" check "$fleet" | tail -n 3
say "2  Where does everything live, and why?"
run plan "$fleet"
say "3  Four servers on this machine"
run lab up "$fleet"
say "4  From the fleet file to a running swarm"
run up "$fleet" --lab --yes
healthy=$((SECONDS - started))
say "All healthy $healthy s after the start"
run status "$fleet" --lab
printf '\033[36m$ quorate lab status %s | head -n 6\033[0m\n' "$fleet"
"$quorate" lab status "$fleet" | sed -n 1,6p

say "5  $worker (a worker) loses power"
run lab power-off "$worker" "$fleet" --measure
run lab power-on "$worker" "$fleet"
run up "$fleet" --lab --yes

say "6  $manager (a manager) loses power"
run lab power-off "$manager" "$fleet" --measure
run lab power-on "$manager" "$fleet"
run up "$fleet" --lab --yes
run status "$fleet" --lab
say "Done: all healthy after $healthy s, the whole story in $((SECONDS - started)) s"
