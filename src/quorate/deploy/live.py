"""What the engine reports of its services, in normal form. Pure and lenient.

Whatever a spec lacks counts as Swarm's default: an engine leaves out what was
never set, and a half-removed service must not stop a diff.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from quorate.deploy import spec as form
from quorate.deploy.spec import Spec
from quorate.fleet.observed import Snapshot

Raw = Mapping[str, Any]
NANO = 1_000_000_000

_MODES = {
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def live_services(snapshot: Snapshot, *, fleet: str, stacks: Collection[str]) -> dict[str, Spec]:
    """The services of a fleet by swarm name: those in its stacks, and those labelled as its own.

    The label finds services of stacks that are no longer in the fleet file.
    """
    names = {
        str(network.get("id") or network.get("Id") or ""): name
        for name, network in snapshot.networks.items()
    }
    return {
        service.name: normal(service.spec, names)
        for service in snapshot.services
        if service.stack in stacks or service.labels.get("quorate.fleet") == fleet
    }


def normal(spec: Raw, networks: Mapping[str, str]) -> Spec:
    """One service spec (the engine's JSON) in normal form.

    Args:
        networks: network id → name; an unknown id is a predefined network, which
            engines do not list.
    """
    task = _map(spec, "TaskTemplate")
    container = _map(task, "ContainerSpec")
    dns = _map(container, "DNSConfig")
    add, drop = form.capabilities(container.get("CapabilityAdd"), container.get("CapabilityDrop"))
    mode, replicas = _mode(_map(spec, "Mode"))
    endpoint = _map(spec, "EndpointSpec")
    grace = container.get("StopGracePeriod")
    return {
        "image": form.image(str(container.get("Image") or "")),
        "entrypoint": list(container.get("Command") or ()),
        "command": list(container.get("Args") or ()),
        "environment": _environment(container.get("Env")),
        "container_labels": form.without_noise(container.get("Labels")),
        "labels": form.without_noise(spec.get("Labels")),
        "hostname": str(container.get("Hostname") or ""),
        "user": str(container.get("User") or ""),
        "working_dir": str(container.get("Dir") or ""),
        "tty": bool(container.get("TTY")),
        "stdin_open": bool(container.get("OpenStdin")),
        "read_only": bool(container.get("ReadOnly")),
        "init": container.get("Init"),
        "stop_signal": str(container.get("StopSignal") or ""),
        "stop_grace_period": form.STOP_GRACE_SECONDS if grace is None else grace / NANO,
        "healthcheck": _healthcheck(_map(container, "Healthcheck")),
        "mounts": _mounts(container),
        "networks": _networks(task.get("Networks") or spec.get("Networks"), networks),
        "ports": sorted(_port(item) for item in endpoint.get("Ports") or ()),
        "endpoint_mode": str(endpoint.get("Mode") or "vip"),
        "secrets": _files(container.get("Secrets"), "SecretName"),
        "configs": _files(container.get("Configs"), "ConfigName"),
        "extra_hosts": list(container.get("Hosts") or ()),
        "dns": list(dns.get("Nameservers") or ()),
        "dns_search": list(dns.get("Search") or ()),
        "dns_options": list(dns.get("Options") or ()),
        "cap_add": add,
        "cap_drop": drop,
        "sysctls": dict(sorted(_map(container, "Sysctls").items())),
        "ulimits": _ulimits(container.get("Ulimits")),
        "groups": list(container.get("Groups") or ()),
        "isolation": _isolation(container.get("Isolation")),
        "privileges": _privileges(_map(container, "Privileges")),
        "logging": _logging(_map(task, "LogDriver")),
        "mode": mode,
        "replicas": replicas,
        "placement": _placement(_map(task, "Placement")),
        "resources": _resources(_map(task, "Resources")),
        "restart_policy": _restart(_map(task, "RestartPolicy")),
        "update_config": _rollout(_map(spec, "UpdateConfig")),
        "rollback_config": _rollout(_map(spec, "RollbackConfig")),
    }


def _map(value: Raw, key: str) -> Raw:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _mode(mode: Raw) -> tuple[str, int | None]:
    for key, name in _MODES.items():
        if key in mode:
            total = _map(mode, key).get("TotalCompletions")
            return name, None if name.startswith("global") else int(total or 1)
    replicas = _map(mode, "Replicated").get("Replicas")
    return "replicated", 1 if replicas is None else int(replicas)


def _environment(entries: Any) -> dict[str, str]:
    pairs = (str(entry).partition("=") for entry in entries or ())
    return dict(sorted((key, value) for key, _, value in pairs))


def _healthcheck(check: Raw) -> dict[str, Any]:
    return form.present(
        test=list(check.get("Test") or ()),
        interval=(check.get("Interval") or 0) / NANO,
        timeout=(check.get("Timeout") or 0) / NANO,
        start_period=(check.get("StartPeriod") or 0) / NANO,
        start_interval=(check.get("StartInterval") or 0) / NANO,
        retries=int(check.get("Retries") or 0),
    )


def _mounts(container: Raw) -> dict[str, dict[str, Any]]:
    out = {}
    for mount in container.get("Mounts") or ():
        volume = _map(mount, "VolumeOptions")
        driver = _map(volume, "DriverConfig")
        out[str(mount.get("Target"))] = form.present(
            type=str(mount.get("Type") or ""),
            source=str(mount.get("Source") or ""),
            read_only=bool(mount.get("ReadOnly")),
            propagation=_map(mount, "BindOptions").get("Propagation"),
            nocopy=bool(volume.get("NoCopy")),
            subpath=volume.get("Subpath"),
            size=int(_map(mount, "TmpfsOptions").get("SizeBytes") or 0),
            labels=form.without_noise(volume.get("Labels")),
            driver=str(driver.get("Name") or ""),
            driver_opts=dict(sorted(_map(driver, "Options").items())),
        )
    return dict(sorted(out.items()))


def _networks(entries: Any, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    out = {}
    for entry in entries or ():
        target = str(entry.get("Target") or "")
        out[names.get(target, form.UNLISTED)] = form.present(
            aliases=sorted(set(entry.get("Aliases") or ())),
            driver_opts=dict(entry.get("DriverOpts") or {}),
        )
    return dict(sorted(out.items()))


def _port(entry: Raw) -> str:
    return form.port(
        int(entry.get("TargetPort") or 0),
        int(entry.get("PublishedPort") or 0),
        str(entry.get("Protocol") or ""),
        str(entry.get("PublishMode") or ""),
    )


def _files(entries: Any, name: str) -> dict[str, dict[str, Any]]:
    out = {}
    for entry in entries or ():
        file = _map(entry, "File")
        if not file:
            continue  # a credential spec's config is no file
        out[str(file.get("Name") or "")] = {
            "name": str(entry.get(name) or ""),
            "uid": str(file.get("UID") or "0"),
            "gid": str(file.get("GID") or "0"),
            "mode": int(file.get("Mode") or 0),
        }
    return dict(sorted(out.items()))


def _ulimits(entries: Any) -> dict[str, dict[str, int]]:
    return {
        str(entry.get("Name")): {
            "soft": int(entry.get("Soft") or 0),
            "hard": int(entry.get("Hard") or 0),
        }
        for entry in sorted(entries or (), key=lambda entry: str(entry.get("Name")))
    }


def _isolation(value: Any) -> str:
    return "" if value in (None, "default") else str(value)


def _privileges(given: Raw) -> dict[str, Any]:
    spec = {key.lower(): value for key, value in _map(given, "CredentialSpec").items() if value}
    rest = {key: value for key, value in given.items() if key != "CredentialSpec" and value}
    return {**form.present(credential_spec=spec), **rest}


def _logging(driver: Raw) -> dict[str, Any]:
    return form.present(
        driver=str(driver.get("Name") or ""),
        options=dict(sorted(_map(driver, "Options").items())),
    )


def _placement(given: Raw) -> dict[str, Any]:
    return form.present(
        constraints=sorted(form.constraint(str(item)) for item in given.get("Constraints") or ()),
        preferences=[
            str(_map(item, "Spread").get("SpreadDescriptor") or "")
            for item in given.get("Preferences") or ()
        ],
        max_replicas_per_node=int(given.get("MaxReplicas") or 0),
    )


def _resources(given: Raw) -> dict[str, Any]:
    limits, reservations = _map(given, "Limits"), _map(given, "Reservations")
    generic: dict[str, Any] = {}
    for item in reservations.get("GenericResources") or ():
        discrete, named = _map(item, "DiscreteResourceSpec"), _map(item, "NamedResourceSpec")
        if discrete:
            generic[str(discrete.get("Kind"))] = int(discrete.get("Value") or 0)
        elif named:
            generic[str(named.get("Kind"))] = named.get("Value")
    return form.present(
        limits=form.present(**_amounts(limits), pids=int(limits.get("Pids") or 0)),
        reservations=form.present(**_amounts(reservations), generic=generic),
    )


def _amounts(given: Raw) -> dict[str, Any]:
    return {
        "cpus": round((given.get("NanoCPUs") or 0) / NANO, 9),
        "memory": int(given.get("MemoryBytes") or 0),
    }


def _restart(given: Raw) -> dict[str, Any]:
    delay, window = given.get("Delay"), given.get("Window")
    return form.filled(
        form.RESTART,
        {
            "condition": given.get("Condition"),
            "delay": None if delay is None else delay / NANO,
            "max_attempts": given.get("MaxAttempts"),
            "window": None if window is None else window / NANO,
        },
    )


def _rollout(given: Raw) -> dict[str, Any]:
    if not given:
        return dict(form.ROLLOUT)
    # Unlike the other fields, a parallelism of 0 has a meaning: all at once.
    monitor = given.get("Monitor")
    return form.filled(
        form.ROLLOUT,
        {
            "parallelism": int(given.get("Parallelism") or 0),
            "delay": (given.get("Delay") or 0) / NANO,
            "failure_action": given.get("FailureAction"),
            "monitor": None if monitor is None else monitor / NANO,
            "max_failure_ratio": float(given.get("MaxFailureRatio") or 0),
            "order": given.get("Order"),
        },
    )
