"""Messages on their way: sent by a thread of its own, so that nothing waits for a mail server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from quorate.deploy.values import read_value
from quorate.errors import QuorateError
from quorate.fleet.base import SecretSource
from quorate.fleet.model import Fleet
from quorate.serving.parts import Message
from quorate.tools import notify

RETRY_SECONDS = (10.0, 60.0, 300.0)
"""Rests before a message that was not taken is sent again; then it is given up."""


@dataclass(frozen=True, kw_only=True)
class _Letter:
    address: str
    message: Message
    tries: int = 0


class Post:
    """Sends to every address of the fleet file. Secret values are read anew for each message."""

    def __init__(
        self,
        fleet: Fleet,
        say: Callable[[str], None],
        *,
        rests: tuple[float, ...] = RETRY_SECONDS,
    ) -> None:
        self._to: Mapping[str, SecretSource] = fleet.backup.notify.to
        self._directory = fleet.path.absolute().parent
        self._say, self._rests = say, rests
        self._troubles = dict.fromkeys(self._to, "")
        self._letters: SimpleQueue[_Letter] = SimpleQueue()
        threading.Thread(target=self._carry, name="post", daemon=True).start()

    def send(self, message: Message) -> None:
        """Take a message for every address."""
        for address in self._to:
            self._letters.put(_Letter(address=address, message=message))

    def troubles(self) -> Mapping[str, str]:
        """Each address with why its last message was not taken; empty: it was."""
        return dict(self._troubles)

    def _carry(self) -> None:
        while True:
            letter = self._letters.get()
            source = self._to[letter.address]
            try:
                deliver(letter.address, source, letter.message, self._directory)
                self._troubles[letter.address] = ""
            except QuorateError as error:
                self._failed(letter, error)

    def _failed(self, letter: _Letter, error: QuorateError) -> None:
        why = "; ".join(error.lines())
        self._troubles[letter.address] = why
        if letter.tries >= len(self._rests):
            self._say(f"given up: {letter.message.event} to {letter.address}: {why}")
            return
        self._say(f"not sent: {letter.message.event} to {letter.address}: {why}")
        again = _Letter(address=letter.address, message=letter.message, tries=letter.tries + 1)
        timer = threading.Timer(self._rests[letter.tries], self._letters.put, (again,))
        timer.daemon = True
        timer.start()


def deliver(address: str, source: SecretSource, message: Message, directory: Path) -> None:
    """Send one message to one address.

    Raises:
        CheckError: the address's URL cannot be read.
        MachineError: it is none, or the message was not taken.
    """
    value = read_value(f"of the address {address}", source, directory=directory)
    notify.send(
        address,
        value.decode(errors="replace").strip(),
        title=message.title,
        body=message.body,
        bad=message.bad,
    )
