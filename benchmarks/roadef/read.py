"""Read the challenge's files: `model_NAME.txt` and `assignment_NAME.txt` of a folder.

Both are whole numbers with white space between them. The model has, in this order:
resources: their number, then for each `transient weight`; machines: their number,
then for each `neighbourhood location`, R capacities, R safety capacities, M costs of
moving to each machine; services: their number, then for each `spread`, the number of
services it depends on, and those; processes: their number, then for each `service`, R
requirements, and the cost of moving it; balances: their number, then for each `first
second target weight`; last the weights of process, service and machine moves.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np

from benchmarks.roadef.problem import Balance, Ints, Problem, RoadefError

LARGEST = 10**12
"""No number may be larger: sums of them then stay far from the end of 64 bits."""

CUT_OFF = "Is the file cut off, or a count before it wrong?"
ANOTHER = "Is the file cut off, or another instance's?"

MODEL, ASSIGNMENT = "model_", "assignment_"


class _Numbers:
    """The numbers of a file, taken one group after another."""

    def __init__(self, path: Path, hint: str) -> None:
        self._path, self._hint, self._next = path, hint, 0
        try:
            self._tokens = path.read_text("ascii").split()
        except FileNotFoundError:
            raise RoadefError(f"{path}: there is no such file") from None
        except OSError as error:
            raise RoadefError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise RoadefError(f"{path}: not a text of whole numbers; is it packed?") from None
        self._values = np.array([self._value(i) for i in range(len(self._tokens))], np.int64)

    def _value(self, index: int) -> int:
        token = self._tokens[index]
        if not token.isdigit():
            shown = token if len(token) <= 20 else token[:20] + "…"
            raise self.wrong(index, f"{shown!r} is not a whole number from 0 up")
        if len(token) > 100 or int(token) > LARGEST:
            raise self.wrong(index, f"a number with {len(token)} digits; {LARGEST} is the largest")
        return int(token)

    def wrong(self, index: int, said: str) -> RoadefError:
        """An error about the number at an index, with the line it is on."""
        lines = self._path.read_text("ascii").splitlines()
        ends = np.cumsum([len(line.split()) for line in lines])
        line = int(np.searchsorted(ends, index, side="right")) + 1
        return RoadefError(f"{self._path}, line {line}: {said}")

    def take(self, rows: int, width: int, what: str) -> Ints:
        """The next `rows` × `width` numbers as an array of that shape."""
        left, asked = len(self._values) - self._next, rows * width
        if asked > left:
            raise RoadefError(
                f"{self._path}: ends too early: {asked} numbers for {what} should follow, "
                f"{left} do. {self._hint}"
            )
        start, self._next = self._next, self._next + asked
        return self._values[start : self._next].reshape(rows, width)

    def one(self, what: str) -> int:
        """The next number."""
        return int(self.take(1, 1, what)[0, 0])

    def count(self, what: str, *, least: int = 0) -> int:
        """The next number, which counts what follows."""
        found = self.one(f"the number of {what}")
        if found < least:
            raise self.wrong(self._next - 1, f"{found} {what}: at least {least} are needed")
        return found

    def below(self, values: Ints, limit: int, *, back: int, what: str) -> Ints:
        """The same values; each must be less than `limit`.

        The numbers taken last end in groups of `back` numbers, each led by one of the values.
        """
        beyond = np.flatnonzero(values >= limit)
        if len(beyond):
            index = self._next - back * (len(values) - int(beyond[0]))
            value = values[beyond[0]]
            raise self.wrong(index, f"{what} {value}, but {what}s go from 0 to {limit - 1}")
        return values

    def end(self) -> None:
        """Nothing may follow."""
        left = len(self._values) - self._next
        if left:
            raise self.wrong(self._next, f"the file should end here; numbers left: {left}")


def names(folder: Path) -> list[str]:
    """The instances of a folder, sorted.

    Raises:
        RoadefError: it is no folder, or has no model in it.
    """
    if not folder.is_dir():
        raise RoadefError(f"{folder}: there is no such folder")
    found = sorted(path.stem.removeprefix(MODEL) for path in folder.glob(f"{MODEL}*.txt"))
    if not found:
        raise RoadefError(f"{folder}: no {MODEL}NAME.txt in it")
    return found


def chosen(folder: Path, wanted: str | None) -> list[str]:
    """The instances named in `wanted` (commas between), or all of a folder.

    Raises:
        RoadefError: one of them is not there.
    """
    known = names(folder)
    if wanted is None:
        return known
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    if not asked:
        raise RoadefError(f"no instance named; {folder} has {', '.join(known)}")
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise RoadefError(f"{folder}: no instance {name}; {hint}")
    return list(dict.fromkeys(asked))


def read(folder: Path, name: str) -> Problem:
    """Read one instance.

    Raises:
        RoadefError: a file is missing, cut off, has numbers too many, or names what is not there.
    """
    numbers = _Numbers(folder / f"{MODEL}{name}.txt", CUT_OFF)
    resources = numbers.count("resources", least=1)
    kinds = numbers.take(resources, 2, f"{resources} resources")
    numbers.below(kinds[:, 0], 2, back=2, what="transient flag")
    machines = numbers.count("machines", least=1)
    width = 2 + 2 * resources + machines
    rows = numbers.take(machines, width, f"{machines} machines")
    spread, needs = _services(numbers)
    processes = numbers.count("processes", least=1)
    tasks = numbers.take(processes, 2 + resources, f"{processes} processes")
    numbers.below(tasks[:, 0], len(spread), back=2 + resources, what="service")
    balances = _balances(numbers, resources)
    weights = numbers.take(1, 3, "the weights of moves")[0]
    numbers.end()
    return Problem(
        transient=kinds[:, 0].astype(np.bool_),
        load_weight=kinds[:, 1],
        neighbourhood=rows[:, 0],
        location=rows[:, 1],
        capacity=rows[:, 2 : 2 + resources],
        safety=rows[:, 2 + resources : 2 + 2 * resources],
        machine_move=rows[:, 2 + 2 * resources :],
        spread=spread,
        needs=needs,
        service=tasks[:, 0],
        requirement=tasks[:, 1:-1],
        process_move=tasks[:, -1],
        original=assignment(folder / f"{ASSIGNMENT}{name}.txt", processes, machines),
        balances=balances,
        process_move_weight=int(weights[0]),
        service_move_weight=int(weights[1]),
        machine_move_weight=int(weights[2]),
    )


def _services(numbers: _Numbers) -> tuple[Ints, tuple[tuple[int, ...], ...]]:
    count = numbers.count("services", least=1)
    spread, needs = [], []
    for index in range(count):
        spread.append(numbers.one(f"service {index}"))
        length = numbers.count(f"services that service {index} depends on")
        targets = numbers.take(1, length, f"what service {index} depends on")[0]
        numbers.below(targets, count, back=1, what="service")
        needs.append(tuple(int(target) for target in targets))
    return np.array(spread, np.int64), tuple(needs)


def _balances(numbers: _Numbers, resources: int) -> tuple[Balance, ...]:
    found = []
    for index in range(numbers.count("balances")):
        row = numbers.take(1, 4, f"balance {index}")[0]
        numbers.below(row[:1], resources, back=4, what="resource")
        numbers.below(row[1:2], resources, back=3, what="resource")
        first, second, target, weight = (int(value) for value in row)
        found.append(Balance(first=first, second=second, target=target, weight=weight))
    return tuple(found)


def assignment(path: Path, processes: int, machines: int) -> Ints:
    """The machine of each process [P] from a file: an original assignment, or a solution.

    Raises:
        RoadefError: the file is missing, has the wrong count, or names a machine that is not there.
    """
    numbers = _Numbers(path, ANOTHER)
    found = numbers.take(1, processes, "the machine of each process")[0]
    numbers.end()
    return numbers.below(found, machines, back=1, what="machine")
