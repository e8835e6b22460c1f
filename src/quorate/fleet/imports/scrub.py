"""Takes secrets out of what engines said, and puts variables in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from quorate.fleet.imports.model import FILL_IN
from quorate.fleet.imports.secrets import MASK, Piece, arguments, pieces, text_pieces
from quorate.fleet.imports.values import Value

STRONG = 8
_NOT_VARIABLE = re.compile(r"[^A-Z0-9]+")


class Scrubber:
    """Remembers every secret it met, under the variable that stands for it."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._variables: dict[str, str] = {}
        self._taken: set[str] = set()

    def again(self) -> None:
        """Forget the list, keep the secrets: a second look finds them in texts seen before."""
        self.values.clear()
        self._taken = set(self._variables.values())

    @property
    def known(self) -> tuple[str, ...]:
        """Secret values long and odd enough to be looked for in any text, longest first."""
        return tuple(sorted(self._variables, key=len, reverse=True))

    def text(self, subject: str, name: str, value: str) -> str:
        """The value of a named thing as a compose file takes it."""
        return self._joined(subject, name, pieces(name, value))

    def words(self, subject: str, name: str, items: Iterable[str]) -> list[str]:
        """The arguments of a command likewise."""
        return [self._joined(subject, name, found) for found in arguments(list(items))]

    def mapping(self, subject: str, name: str, values: Mapping[str, str]) -> dict[str, str]:
        """Every value of a mapping likewise."""
        return {key: self.text(subject, f"{name} {key}", value) for key, value in values.items()}

    def plain(self, value: str) -> str:
        """Anything else that goes into a file: known and telling secrets masked, `$` escaped."""
        found = [piece for part in text_pieces(value) for piece in self._spread(part)]
        return "".join(FILL_IN if p.secret else p.text.replace("$", "$$") for p in found)

    def masked(self, value: str) -> str:
        """A text for people, known secrets masked."""
        for secret in self.known:
            value = value.replace(secret, MASK)
        return "".join(MASK if piece.secret else piece.text for piece in text_pieces(value))

    def gate(self, value: str) -> tuple[str, bool]:
        """The last look at a whole file: no known secret may be in it; whether one was."""
        clean = value
        for secret in self.known:
            clean = clean.replace(secret, FILL_IN)
        return clean, clean != value

    def _joined(self, subject: str, name: str, found: list[Piece]) -> str:
        spread = [piece for part in found for piece in self._spread(part)]
        return "".join(
            f"${{{self._variable(subject, name, piece.text)}:?}}"
            if piece.secret
            else piece.text.replace("$", "$$")
            for piece in spread
        )

    def _spread(self, piece: Piece) -> list[Piece]:
        """A harmless piece, cut where a secret met elsewhere is inside it."""
        if piece.secret:
            return [piece]
        for secret in self.known:
            if secret in piece.text:
                before, _, after = piece.text.partition(secret)
                return [
                    *self._spread(Piece(before, False)),
                    Piece(secret, True),
                    *self._spread(Piece(after, False)),
                ]
        return [piece]

    def _variable(self, subject: str, name: str, secret: str) -> str:
        """The variable for a secret: one for each value that cannot be there twice by chance."""
        known = self._variables.get(secret)
        if known is None:
            known = self._named(subject, name.rpartition(" ")[2])
            if strong(secret):
                self._variables[secret] = known
        self.values.append(
            Value(name=known, required=True, stack=subject, why=f"{name}, not taken")
        )
        return known

    def _named(self, subject: str, name: str) -> str:
        base = _NOT_VARIABLE.sub("_", f"{subject}_{name}".upper()).strip("_")
        base = base if base[:1].isalpha() else f"V_{base}"
        unique, count = base, 2
        while unique in self._taken:
            unique, count = f"{base}_{count}", count + 1
        self._taken.add(unique)
        return unique


def strong(secret: str) -> bool:
    """Whether a value is found in other texts only where it is the secret itself."""
    if len(secret) < STRONG:
        return False
    kinds = sum(bool(re.search(kind, secret)) for kind in ("[a-z]", "[A-Z]", "[0-9]", r"[^\w]"))
    return kinds >= 2 or len(secret) >= 20


def tree(value: Any, scrub: Scrubber) -> Any:
    """Every text of a tree through `Scrubber.plain`; keys and other values as they are."""
    if isinstance(value, Mapping):
        return {str(key): tree(item, scrub) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tree(item, scrub) for item in value]
    return scrub.plain(value) if isinstance(value, str) else value
