"""The arguments a node's container is created with."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from quorate.lab.node_options import (
    CAPABILITIES,
    Frame,
    create_arguments,
    missing_capabilities,
    rights,
    spec_digest,
)
from quorate.lab.state import Lab

DIRECTORY = Path("/state/office/nodes/beta")


def frame(image: str = "node:1") -> Frame:
    return Frame(
        lab="office", network="quorate.office", image=image, rights=rights(privileged=True)
    )


def test_capabilities_have_their_kernel_numbers() -> None:
    # From the kernel's capability.h.
    numbers = {"CHOWN": 0, "NET_ADMIN": 12, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "AUDIT_READ": 37}
    assert {name: CAPABILITIES.index(name) for name in numbers} == numbers


def test_only_what_the_machine_lacks_is_dropped() -> None:
    assert missing_capabilities("CapBnd:\t000001fffeffffff\n") == ("SYS_RESOURCE",)
    assert missing_capabilities("CapBnd:\t000001ffffffffff\n") == ()
    assert missing_capabilities("Name:\tpython\n") == ()


def test_without_privileged_the_rights_are_given_one_by_one() -> None:
    given = rights(privileged=False, missing=("SYS_RESOURCE",))
    assert "--privileged" not in given
    assert given[:4] == ("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE")
    assert given[-4:-2] == ("--cgroupns", "private")


def test_a_node_is_told_apart_by_label_address_and_name(lab: Lab) -> None:
    arguments = create_arguments(lab.node("beta"), frame(), directory=DIRECTORY)
    assert arguments[-1] == "node:1"
    pairs = list(pairwise(arguments))
    assert ("--ip", "198.18.7.12") in pairs
    assert ("--hostname", "beta") in pairs
    assert ("--label", "quorate.lab=office") in pairs
    assert ("--label", "quorate.lab.directory=/state/office") in pairs
    assert ("-v", "quorate.office.beta:/var/lib/docker") in pairs


def test_nothing_is_published_on_the_machine(lab: Lab) -> None:
    arguments = create_arguments(lab.node("beta"), frame(), directory=DIRECTORY)
    assert not {"-p", "--publish", "-P"} & set(arguments)


def test_the_digest_changes_exactly_with_the_options(lab: Lab) -> None:
    def digest(server: str, image: str = "node:1") -> str:
        return spec_digest(create_arguments(lab.node(server), frame(image), directory=DIRECTORY))

    assert digest("beta") == digest("beta")
    assert digest("beta") != digest("gamma")
    assert digest("beta") != digest("beta", "node:2")
