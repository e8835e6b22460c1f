"""What a stand-in must listen on, and which health checks it must answer. Pure.

Read from the image's name, and from what a compose file says about the service:
its ports, its health check, its command, its router's labels.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from quorate.lab.images_debian import LIBRARY
from quorate.lab.images_names import Reference

ENVIRONMENT = "STANDIN_PORTS"
ENTRY = f"{LIBRARY}/standin-entry.sh"
PROBE = f"{LIBRARY}/standin-probe.sh"
# Tags that every stand-in's repository has beside the fleet's own, for trying
# what happens when a new version is bad.
MODES = {"broken": "broken", "unhealthy": "unhealthy"}

# Ports the images listen on by themselves; the last part of the path decides.
KNOWN_PORTS: dict[str, tuple[str, ...]] = {
    "adminer": ("8080",),
    "appwrite": ("80",),
    "browser": ("3000",),
    "cadvisor": ("8080",),
    "clamd": ("3310",),
    "console": ("80",),
    "consul": ("8500",),
    "dovecot": ("110", "143", "993", "995", "4190"),
    "elasticsearch": ("9200", "9300"),
    "etcd": ("2379", "2380"),
    "executor": ("80",),
    "gitlab-ce": ("22", "80", "443"),
    "gitlab-ee": ("22", "80", "443"),
    "gitlab-runner": ("9252",),
    "grafana": ("3000",),
    "httpd": ("80",),
    "influxdb": ("8086",),
    "kafka": ("9092",),
    "keycloak": ("8080", "9000"),
    "loki": ("3100",),
    "minio": ("9000", "9001"),
    "mongo": ("27017",),
    "nats": ("4222", "8222"),
    "nextcloud": ("80",),
    "oauth2-proxy": ("4180",),
    "phpfpm": ("9000",),
    "pgadmin4": ("80",),
    "portainer-ce": ("8000", "9000", "9443"),
    "portainer-ee": ("8000", "9000", "9443"),
    "postfix": ("25", "465", "587"),
    "promtail": ("9080",),
    "rabbitmq": ("5672", "15672"),
    "rspamd": ("11332", "11334"),
    "sogo": ("20000",),
    "traefik": ("80", "443", "8080"),
    "unbound": ("53", "53/udp"),
    "uptime-kuma": ("3001",),
    "vault": ("8200",),
    "whoami": ("80",),
    "wordpress": ("80",),
}

# Programs of health checks that are in every image of the lab and work against
# a stand-in as they would against the real thing.
_REAL_PROGRAMS = """
[ bash cat curl echo egrep exec exit expr false grep head kill nc netcat openssl pg_isready
pgrep pidof printf ps read redis-cli sed set sh sleep tail test timeout tr true wc wget
/bin/sh /bin/bash /usr/bin/curl /usr/bin/wget /bin/grep ! { ( if then fi for do done
"""
REAL_PROGRAMS = frozenset(_REAL_PROGRAMS.split())
# Words of a shell after which another command begins.
_PREFIXES = frozenset(("exec", "if", "then", "do", "!", "{", "("))
_LOCAL = r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|\$\{?HOSTNAME\}?|\$\(hostname[^)]*\))"
_ADDRESS = re.compile(rf"(?:(https?)://)?{_LOCAL}(?:[:/ ](\d{{2,5}}))?")
_FLAG = re.compile(
    r"(?:address|listen|port|bind|addr)[\w.-]*(?:[= ])(?:[\w.\[\]:]*:)?(\d{2,5})(?![\d.])", re.I
)
_ROUTED = re.compile(r"loadbalancer\.server\.port=?$")


def ports(reference: Reference, service: Mapping[str, Any]) -> tuple[str, ...]:
    """The ports to listen on, in order, each `8080` or `53/udp`.

    Args:
        service: the compose service, in either form of its keys.
    """
    found = set(KNOWN_PORTS.get(reference.path.rpartition("/")[2], ()))
    found |= {_one_port(item) for item in service.get("ports") or ()}
    found |= {str(item) for item in service.get("expose") or ()}
    found |= set(_in_check(health_words(service)))
    found |= set(_FLAG.findall(" ".join(_words(service.get("command")))))
    found |= set(_in_labels(service.get("labels")))
    found |= set(_in_labels((service.get("deploy") or {}).get("labels")))
    good = {entry for port in found for entry in _expand(port)}
    return tuple(sorted(good, key=lambda entry: (int(entry.partition("/")[0]), entry)))


def shims(services: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Paths at which health checks expect a program that only the real image has."""
    names = {name for service in services for name in _programs(service)}
    missing = names - REAL_PROGRAMS
    return tuple(sorted(n if n.startswith("/") else f"/usr/local/bin/{n}" for n in missing))


def health_words(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The health check's test as words, its kind (CMD, CMD-SHELL) first; empty without one."""
    check = service.get("healthcheck") or {}
    test = check.get("test") if not check.get("disable") else None
    if isinstance(test, str):
        return ("CMD-SHELL", test)
    return tuple(str(word) for word in test or ())


def _programs(service: Mapping[str, Any]) -> set[str]:
    kind, *words = health_words(service) or ("NONE",)
    if kind == "CMD" and words:
        if PurePosixPath(words[0]).name in ("sh", "bash") and "-c" in words[:-1]:
            return _shell_programs(words[words.index("-c") + 1])
        return {words[0]}
    return _shell_programs(" ".join(words)) if kind == "CMD-SHELL" else set()


def _shell_programs(script: str) -> set[str]:
    """The first word of every command of a shell script, roughly: quotes are respected."""
    lexer = shlex.shlex(script.replace("\n", ";"), posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    out: set[str] = set()
    first = True
    try:
        for word in lexer:
            if set(word) <= set(";&|"):
                first = True
            elif first and re.fullmatch(r"[\w./+-]+|\[", word) and "=" not in word:
                if not word.isdigit():  # of a redirection: `exec 3<>/dev/tcp/…`
                    out.add(word)
                first = word in _PREFIXES
            elif "=" not in word:
                first = False
    except ValueError:  # an open quote: the shell will say so itself
        return out
    return out


def _one_port(item: Any) -> str:
    """The container's side of a `ports` entry."""
    if isinstance(item, Mapping):
        protocol = str(item.get("protocol") or "tcp")
        return f"{item.get('target')}" + ("/udp" if protocol == "udp" else "")
    return str(item).rpartition(":")[2]


def _in_check(words: Sequence[str]) -> list[str]:
    found = []
    for scheme, port in _ADDRESS.findall(" ".join(words)):
        default = {"http": "80", "https": "443"}.get(scheme, "")
        found.append(port or default)
    return found


def _in_labels(labels: Any) -> list[str]:
    pairs = dict(labels) if isinstance(labels, Mapping) else {}
    if isinstance(labels, list):
        pairs = dict(str(item).partition("=")[::2] for item in labels)
    return [str(value) for name, value in pairs.items() if _ROUTED.search(str(name))]


def _expand(port: str) -> list[str]:
    """`8080-8082/tcp` as single ports; nothing for what is no port."""
    span, _, protocol = port.partition("/")
    first, _, last = span.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        return []
    numbers = range(int(first), int(last or first) + 1)
    suffix = "/udp" if protocol == "udp" else ""
    return [f"{number}{suffix}" for number in numbers if 0 < number < 65536]


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(word) for word in value or ()]
