"""A fake of an engine's API for Swarm configs: what locks, notes and journals need."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from requests import Response

API_ERROR: Any = import_module("docker.errors").APIError  # the SDK is for quorate.tools only


def refusal(status: int) -> Exception:
    """What the SDK raises for such an answer."""
    response = Response()
    response.status_code = status
    error: Exception = API_ERROR(f"answered with {status}", response=response)
    return error


class FakeConfigs:
    """Configs in a dictionary; `now` is the swarm's clock. It stands for client and API at once."""

    base_url = "http://fake"
    api_version = "1.41"

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 30, 12, tzinfo=UTC)
        self.kept: dict[str, dict[str, Any]] = {}
        self.number = 0

    @property
    def api(self) -> FakeConfigs:
        return self

    def info(self) -> dict[str, str]:
        return {"SystemTime": self.now.isoformat()}

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def configs(self, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        name, label = filters.get("name", ""), filters.get("label")
        specs = {key: one["Spec"] for key, one in self.kept.items()}
        return [
            one
            for key, one in self.kept.items()
            if name in specs[key]["Name"] and (label is None or label in specs[key]["Labels"])
        ]

    def create_config(self, name: str, data: bytes, labels: Mapping[str, str]) -> dict[str, str]:
        if any(one["Spec"]["Name"] == name for one in self.kept.values()):
            raise refusal(409)
        self.number += 1
        self.kept[f"id-{self.number}"] = {
            "ID": f"id-{self.number}",
            "Version": {"Index": 1},
            "UpdatedAt": self.now.isoformat(),
            "Spec": {
                "Name": name,
                "Labels": dict(labels),
                "Data": base64.b64encode(data).decode(),
            },
        }
        return {"ID": f"id-{self.number}"}

    def inspect_config(self, identity: str) -> dict[str, Any]:
        if identity not in self.kept:
            raise refusal(404)
        return self.kept[identity]

    def remove_config(self, identity: str) -> None:
        self.inspect_config(identity)
        del self.kept[identity]

    def post(
        self, url: str, params: Mapping[str, str], json: dict[str, Any], timeout: float
    ) -> Response:
        found = self.inspect_config(url.split("/")[-2])
        found["Spec"], found["UpdatedAt"] = json, self.now.isoformat()
        answer = Response()
        answer.status_code = 200
        return answer
