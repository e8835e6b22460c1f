"""`extends`: a service completed from another one, in the same or another file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quorate.fleet.merge import merge_service
from quorate.fleet.paths import rebase_service
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems, did_you_mean
from quorate.fleet.sources import tidy

Key = tuple[str, str]
Load = Callable[[Path, Mark], Map | None]


class Extender:
    """Resolves `extends` for the services of one project; `broken` are those it could not.

    Args:
        load: reads a compose file, variables replaced; None (reported) when it cannot.
        problems: where cycles and missing targets are reported.
        directory: what relative paths in the result are relative to.
    """

    def __init__(self, load: Load, problems: Problems, directory: Path) -> None:
        self._load = load
        self._problems = problems
        self._directory = directory
        self._documents: dict[str, Map | None] = {}
        self._done: dict[Key, Map | None] = {}
        self._cycles: set[frozenset[Key]] = set()
        self.broken: set[str] = set()

    def resolve(self, path: Path, document: Map, name: str) -> Map | None:
        """The service of that name in a document, completed; None when there is none."""
        self._documents[str(path)] = document
        return self._service(path, document, name, ())

    def _service(self, path: Path, document: Map, name: str, trail: tuple[Key, ...]) -> Map | None:
        key = (str(path), name)
        if key in self._done:
            return self._done[key]
        services = document.get("services")
        service = services.get(name) if isinstance(services, Map) else None
        if not isinstance(service, Map):
            return None
        result = service
        if service.get("extends") is not None:
            result = service.copy()
            result.drop("extends")
            base = self._base(path, document, service, (*trail, key))
            if base is not None:
                result = merge_service(base, result)
            else:
                self.broken.update(one for _, one in (*trail, key))
        self._done[key] = result
        return result

    def _base(self, path: Path, document: Map, service: Map, trail: tuple[Key, ...]) -> Map | None:
        mark = service.at("extends")
        extends = service["extends"]
        file = extends.get("file") if isinstance(extends, Map) else None
        name = extends.get("service") if isinstance(extends, Map) else extends
        if not isinstance(name, str) or not isinstance(file, str | None):
            self._problems.add("Q208", mark, "`extends` takes a service, or `file` and `service`")
            return None
        target, target_document = path, document
        if file is not None:
            target = tidy(path.parent / file)
            if str(target) not in self._documents:
                self._documents[str(target)] = self._load(target, mark)
            found = self._documents[str(target)]
            if found is None:
                return None
            target_document = found
        if (str(target), name) in trail:
            self._cycle(trail, (str(target), name), mark)
            return None
        services = target_document.get("services")
        if not isinstance(services, Map) or not isinstance(services.get(name), Map):
            known = services.keys() if isinstance(services, Map) else ()
            self._problems.add(
                "Q205",
                mark,
                f"`extends` names the service `{name}`, which {target} does not have"
                + did_you_mean(name, known),
            )
            return None
        base = self._service(target, target_document, name, trail)
        if base is None or target.parent == path.parent:
            return base
        return rebase_service(base, target.parent, path.parent)

    def _cycle(self, trail: tuple[Key, ...], again: Key, mark: Mark) -> None:
        circle = trail[trail.index(again) :]
        if frozenset(circle) in self._cycles:
            return
        self._cycles.add(frozenset(circle))
        several = len({file for file, _ in circle}) > 1
        names = [f"{name} ({file})" if several else name for file, name in (*circle, again)]
        self._problems.add("Q204", mark, "`extends` goes round in a circle: " + " → ".join(names))
