"""The script that asks a server about its hardware and what runs on it; POSIX sh.

Prints `@section` lines, each followed by what a program said; a program that is
missing leaves its section empty. Only reads, but for the speed test, which keeps
one thread busy for about a second.
"""

from __future__ import annotations

from quorate.fleet.imports.hardware import SPEED_MEBIBYTES

SPEED_ROUNDS = 3

SCRIPT = r"""
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
section() { echo "@$1"; }
section hostname; hostname
section kernel; uname -srm
section os; cat /etc/os-release 2>/dev/null
section nproc; nproc
section cpuinfo; grep -E '^(model name|Model|Hardware)' /proc/cpuinfo | sort | uniq -c
section load; cat /proc/loadavg
section meminfo; head -n 4 /proc/meminfo
section uptime; cat /proc/uptime
section lsblk; lsblk -b -P -o NAME,TYPE,SIZE,ROTA,MOUNTPOINT,PKNAME,TRAN 2>/dev/null ||
  lsblk -b -P -o NAME,TYPE,SIZE,ROTA,MOUNTPOINT 2>/dev/null
section df; df -Pk 2>/dev/null
ask() { timeout 10 docker "$@" 2>/dev/null; }
section docker; ask version --format '{{.Server.Version}}'
section swarm; ask info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}'
section containers
ask ps --format '{{.ID}} {{.Names}} {{.Label "com.docker.swarm.service.name"}}'
section listening; ss -H -lntup 2>/dev/null
section processes; ps -eo pid=,ppid=,rss=,comm= 2>/dev/null
section cgroups; for f in /proc/[0-9]*/cgroup; do
  p=${f#/proc/}; p=${p%/cgroup}
  grep -qsE 'docker|containerd|kubepods|libpod' "$f" && echo "$p"
done
section speed
i=0
while [ $i -lt ROUNDS ]; do
  a=$(date +%s%N)
  head -c MEBIBYTESm /dev/zero | timeout 5 md5sum >/dev/null && b=$(date +%s%N) && echo "$a $b"
  i=$((i+1))
done
section end
""".replace("ROUNDS", str(SPEED_ROUNDS)).replace("MEBIBYTESm", f"{SPEED_MEBIBYTES}M")
