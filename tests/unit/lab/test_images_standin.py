"""What a stand-in listens on, and which programs its health check needs."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.lab import standin
from quorate.lab.images_names import parse


@pytest.mark.parametrize(
    ("image", "service", "ports"),
    [
        ("x/app", {}, ()),
        ("grafana/grafana:11", {}, ("3000",)),
        ("x/app", {"ports": ["8080:80", "127.0.0.1:53:53/udp", 9000]}, ("53/udp", "80", "9000")),
        ("x/app", {"ports": [{"target": 25, "published": 25}]}, ("25",)),
        ("x/app", {"ports": [{"target": 53, "protocol": "udp"}]}, ("53/udp",)),
        ("x/app", {"ports": ["7000-7002:7000-7002"]}, ("7000", "7001", "7002")),
        ("x/app", {"expose": [8080, "9090-9091"]}, ("8080", "9090", "9091")),
        ("x/app", {"healthcheck": {"test": "curl -f http://localhost:8761/health"}}, ("8761",)),
        ("x/app", {"healthcheck": {"test": "curl -f http://localhost/health"}}, ("80",)),
        ("x/app", {"healthcheck": {"test": "curl -kf https://127.0.0.1/"}}, ("443",)),
        ("x/app", {"healthcheck": {"test": ["CMD", "nc", "-z", "localhost", "5432"]}}, ("5432",)),
        (
            "x/app",
            {"healthcheck": {"test": ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9000"]}},
            ("9000",),
        ),
        ("x/app", {"healthcheck": {"test": ["NONE"]}}, ()),
        ("x/app", {"healthcheck": {"disable": True, "test": "curl localhost:1234"}}, ()),
        ("x/app", {"command": ["run", "--listen-address=:9252"]}, ("9252",)),
        ("x/app", {"command": "--http-address=0.0.0.0:4180 --issuer=https://a.b"}, ("4180",)),
        (
            "x/app",
            {"deploy": {"labels": {"traefik.http.services.a.loadbalancer.server.port": "3000"}}},
            ("3000",),
        ),
        ("x/app", {"labels": ["traefik.http.services.a.loadbalancer.server.port=81"]}, ("81",)),
    ],
)
def test_ports(image: str, service: dict[str, Any], ports: tuple[str, ...]) -> None:
    assert standin.ports(parse(image), service) == ports


@pytest.mark.parametrize(
    ("test", "links"),
    [
        (["CMD", "curl", "-f", "http://localhost"], ()),
        (["CMD-SHELL", "pg_isready -U gibd -d gibd"], ()),
        (["CMD", "traefik", "healthcheck", "--ping"], ("/usr/local/bin/traefik",)),
        (["CMD", "/healthcheck.sh"], ("/healthcheck.sh",)),
        ("wget -q -O - localhost:80 | grep -q ok || exit 1", ()),
        ("test -f /tmp/x && node check.js", ("/usr/local/bin/node",)),
        ("php artisan health; rake up", ("/usr/local/bin/php", "/usr/local/bin/rake")),
        ("if doctor; then exit 0; fi", ("/usr/local/bin/doctor",)),
        ('python3 -c "import x; x.y()"', ("/usr/local/bin/python3",)),
        (["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9000 && grep -q OK <&3"], ()),
        (["CMD", "sh", "-c", "doctor --all"], ("/usr/local/bin/doctor",)),
        ("echo 'it | is; quoted' && curl x", ()),
        ("echo 'never closed", ()),
        (None, ()),
    ],
)
def test_shims(test: Any, links: tuple[str, ...]) -> None:
    service = {"healthcheck": {"test": test}} if test else {}
    assert standin.shims([service]) == links
