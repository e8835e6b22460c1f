"""A stack's document resolved into the model's services."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quorate.fleet.compose import EXTENSION, Project
from quorate.fleet.constraints import hostnames
from quorate.fleet.dotenv import parse_dotenv
from quorate.fleet.families import family_of
from quorate.fleet.file import LoadEntry, XFile, XService
from quorate.fleet.loads import decide_load, read_resources
from quorate.fleet.merge import as_names, as_pairs
from quorate.fleet.model import Engine, Location, Mode, Service, StackFiles, State, VolumeUse
from quorate.fleet.mounts import read_mounts, read_ports
from quorate.fleet.positions import Map, Mark, TooLargeError, plain
from quorate.fleet.sources import Sources, tidy
from quorate.fleet.validate import Codes, validate
from quorate.fleet.view import View, count, truth

X_CODES = Codes(unknown="Q301", missing="Q302", value="Q302")
DEFAULT_NETWORK = "default"
LARGEST_PLAIN = 1e21


def resolve_service(
    project: Project, name: str, mapping: Map, mark: Mark, sources: Sources
) -> Service:
    """One service of a project; what is wrong in it is reported and left out.

    `id`, `near`, `apart` and `needs` are still as written: they need the whole fleet.
    """
    view = View(mapping, mark, sources.problems)
    said = _x(project, name, view)
    defaults = _defaults(project, name, view)
    assumed: list[str] = []
    image = view.text("image") or ""
    if name not in project.broken:
        _needs_image(view, name, image, project.stack.engine)
    volumes = read_mounts(view, project.section("volumes"), project.directory)
    resources = read_resources(view)
    constraints = _texts(view, "deploy", "placement", "constraints")
    load = _over(said.load, defaults.load)
    view.mapping("deploy", "placement")
    fixed = (project.stack.server,) if project.stack.server else ()
    swarm = project.stack.engine is Engine.SWARM
    return Service(
        id=name,
        name=name,
        stack=project.stack.name,
        engine=project.stack.engine,
        image=image,
        mode=_mode(view) if swarm else Mode.REPLICATED,
        replicas=_replicas(view),
        max_replicas_per_node=view.parsed(count, "deploy", "placement", "max_replicas_per_node")
        or 0,
        workload_class=said.workload_class
        or defaults.workload_class
        or project.stack.workload_class,
        state=_state(said, image, volumes, assumed),
        load=decide_load(load, resources, image, assumed),
        reservation_memory=resources.reservation_memory,
        reservation_cpus=resources.reservation_cpus,
        limit_memory=resources.limit_memory,
        limit_cpus=resources.limit_cpus,
        volumes=volumes,
        data_size=said.data_size or 0,
        ports=read_ports(view),
        networks=_networks(project, view),
        constraints=constraints,
        preferences=_preferences(view),
        near=said.near,
        apart=said.apart,
        needs=_needs(said, view, project, assumed),
        group=said.group,
        pins=(said.pin or hostnames(constraints)) if swarm else fixed,
        recovery_target=said.recovery_target,
        switchover=said.switchover or "",
        has_healthcheck=_has_healthcheck(view),
        environment=_environment(project, view, sources),
        raw=_plain(view, mapping),
        x=_plain(view, view.value(EXTENSION)),
        assumed=tuple(assumed),
        location=Location(file=mark.file, line=mark.line, column=mark.column),
    )


def resolve_files(project: Project) -> StackFiles:
    """The top-level sections of a project."""

    def section(name: str) -> dict[str, dict[str, Any]]:
        found = project.section(name)
        return {key: _section_entry(found[key]) for key in found}

    return StackFiles(
        stack=project.stack.name,
        directory=project.directory,
        version=str(_section_plain(project.document.get("version")) or ""),
        networks=section("networks"),
        volumes=section("volumes"),
        secrets=section("secrets"),
        configs=section("configs"),
        extensions={
            key: _section_plain(value)
            for key, value in project.document.items()
            if key.startswith("x-")
        },
    )


def _section_plain(value: Any) -> Any:
    try:
        return plain(value)
    except TooLargeError:
        return None


def _section_entry(value: Any) -> dict[str, Any]:
    found = _section_plain(value)
    return found if isinstance(found, dict) else {}


def _plain(view: View, value: Any) -> dict[str, Any]:
    try:
        found = plain(value)
    except (TooLargeError, RecursionError):
        view.problems.add("Q005", view.root_mark, "aliases expand to far too many values")
        return {}
    return found if isinstance(found, dict) else {}


def _x(project: Project, name: str, view: View) -> XService:
    mapping = view.mapping(EXTENSION)
    found = validate(XService, mapping, view.problems, X_CODES, fill={})
    return found or XService()


def _defaults(project: Project, name: str, view: View) -> XFile:
    mapping = project.defaults.get(name)
    if mapping is None:
        return XFile()
    return validate(XFile, mapping, view.problems, X_CODES, fill={}) or XFile()


def _over(said: LoadEntry | None, default: LoadEntry | None) -> LoadEntry:
    if said is None or default is None:
        return said or default or LoadEntry()
    given = said.model_dump(exclude_none=True)
    return default.model_copy(update=given)


def _needs_image(view: View, name: str, image: str, engine: Engine) -> None:
    if image or (engine is Engine.COMPOSE and view.value("build") is not None):
        return
    built = ", only `build`" if view.value("build") is not None else ""
    view.problems.add("Q213", view.root_mark, f"the service `{name}` has no `image`{built}")


def _mode(view: View) -> Mode:
    text = view.text("deploy", "mode") or Mode.REPLICATED.value
    try:
        return Mode(text)
    except ValueError:
        allowed = ", ".join(mode.value for mode in Mode)
        view.bad(("deploy", "mode"), f"`deploy.mode`: `{text}` is not one of {allowed}")
        return Mode.REPLICATED


def _replicas(view: View) -> int:
    replicas = view.parsed(count, "deploy", "replicas")
    if replicas is None:
        replicas = view.parsed(count, "scale")
    return 1 if replicas is None else replicas


def _state(said: XService, image: str, volumes: tuple[VolumeUse, ...], assumed: list[str]) -> State:
    if said.state is not None:
        return said.state
    family = family_of(image)
    local = [volume for volume in volumes if volume.local_data]
    shared = any(volume.kind == "shared" and not volume.read_only for volume in volumes)
    if family.state is State.REDIS and not local and not shared:
        assumed.append("state cache (Redis without a volume)")
        return State.CACHE
    if family.state is not None:
        assumed.append(f"state {family.state.value} (the image is {family.name})")
        return family.state
    if local or shared:
        source = local[0].source if local else "shared storage"
        assumed.append(f"state volume (it keeps data in {source or 'an anonymous volume'})")
        return State.VOLUME
    return State.NONE


def _needs(said: XService, view: View, project: Project, assumed: list[str]) -> tuple[str, ...]:
    """`needs`, else what `depends_on` says (Swarm has nothing like it)."""
    depends = view.value("depends_on")
    if "needs" in said.model_fields_set or depends is None:
        return said.needs
    names = as_names(depends)
    if names is None:
        view.bad(("depends_on",), "`depends_on` must name services")
        return ()
    known = project.section("services")
    found = []
    for name, options in names.items():
        if name in project.inactive:
            continue
        if name not in known:
            if not (isinstance(options, Map) and options.get("required") is False):
                view.problems.add(
                    "Q303", names.at(name), f"`depends_on` names the unknown service `{name}`"
                )
            continue
        found.append(f"{project.stack.name}/{name}")
    if found:
        assumed.append("needs " + ", ".join(n.split("/", 1)[1] for n in found) + " (depends_on)")
    return tuple(found)


def _networks(project: Project, view: View) -> tuple[str, ...]:
    value = view.value("networks")
    if value is None:
        return () if view.value("network_mode") is not None else (DEFAULT_NETWORK,)
    names = as_names(value)
    if names is None:
        view.bad(("networks",), "`networks` must name networks")
        return ()
    known = project.section("networks")
    for name in names:
        if name not in known and name != DEFAULT_NETWORK:
            view.problems.add("Q210", names.at(name), f"the network `{name}` is not defined")
    return tuple(names)


def _texts(view: View, *path: str) -> tuple[str, ...]:
    return tuple(str(item) for item, _ in view.items(*path) if isinstance(item, str))


def _preferences(view: View) -> tuple[str, ...]:
    found = []
    for item, mark in view.items("deploy", "placement", "preferences"):
        spread = item.get("spread") if isinstance(item, Map) else None
        if isinstance(spread, str):
            found.append(spread)
        else:
            view.problems.add("Q208", mark, "a placement preference is `spread: node.labels.NAME`")
    return tuple(found)


def _has_healthcheck(view: View) -> bool:
    healthcheck = view.mapping("healthcheck")
    if not healthcheck or view.parsed(truth, "healthcheck", "disable"):
        return False
    test = healthcheck.get("test")
    first = test[0] if isinstance(test, list) and test else test
    return first != "NONE"


def _environment(project: Project, view: View, sources: Sources) -> dict[str, str]:
    found: dict[str, str | None] = {}
    for item, mark in view.items("env_file"):
        found.update(_env_file(project, item, mark, sources))
    written = view.value("environment")
    pairs = as_pairs(written) if written is not None else None
    if written is not None and pairs is None:
        view.bad(("environment",), "`environment` must be KEY=value lines or a mapping")
    for key, value in (pairs or {}).items():
        found[key] = _environment_value(value)
    result = {}
    for key, text in found.items():
        if text is None:
            text = project.environment.get(key)
            sources.used({key: text})
        if text is not None:
            result[key] = text
    return result


def _environment_value(value: Any) -> str | None:
    """The text that docker's own tools make of a YAML value: `1.0` and `1e3` are whole numbers."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return str(int(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _env_file(
    project: Project, item: Any, mark: Mark, sources: Sources
) -> Mapping[str, str | None]:
    path = item.get("path") if isinstance(item, Map) else item
    if not isinstance(path, str):
        sources.problems.add("Q208", mark, "`env_file` takes paths of files")
        return {}
    file = tidy(project.directory / Path(path))
    required = not (isinstance(item, Map) and item.get("required") is False)
    if not required and not file.is_file():
        return {}
    text = sources.text(file, mark, code="Q214", what="environment file")
    if text is None:
        return {}
    raw = isinstance(item, Map) and item.get("format") == "raw"
    return parse_dotenv(text, str(file), project.environment, sources.problems, raw=raw)
