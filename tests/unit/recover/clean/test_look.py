"""What an engine's own listings are read as."""

from __future__ import annotations

from quorate.recover.clean.look import stock


def test_a_network_that_only_keeps_settings_is_told_from_others() -> None:
    settings = {
        "Id": "n1", "Name": "lan-config", "Driver": "null", "Scope": "local", "ConfigOnly": True,
        "IPAM": {"Config": [{"Subnet": "192.168.1.0/24"}]}, "Options": {"parent": "eth0"},
    }  # fmt: skip
    swarm = {"Id": "n2", "Name": "lan", "Scope": "swarm", "ConfigFrom": {"Network": "lan-config"}}
    seen = stock("one", {}, [settings, swarm]).networks
    assert [(one.name, one.config_only) for one in seen] == [("lan-config", True), ("lan", False)]
