"""The ssh configuration that reaches the nodes."""

from __future__ import annotations

from quorate.lab import keys
from quorate.lab.state import Lab


def test_nodes_are_reached_through_the_engine_and_known_beforehand(lab: Lab) -> None:
    lab.directory.mkdir(parents=True)
    keys.write_configuration(lab, "/usr/bin/docker")
    text = lab.ssh_config.read_text()
    assert (
        "ProxyCommand /usr/bin/docker -H unix:///run/engine.sock exec -i quorate.office.beta "
        "/usr/sbin/sshd -i" in text
    )
    assert "StrictHostKeyChecking yes" in text
    assert f'UserKnownHostsFile "{lab.directory}/known_hosts"' in text
    hosts = [line.split()[1] for line in text.splitlines() if line.startswith("Host ")]
    assert hosts == ["alpha", "beta", "gamma", "*"]
