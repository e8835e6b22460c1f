"""What a stack document asks for, in normal form. Pure.

Follows how `docker stack deploy` converts a stack file into service specs
(docker/cli, cli/compose/convert), so that the result can be compared with what
the engine reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quorate.deploy import spec as form
from quorate.deploy.spec import Spec
from quorate.fleet.quantities import parse_duration, parse_size
from quorate.stacks import shapes
from quorate.stacks.model import Rendered, RenderedStack

Raw = Mapping[str, Any]


def desired_services(rendered: Rendered) -> dict[str, Spec]:
    """Every service of the rendered (bound) stacks by its swarm name."""
    return {name: spec for stack in rendered.stacks for name, spec in desired_stack(stack).items()}


def desired_stack(stack: RenderedStack) -> dict[str, Spec]:
    """The services of one stack by their swarm names."""
    document = shapes.unescape(stack.document)
    return {
        f"{stack.name}_{name}": normal(stack.name, name, body, document)
        for name, body in document["services"].items()
    }


def normal(stack: str, name: str, body: Raw, document: Raw) -> Spec:
    """One service of a document (no longer escaped) in normal form."""
    deploy: Raw = body.get("deploy") or {}
    cap_add, cap_drop = form.capabilities(body.get("cap_add"), body.get("cap_drop"))
    return {
        "image": form.image(str(body["image"])),
        "entrypoint": _command(body.get("entrypoint")),
        "command": _command(body.get("command")),
        "environment": dict(sorted(shapes.strings(body.get("environment")).items())),
        "container_labels": form.without_noise(shapes.strings(body.get("labels"))),
        "labels": form.without_noise(shapes.strings(deploy.get("labels"))),
        **{key: str(body.get(key) or "") for key in ("hostname", "user", "working_dir")},
        **{key: bool(body.get(key)) for key in ("tty", "stdin_open", "read_only")},
        "init": body.get("init"),
        "stop_signal": str(body.get("stop_signal") or ""),
        "stop_grace_period": _seconds(body.get("stop_grace_period"), form.STOP_GRACE_SECONDS),
        "healthcheck": _healthcheck(body.get("healthcheck")),
        "mounts": _mounts(stack, body, document),
        "networks": _networks(stack, name, body, document),
        "ports": sorted(_port(item) for item in body.get("ports") or ()),
        "endpoint_mode": str(deploy.get("endpoint_mode") or "vip"),
        "secrets": _files(stack, body, document, "secrets"),
        "configs": _files(stack, body, document, "configs"),
        "extra_hosts": [_host(item) for item in shapes.hosts(body.get("extra_hosts"))],
        "dns": shapes.items(body.get("dns")),
        "dns_search": shapes.items(body.get("dns_search")),
        "dns_options": [],
        "cap_add": cap_add,
        "cap_drop": cap_drop,
        "sysctls": dict(sorted(shapes.strings(body.get("sysctls")).items())),
        "ulimits": {
            key: _ulimit(item) for key, item in sorted((body.get("ulimits") or {}).items())
        },
        "groups": [],
        "isolation": _isolation(body.get("isolation")),
        "privileges": form.present(credential_spec=dict(body.get("credential_spec") or {})),
        "logging": _logging(body.get("logging")),
        "mode": str(deploy.get("mode") or "replicated"),
        "replicas": _replicas(deploy),
        "placement": _placement(deploy.get("placement") or {}),
        "resources": _resources(deploy.get("resources") or {}),
        "restart_policy": _restart(deploy.get("restart_policy") or {}),
        "update_config": _rollout(deploy.get("update_config")),
        "rollback_config": _rollout(deploy.get("rollback_config")),
    }


def _command(value: Any) -> list[str]:
    return shapes.command(value) if value is not None else []


def _seconds(value: Any, default: float = 0.0) -> float:
    return default if value is None else parse_duration(str(value))


def _replicas(deploy: Raw) -> int | None:
    if str(deploy.get("mode") or "").startswith("global"):
        return None
    replicas = deploy.get("replicas")
    return 1 if replicas is None else int(replicas)


def _healthcheck(check: Raw | None) -> dict[str, Any]:
    if not check:
        return {}
    if check.get("disable"):
        return {"test": ["NONE"]}
    test = check.get("test")
    return form.present(
        test=["CMD-SHELL", test] if isinstance(test, str) else list(test or []),
        interval=_seconds(check.get("interval")),
        timeout=_seconds(check.get("timeout")),
        start_period=_seconds(check.get("start_period")),
        start_interval=_seconds(check.get("start_interval")),
        retries=int(check.get("retries") or 0),
    )


def _mounts(stack: str, body: Raw, document: Raw) -> dict[str, dict[str, Any]]:
    volumes: Raw = document.get("volumes") or {}
    mounts = {
        str(mount["target"]): _mount(stack, mount, volumes) for mount in body.get("volumes") or ()
    }
    return dict(sorted(mounts.items()))


def _mount(stack: str, mount: Raw, volumes: Raw) -> dict[str, Any]:
    kind, source = str(mount["type"]), str(mount.get("source") or "")
    named: Raw = (volumes.get(source) or {}) if kind == "volume" and source else {}
    if kind == "volume" and source:
        source = _scoped(stack, source, named)
    return form.present(
        type=kind,
        source=source,
        read_only=bool(mount.get("read_only")),
        propagation=(mount.get("bind") or {}).get("propagation"),
        nocopy=bool((mount.get("volume") or {}).get("nocopy")),
        size=int((mount.get("tmpfs") or {}).get("size") or 0),
        labels=form.without_noise(shapes.strings(named.get("labels"))),
        driver=str(named.get("driver") or ""),
        driver_opts=dict(sorted(shapes.strings(named.get("driver_opts")).items())),
    )


def _scoped(stack: str, key: str, spec: Raw) -> str:
    """The name in Swarm: as given, the key of an external thing, else `stack_key`."""
    return str(spec.get("name") or (key if spec.get("external") else f"{stack}_{key}"))


def _networks(stack: str, name: str, body: Raw, document: Raw) -> dict[str, dict[str, Any]]:
    defined: Raw = document.get("networks") or {}
    joined = body.get("networks") or ["default"]
    options = joined if isinstance(joined, Mapping) else {key: None for key in joined}
    out = {}
    for key, given in options.items():
        spec = defined.get(key) or {}
        target = _scoped(stack, key, spec)
        aliases = set((given or {}).get("aliases") or ())
        out[target] = form.present(
            aliases=sorted(aliases if target in form.PREDEFINED else aliases | {name})
        )
    return dict(sorted(out.items()))


def _port(entry: Raw) -> str:
    return form.port(
        int(entry["target"]),
        int(entry.get("published") or 0),
        str(entry.get("protocol") or ""),
        str(entry.get("mode") or ""),
    )


def _files(stack: str, body: Raw, document: Raw, section: str) -> dict[str, dict[str, Any]]:
    """File target → what is put there."""
    defined: Raw = document.get(section) or {}
    out = {}
    for entry in body.get(section) or ():
        long: Raw = {"source": entry} if isinstance(entry, str) else entry
        key = str(long["source"])
        spec = defined.get(key) or {}
        mode = long.get("mode")
        out[str(long.get("target") or key)] = {
            "name": _scoped(stack, key, spec),
            "uid": str(long.get("uid") or "0"),
            "gid": str(long.get("gid") or "0"),
            "mode": form.FILE_MODE if mode is None else int(mode),
        }
    return dict(sorted(out.items()))


def _host(entry: str) -> str:
    """`name:address` in Swarm's own order, as a hosts file has it."""
    name, _, address = entry.partition(":")
    return f"{address} {name}"


