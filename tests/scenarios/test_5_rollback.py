"""A broken version: said in its own words, served by the former one, gone back from."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

FAILED = 5  # exit code, docs/reference/cli.md
PROBES_PER_SECOND = 10
RELEASE = {"RELEASE": "before the broken one"}

PROBE = """
rm -f /tmp/stop
while [ ! -e /tmp/stop ]; do
    curl -s -m 2 -o /dev/null -w '%{http_code}\\n' http://api:8000/
    sleep 0.1
done
"""


@contextmanager
def probed(shop: Office) -> Iterator[list[str]]:
    """Ask the service ten times a second from inside the lab; the status codes, after the block."""
    inside = ("exec", "--fleet", str(shop.fleet), "--lab", "worker", "--")
    codes: list[str] = []
    probe = subprocess.Popen(
        [str(shop.program), *inside, "bash", "-c", PROBE],
        env=shop.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert probe.stdout is not None
        assert probe.stdout.readline() == "200\n"
        yield codes
    finally:
        shop.quorate(*inside, "touch", "/tmp/stop", timeout=60)
        rest, _ = probe.communicate(timeout=30)
        codes.extend(rest.split())


def outcomes(shop: Office) -> list[str]:
    """Of every recorded deployment, oldest first."""
    found = shop.json("history", str(shop.fleet), "--lab")["deployments"]
    return [entry["outcome"] for entry in sorted(found, key=lambda entry: entry["number"])]


def image_of(shop: Office, name: str) -> str:
    service = live.snapshot(shop).service(name)
    assert service is not None
    return service.image


def test_the_former_version_serves_while_a_broken_one_fails(shop: Office) -> None:
    steps.up(shop, environment=RELEASE)
    former = image_of(shop, "shop_api")
    with probed(shop) as codes:
        said = steps.up(shop, code=FAILED, environment={**RELEASE, "API_VERSION": "broken"})
        assert "shop_api" in said
        assert "told to be broken" in said
        assert "what to do:" in said
        assert ":broken" in image_of(shop, "shop_api")
        assert outcomes(shop)[-2:] == ["healthy", "failed"]

        said = shop.quorate(
            *("rollback", "--fleet", str(shop.fleet), "--lab", "--yes"), timeout=steps.UP_SECONDS
        ).stdout
        assert "healthy" in said
        assert image_of(shop, "shop_api") == former
        assert outcomes(shop)[-3:] == ["healthy", "failed", "healthy"]
    assert len(codes) > PROBES_PER_SECOND
    assert set(codes) == {"200"}, f"{len(codes)} requests, failed: {set(codes) - {'200'}}"
    steps.then_all_at_home(shop)


@pytest.mark.drill
def test_swarm_itself_goes_back_where_it_is_told_to(shop: Office) -> None:
    """`failure_action: rollback`, which the nginx services have: still a failure, and said."""
    steps.given_deployed(shop)
    compose = shop.fleet.with_name("shop.yaml")
    text = compose.read_text()
    command = '    image: nginx:1.27\n    command: ["nginx", "-g", "no such directive"]\n'
    compose.write_text(text.replace("    image: nginx:1.27\n", command))
    try:
        said = steps.up(shop, code=FAILED)
    finally:
        compose.write_text(text)
    assert "shop_web" in said
    assert "no such directive" in said or "unknown directive" in said
    assert image_of(shop, "shop_web").startswith("nginx:1.27")
    steps.up(shop)
    steps.then_all_at_home(shop)


def test_a_stack_that_left_the_fleet_file_is_removed_and_comes_back(shop: Office) -> None:
    steps.given_deployed(shop)
    text = shop.fleet.read_text()
    line = "  watch: {files: [watch.yaml], class: monitoring}\n"
    assert line in text
    shop.fleet.write_text(text.replace(line, ""))
    try:
        said = steps.up(shop)
        assert "removed watch_exporter" in said
        seen = live.snapshot(shop)
        assert [s.name for s in seen.services if s.name.startswith("watch_")] == []
        assert {s.stack for s in seen.services} >= {"shop", "data"}
        assert "removed watch_exporter" not in steps.up(shop)
    finally:
        shop.fleet.write_text(text)
        steps.up(shop)
    steps.then_all_at_home(shop)
