"""What services of Quorate's own have in common, in the form the engine's API takes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from quorate.backup.jobs.needs import Secret
from quorate.fleet.own import LABEL_FLEET, LABEL_SPEC

Spec = dict[str, Any]
NANO = 1_000_000_000


def file_of(one: Secret, named: Mapping[str, str], ids: Mapping[str, str]) -> Spec:
    """A secret as a file in `/run/secrets`; its id is empty where nothing is deployed yet."""
    deployed = one.deployed or named[one.name]
    return {
        "SecretID": ids.get(deployed, ""),
        "SecretName": deployed,
        "File": {"Name": one.file, "UID": "0", "GID": "0", "Mode": 0o400},
    }


def labelled(spec: Spec, fleet: str, own: Mapping[str, str]) -> Spec:
    """The service with its labels: whose it is, and a digest of the rest.

    Ids are left out of the digest: a deployed name has its version in it.
    """
    text = json.dumps(spec, sort_keys=True, default=str)
    without = json.dumps(_without_ids(json.loads(text)), sort_keys=True)
    digest = hashlib.sha256(without.encode()).hexdigest()[:16]
    return {**spec, "Labels": {**own, LABEL_FLEET: fleet, LABEL_SPEC: digest}}


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(one) for key, one in value.items() if key != "SecretID"}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    return value