def _ulimit(value: Any) -> dict[str, int]:
    if isinstance(value, Mapping):
        return {"soft": int(value["soft"]), "hard": int(value["hard"])}
    return {"soft": int(value), "hard": int(value)}


def _isolation(value: Any) -> str:
    return "" if value in (None, "default") else str(value)


def _logging(given: Raw | None) -> dict[str, Any]:
    if not given:
        return {}
    return form.present(
        driver=str(given.get("driver") or ""),
        options=dict(sorted(shapes.strings(given.get("options")).items())),
    )


def _placement(given: Raw) -> dict[str, Any]:
    return form.present(
        constraints=sorted(form.constraint(item) for item in given.get("constraints") or ()),
        preferences=[str(item["spread"]) for item in given.get("preferences") or ()],
        max_replicas_per_node=int(given.get("max_replicas_per_node") or 0),
    )


def _resources(given: Raw) -> dict[str, Any]:
    limits: Raw = given.get("limits") or {}
    reservations: Raw = given.get("reservations") or {}
    return form.present(
        limits=form.present(**_amounts(limits), pids=int(limits.get("pids") or 0)),
        reservations=form.present(
            **_amounts(reservations),
            generic={
                str(item["discrete_resource_spec"]["kind"]): int(
                    item["discrete_resource_spec"]["value"]
                )
                for item in reservations.get("generic_resources") or ()
            },
        ),
    )


def _amounts(given: Raw) -> dict[str, Any]:
    memory = given.get("memory")
    return {
        "cpus": round(float(given.get("cpus") or 0), 9),
        "memory": parse_size(memory) if memory else 0,
    }


def _restart(given: Raw) -> dict[str, Any]:
    attempts = given.get("max_attempts")
    return form.filled(
        form.RESTART,
        {
            "condition": given.get("condition"),
            "delay": None if given.get("delay") is None else _seconds(given["delay"]),
            "max_attempts": None if attempts is None else int(attempts),
            "window": None if given.get("window") is None else _seconds(given["window"]),
        },
    )


def _rollout(given: Raw | None) -> dict[str, Any]:
    found = dict(given or {})
    for key in ("delay", "monitor"):
        if found.get(key) is not None:
            found[key] = _seconds(found[key])
    return form.filled(form.ROLLOUT, found)
