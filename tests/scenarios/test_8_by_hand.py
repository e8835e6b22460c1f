"""The rendered files work without Quorate, and the lab's differ only where it is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.fleet.observed import Snapshot
from quorate.lab import nodes
from quorate.lab.derive import derive
from quorate.plan.solve import make_plan
from quorate.stacks.model import Rendered
from quorate.stacks.render import render
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill

RUNNING_SECONDS = 180.0


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every value of nested mappings by its path; lists are values, empty mappings nothing."""
    if not isinstance(value, dict):
        return {path: value}
    return {k: v for key, inner in value.items() for k, v in leaves(inner, (*path, key)).items()}


def all_leaves(rendered: Rendered) -> dict[tuple[str, ...], Any]:
    """Of the stacks' documents, and of the networks they share."""
    documents = {stack.name: stack.document for stack in rendered.stacks}
    return leaves({"stacks": documents, "networks": rendered.networks})


def test_the_listed_differences_are_the_only_ones(shop: Office) -> None:
    fleet = live.fleet_of(shop)
    real = render(fleet, make_plan(fleet))
    derived, listed = derive(real, live.lab_of(shop))
    before, after = all_leaves(real), all_leaves(derived)
    different = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert different, "this machine's kernel has everything: nothing to compare"

    places = {place_of(item.stack, item.service, item.path) for item in listed}
    unlisted = {path for path in different if not any(path[: len(at)] == at for at in places)}
    idle = {at for at in places if not any(path[: len(at)] == at for path in different)}
    assert not unlisted
    assert not idle
    assert all(item.why for item in listed)
    same = real.model_dump(exclude={"stacks", "networks"})
    assert derived.model_dump(exclude={"stacks", "networks"}) == same


def place_of(stack: str, service: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a listed difference is, as a path from the top."""
    if not stack:
        return ("networks", *path)
    return ("stacks", stack, *(("services", service) if service else ()), *path)


def test_the_files_deploy_by_hand(shop: Office, tmp_path: Path) -> None:
    """On a manager, as the README beside them says; then `up` takes over what it finds."""
    steps.given_deployed(shop)
    shop.quorate("down", str(shop.fleet), "--lab", "--yes", timeout=240)
    shop.quorate("render", str(shop.fleet), "--lab", "-o", str(tmp_path))
    lab = live.lab_of(shop)

    def on_one(*argv: str, text: str | None = None) -> str:
        return nodes.execute(lab, "one", *argv, input=text, timeout=120)

    on_one("sh", "-e", text=(tmp_path / "prepare.sh").read_text())
    password = shop.fleet.with_name("password.txt").read_text()
    on_one("docker", "secret", "create", "db_password", "-", text=password)
    page = shop.fleet.with_name("index.html").read_text()
    on_one("docker", "config", "create", config_name(tmp_path), "-", text=page)
    order = [
        line.split() for line in (tmp_path / "README").read_text().splitlines() if " -c " in line
    ]
    names = [words[-1] for words in order]
    for name in names:
        document = (tmp_path / f"{name}.yml").read_text()
        on_one("docker", "stack", "deploy", "-c", "-", name, text=document)

    wanted = {name: len(homes) for name, homes in steps.planned_homes(shop).items()}

    def holds(seen: Snapshot) -> bool:
        return {name: len(where) for name, where in live.running(seen).items()} == wanted

    live.wait_until(shop, holds, within=RUNNING_SECONDS)
    steps.up(shop)
    steps.then_all_at_home(shop)


def config_name(directory: Path) -> str:
    """Of the only config the files ask for."""
    (line,) = (
        line
        for line in (directory / "prepare.sh").read_text().splitlines()
        if "docker config create" in line
    )
    return line.split("create ")[1].split()[0]
