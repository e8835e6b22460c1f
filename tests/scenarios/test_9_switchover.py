"""A replicated Redis hands over before the server of its master is drained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.scenarios import live, steps
from tests.scenarios.test_9_move import inside

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

KEYS = 500
MEMBER = """\
  {name}:
    image: redis:8
    command:
      - sh
      - -c
      - |
        P="$$(cat /run/secrets/cache_password)"
        set -- --appendonly yes --requirepass "$$P" --masterauth "$$P"
        if [ {first} = no ] || redis-cli -h {other} -a "$$P" role | grep -q master; then
          set -- "$$@" --replicaof {other} 6379
        fi
        exec redis-server "$$@"
    secrets: [cache_password]
    networks: [backend]
    volumes: ["{volume}:/data"]
    healthcheck:
      test: ["CMD-SHELL", 'redis-cli -a "$$(cat /run/secrets/cache_password)" ping']
      interval: 1s
      timeout: 3s
      retries: 3
      start_period: 10s
    deploy: *deploy
    x-quorate:
      state: redis
      pin: {server}
      switchover: |
        export REDISCLI_AUTH="$$(cat /run/secrets/cache_password)"
        redis-cli role | grep -q master || exit 0
        redis-cli failover timeout 10000
        for _ in $$(seq 50); do redis-cli role | grep -q slave && exit 0; sleep 0.2; done
        exit 1

"""


@contextmanager
def replicated(office: Office) -> Iterator[None]:
    """The cache has a replica meanwhile, on another server."""
    file = office.fleet.parent / "data.yaml"
    text = file.read_text()
    begin, end = text.index("  cache:\n"), text.index("  files:\n")
    pair = MEMBER.format(name="cache", other="spare", first="yes", volume="kept", server="two")
    pair += MEMBER.format(name="spare", other="cache", first="no", volume="spared", server="one")
    changed = text[:begin] + pair + text[end:]
    file.write_text(changed.replace("  kept: {}\n", "  kept: {}\n  spared: {}\n"))
    try:
        yield
    finally:
        file.write_text(text)
        steps.up(office)


def asked(office: Office, service: str, words: str) -> str:
    """What one of the two answers."""
    door = 'redis-cli -a "$(cat /run/secrets/cache_password)" --no-auth-warning'
    return inside(office, service, f"{door} {words}").strip()


def role(office: Office, service: str) -> str:
    return asked(office, service, "role").split()[0]


@pytest.mark.drill
def test_a_master_is_drained_without_a_write_lost(vault: Office) -> None:
    on_lab = ("--fleet", str(vault.fleet), "--lab")
    with replicated(vault):
        steps.up(vault)
        asked(vault, "cache", f"eval \"for i=1,{KEYS} do redis.call('set', i, i) end\" 0")
        assert (role(vault, "cache"), role(vault, "spare")) == ("master", "slave")
        shown = vault.json("drain", "two", *on_lab, "--stop-pinned", "--unproven", "--dry-run")
        order = [step["id"] for step in shown["steps"]]
        assert order.index("switchover-data_cache") < order.index("stop-data_cache")
        done = vault.quorate(
            "drain", "two", *on_lab, "--stop-pinned", "--unproven", "--yes", timeout=300
        )
        print(done.stderr)
        seen = live.snapshot(vault)
        assert live.running(seen)["data_cache"] == ()
        assert role(vault, "spare") == "master"
        assert asked(vault, "spare", "dbsize") == str(KEYS)
        asked(vault, "spare", "set meanwhile yes")
        vault.quorate("undrain", "two", *on_lab, "--yes", timeout=300)
        # Its own start looks for who leads now.
        live.wait_until(vault, lambda _: role(vault, "cache") == "slave", within=60)
        live.wait_until(vault, lambda _: asked(vault, "cache", "get meanwhile") == "yes", within=30)
        # And it hands nothing over where it leads nothing.
        vault.quorate("drain", "two", *on_lab, "--stop-pinned", "--unproven", "--yes", timeout=300)
        assert role(vault, "spare") == "master"
        vault.quorate("undrain", "two", *on_lab, "--yes", timeout=300)
    steps.then_no_lock_is_left(vault)
