"""Ask the resolver of a server's containers for names, and read what it says.

From inside a running task, by whatever it has to ask with; where none in a network has a
shell, from a container beside it: a short-lived one in the same network namespace, of an
image that is on the server already and was seen to have what it takes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from quorate.fleet.observed import ObservedContainer
from quorate.observe.deep_model import Answers
from quorate.observe.deep_names import Question
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

HELPER_LABEL = "quorate.helper"
HELPER_MEMORY = 64 * 1024**2
HELPER_SECONDS = 40

ASK = r"""
if getent ahostsv4 127.0.0.1 > /dev/null 2>&1; then tool=getent
elif command -v nslookup > /dev/null 2>&1; then tool=nslookup
elif python3 -c pass > /dev/null 2>&1; then tool=python3
else exit 9; fi
limit=; if timeout 3 true > /dev/null 2>&1; then limit='timeout 3'; fi
program='import socket, sys; print(*socket.gethostbyname_ex(sys.argv[1])[2], sep="\n")'
until=$(($(date +%s) + 20))
for name in "$@"; do
  [ "$(date +%s)" -le "$until" ] || exit 0
  echo "? $name"
  case $tool in
  getent) $limit getent ahostsv4 "$name" ;;
  nslookup) $limit nslookup "$name" 127.0.0.11 ;;
  python3) $limit python3 -I -S -c "$program" "$name" ;;
  esac 2> /dev/null
  echo "."
done
"""
"""What a container's shell runs: ask its resolver for each name, for about 20 s at most."""

ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


class Asker:
    """The questions to one server: each network through one of its containers."""

    def __init__(self, server: str, client: DockerClient, asked: tuple[Question, ...]) -> None:
        self.client = client
        self.questions = [question for question in asked if question.server == server]
        self.known: dict[str, Answers | None] = {}
        self.images: list[str] = []

    def go(self, networks: Mapping[str, str]) -> tuple[tuple[Answers, ...], list[str]]:
        """The answers, and why some are missing."""
        open_yet = [question for question in self.questions if not self._inside(question)]
        mute = sorted(networks[q.network] for q in open_yet if not self._beside(q))
        why = []
        if mute:
            why.append(
                f"no container there in {', '.join(mute)} "
                "has a shell with getent, nslookup or python3"
            )
        answers = tuple(answers for answers in self.known.values() if answers is not None)
        late = sum(len(self._names_for(a.networks) - a.found.keys()) for a in answers)
        if late:
            why.append(f"{late} names were not answered in time")
        return answers, why

    def _inside(self, question: Question) -> bool:
        """Ask inside the first container that can; whether one could."""
        for item in question.containers:
            if item.id not in self.known:
                self.known[item.id] = self._ask(item)
                if self.known[item.id] is not None:
                    self.images.append(item.image)
            if self.known[item.id] is not None:
                return True
        return False

    def _beside(self, question: Question) -> bool:
        """Ask beside the first container, from an image that could elsewhere on this server."""
        item = question.containers[0]
        if self.images and self.known[item.id] is None:
            self.known[item.id] = self._answers(item, self._run_beside(item, self.images[0]))
        return self.known[item.id] is not None

    def _names_for(self, networks: Iterable[str]) -> set[str]:
        inside = set(networks)
        return {name for q in self.questions if q.network in inside for name in q.names}

    def _arguments(self, item: ObservedContainer) -> list[str]:
        return ["-c", ASK, "sh", *sorted(self._names_for(item.networks))]

    def _ask(self, item: ObservedContainer) -> Answers | None:
        api = self.client.api
        try:
            made = api.exec_create(
                item.id, ["sh", *self._arguments(item)], stdout=True, stderr=False
            )
            said = api.exec_start(made["Id"])
        except docker.engine_errors():
            return None
        return self._answers(item, said if isinstance(said, bytes) else b"")

    def _run_beside(self, item: ObservedContainer, image: str) -> bytes:
        """What a short-lived container in the network namespace of another prints."""
        api = self.client.api
        host = api.create_host_config(
            network_mode=f"container:{item.id}",
            mem_limit=HELPER_MEMORY,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        try:
            made = api.create_container(
                image,
                self._arguments(item),
                entrypoint=["sh"],
                labels={HELPER_LABEL: "status"},
                host_config=host,
            )
        except docker.engine_errors():
            return b""
        try:
            api.start(made["Id"])
            api.wait(made["Id"], timeout=HELPER_SECONDS)
            said = api.logs(made["Id"], stdout=True, stderr=False)
        except docker.engine_errors():
            return b""
        finally:
            with contextlib.suppress(*docker.engine_errors()):
                # With the volumes the image made for it: nobody else has them.
                api.remove_container(made["Id"], v=True, force=True)
        return said if isinstance(said, bytes) else b""

    @staticmethod
    def _answers(item: ObservedContainer, said: bytes) -> Answers | None:
        found = parse_answers(said.decode(errors="replace"))
        if not found:
            return None
        return Answers(
            server=item.server,
            container=item.name,
            networks=frozenset(item.networks),
            found=found,
        )


def parse_answers(text: str) -> Mapping[str, tuple[str, ...]]:
    """Name → addresses, from what the container's shell printed; names cut short left out."""
    found: dict[str, tuple[str, ...]] = {}
    for block in text.split("? ")[1:]:
        lines = block.splitlines()
        if "." in lines:
            found[lines[0]] = tuple(sorted(_addresses(lines[1 : lines.index(".")])))
    return found


def _addresses(lines: list[str]) -> set[str]:
    """Those of the name; `nslookup` first tells which resolver it asks."""
    begin = next((n for n, line in enumerate(lines) if line.startswith("Name:")), None)
    if begin is None and any(line.startswith("Server:") for line in lines):
        return set()
    return {address for line in lines[begin or 0 :] for address in ADDRESS.findall(line)}
