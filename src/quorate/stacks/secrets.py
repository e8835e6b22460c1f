"""Secrets and configs: what a stack needs, where it comes from, and its name once deployed.

Swarm's secrets and configs cannot change, so a new value gets a new, versioned
name. A rendered document carries the plain name; `bind` fills in the versioned one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from quorate.fleet.model import SecretSource, StackFiles
from quorate.stacks import shapes
from quorate.stacks.model import ConfigSource

Source = TypeVar("Source", SecretSource, ConfigSource)


@dataclass(frozen=True, kw_only=True)
class Files(Generic[Source]):
    """A top-level `secrets` or `configs` section.

    `plain` maps each name of the section to its plain name, `sources` each
    plain name to where the value comes from.
    """

    section: dict[str, dict[str, Any]] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)


def references(raw: Any) -> list[str | dict[str, Any]]:
    """A service's `secrets` or `configs`: the name alone, or the long form with proper types."""
    out: list[str | dict[str, Any]] = []
    for entry in raw or []:
        if not isinstance(entry, Mapping):
            out.append(shapes.text(entry))
            continue
        long: dict[str, Any] = {
            key: str(entry[key])
            for key in ("source", "target", "uid", "gid")
            if entry.get(key) is not None
        }
        if entry.get("mode") is not None:
            long["mode"] = shapes.integer(entry["mode"])
        out.append(long["source"] if set(long) == {"source"} else long)
    return out


def source_of(reference: str | Mapping[str, Any]) -> str:
    """The top-level name that a service's reference points to."""
    return reference if isinstance(reference, str) else str(reference["source"])


def secrets_section(
    used: Iterable[str], files: StackFiles, known: Mapping[str, SecretSource]
) -> Files[SecretSource]:
    """The secrets a stack uses.

    The fleet file's `secrets` come first; a `file:` or `environment:` of the
    compose file is the source otherwise, under the name `stack_name`. An
    external one that the fleet file does not name is left to its owner.
    """
    out: Files[SecretSource] = Files()
    for key in sorted(set(used)):
        spec = files.secrets.get(key) or {}
        name = _external_name(key, spec)
        plain = name or key
        if plain not in known and name is None:
            source = _secret_source(spec, files.directory)
            if source is not None:
                plain = str(spec.get("name") or f"{files.stack}_{key}")
                out.sources[plain] = source
        elif plain in known:
            out.sources[plain] = known[plain]
        if plain in out.sources:
            out.plain[key] = plain
        out.section[key] = {"external": True, "name": plain}
    return out


def configs_section(used: Iterable[str], files: StackFiles) -> Files[ConfigSource]:
    """The configs a stack uses, each from its `file`, `content` or `environment`."""
    out: Files[ConfigSource] = Files()
    for key in sorted(set(used)):
        spec = files.configs.get(key) or {}
        plain = _external_name(key, spec)
        if plain is None:
            plain = str(spec.get("name") or f"{files.stack}_{key}")
            out.sources[plain] = _config_source(spec, files.directory)
            out.plain[key] = plain
        out.section[key] = {"external": True, "name": plain}
    return out


def _external_name(key: str, spec: Mapping[str, Any]) -> str | None:
    if not shapes.external(spec):
        return None
    external = spec["external"]
    inner = external.get("name") if isinstance(external, Mapping) else None
    return str(inner or spec.get("name") or key)


def _path(directory: Path, file: str) -> Path:
    """The file, from the compose file's directory; one in a home directory stays as it is."""
    return Path(file) if file.startswith("~") else directory / file


def _secret_source(spec: Mapping[str, Any], directory: Path) -> SecretSource | None:
    if spec.get("file"):
        return SecretSource(file=_path(directory, str(spec["file"])))
    if spec.get("environment"):
        return SecretSource(environment=str(spec["environment"]))
    return None


def _config_source(spec: Mapping[str, Any], directory: Path) -> ConfigSource:
    template = str(spec["template_driver"]) if spec.get("template_driver") else None
    if spec.get("file"):
        return ConfigSource(file=_path(directory, str(spec["file"])), template_driver=template)
    if spec.get("environment"):
        return ConfigSource(environment=str(spec["environment"]), template_driver=template)
    return ConfigSource(content=str(spec.get("content") or ""), template_driver=template)


def bind(
    document: Mapping[str, Any],
    names: Mapping[str, str],
    configs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A copy of the document with each plain `name:` replaced by the deployed one.

    Args:
        names: plain secret name → versioned name; names without an entry stay.
        configs: the same for configs; None uses `names` for both.
    """
    chosen = {"secrets": names, "configs": names if configs is None else configs}
    out = dict(document)
    for section, versioned in chosen.items():
        if document.get(section):
            out[section] = {
                key: {**spec, "name": versioned.get(spec["name"], spec["name"])}
                for key, spec in document[section].items()
            }
    return out
