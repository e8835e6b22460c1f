"""A container as a service: how it is started stays, whatever its image brings along."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.imports.container_service import container_service
from quorate.fleet.imports.inventory import Host
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.sections import Sections

IMAGE = {"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"]}
OWN = ["/wait-for.sh"]


@pytest.mark.parametrize(
    ("config", "written"),
    [
        (IMAGE, {}),
        (IMAGE | {"Cmd": ["postgres", "-c", "a=b"]}, {"command": ["postgres", "-c", "a=b"]}),
        # With another entrypoint than the image's, its command is not there either.
        (IMAGE | {"Entrypoint": OWN}, {"entrypoint": OWN, "command": ["postgres"]}),
        (IMAGE | {"Entrypoint": OWN, "Cmd": None}, {"entrypoint": OWN}),
    ],
)
def test_the_command_is_written_where_the_image_does_not_give_it(
    config: dict[str, Any], written: dict[str, Any]
) -> None:
    raw = {"Image": "sha256:i", "Config": {"Image": "postgres:16", **config}}
    host = Host(source="one", images={"sha256:i": {"Config": IMAGE}})
    sections = Sections(stack="shop", origin="shop", scrub=Scrubber())
    made = container_service(raw, host, sections, "db")
    assert {k: v for k, v in made.items() if k in ("entrypoint", "command")} == written
