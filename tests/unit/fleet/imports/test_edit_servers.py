"""A server written into a fleet file, taken out of it, given another role: all else stays."""

from __future__ import annotations

import pytest

from quorate.fleet.imports.edit import server_text, with_role, with_server, without_server

FLEET = """\
# The office.
version: 1
name: office

servers:
  # In the cellar.
  one: {address: 192.0.2.1, role: manager, cpus: 2, memory: 4G}
  two: # the quiet one
    address: 192.0.2.2
    cpus: 2 # threads
    memory: 4G
    disks:
      - {name: system, size: 100G}
    # of two's own

  # Under the roof.
  three:
    address: 192.0.2.3
    cpus: 2
    memory: 4G

# What runs.
stacks:
  shop: {files: [shop.yaml]}
"""
SNIPPET = """\
servers:
  four:
    address: 192.0.2.4
    role: worker
    cpus: 4 # a processor
    memory: 8GiB
"""


def test_one_is_taken_out_and_the_remarks_of_the_others_stay() -> None:
    after = without_server(FLEET, "two")
    assert "192.0.2.2" not in after and "quiet" not in after and "100G" not in after
    for line in ("# In the cellar.", "# Under the roof.", "# What runs.", "192.0.2.3"):
        assert line in after
    last = without_server(FLEET, "three")
    assert "192.0.2.3" not in last and "# What runs.\nstacks:" in last
    assert "192.0.2.1" not in without_server(FLEET, "one")


def test_one_is_added_at_the_end_with_its_remarks() -> None:
    after = with_server(FLEET, "four", SNIPPET)
    assert after.index("192.0.2.3") < after.index("192.0.2.4") < after.index("stacks:")
    assert "# a processor" in after and "# What runs." in after and "# the quiet one" in after
    assert after.index("192.0.2.4") < after.index("# What runs.")
    assert without_server(after, "four") == FLEET


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_what_was_taken_out_can_be_put_back(name: str) -> None:
    entry = server_text(FLEET, name)
    again = with_server(without_server(FLEET, name), name, entry)
    assert f"address: 192.0.2.{['one', 'two', 'three'].index(name) + 1}" in again
    assert again.count("address:") == 3


def test_a_role_is_written_where_it_was_or_is_new() -> None:
    after = with_role(FLEET, "one", "worker")
    assert "role: worker" in after and after.count("role:") == 1
    new = with_role(FLEET, "three", "manager")
    assert "address: 192.0.2.3\n    role: manager\n" in new and "4G\n\n# What runs." in new
    assert with_role(after, "one", "manager") == FLEET
