"""Which images a lab holds, under which names, and how each is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.errors import LabError
from quorate.fleet.backup import Backup, Repository
from quorate.fleet.model import Fleet, SecretSource, Service
from quorate.image.recipe import image_name
from quorate.lab import images
from quorate.lab.images_debian import program
from quorate.lab.images_names import parse


def service(name: str, image: str, **raw: Any) -> Service:
    return Service(id=name, name=name, stack="app", image=image, raw={"image": image, **raw})


def fleet(*services: Service) -> Fleet:
    return Fleet(
        name="office",
        path=Path("fleet.yaml"),
        servers=(),
        stacks=(),
        services=services,
        files=(),
    )


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("postgres", "docker.io/library/postgres:latest"),
        ("postgres:16", "docker.io/library/postgres:16"),
        ("docker.io/library/postgres:16", "docker.io/library/postgres:16"),
        ("index.docker.io/prom/prometheus:v2", "docker.io/prom/prometheus:v2"),
        ("grafana/loki:3.4.2", "docker.io/grafana/loki:3.4.2"),
        ("quay.io/keycloak/keycloak:26.1", "quay.io/keycloak/keycloak:26.1"),
        ("Quay.io/keycloak/keycloak", "quay.io/keycloak/keycloak:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("hub.example.com:5000/team/app_x:1.0", "hub.example.com:5000/team/app_x:1.0"),
        (f"redis:7@sha256:{'a' * 64}", f"docker.io/library/redis:7@sha256:{'a' * 64}"),
        (f"gcr.io/a/b@sha256:{'0' * 64}", f"gcr.io/a/b:latest@sha256:{'0' * 64}"),
    ],
)
def test_references_are_read_as_engines_read_them(text: str, full: str) -> None:
    assert str(parse(text)) == full


@pytest.mark.parametrize("text", ["", "Postgres", "a b", "x@sha256:12", "a//b", "x:-1", "${IMAGE}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="is no image reference"):
        parse(text)


def test_short_names_come_back() -> None:
    assert parse("docker.io/library/redis:7").tagged == "redis:7"
    assert parse("quay.io/a/b:1").tagged == "quay.io/a/b:1"


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("postgres:16", "debian"),
        ("public.ecr.aws/docker/library/redis:7", "debian"),
        ("quay.io/prometheus/node-exporter:v1.9.0", "debian"),
        ("memcached:1.6-alpine", "debian"),
        ("traefik:v3.3", "stand-in"),
        ("hub.example.com/library/postgres:16", "stand-in"),
        ("gitlab/gitlab-ce:18", "stand-in"),
        ("never-heard-of/it", "stand-in"),
    ],
)
def test_every_image_has_a_source(image: str, kind: str) -> None:
    planned = images.plan_images(fleet(service("web", image)))
    assert planned[image].kind == kind
    assert planned[image].detail


def test_debian_images_say_their_own_version() -> None:
    held = images.holdings(fleet(service("db", "postgres:16")))
    assert held.sources["postgres:16"].detail == "PostgreSQL 17"
    labels = held.images[0].configuration["Labels"]
    assert held.images[0].configuration["StopSignal"] == "SIGINT"
    assert labels["quorate.lab.source"] == "PostgreSQL 17, from Debian's packages"
    assert images.LABEL_STAND_IN not in labels


def test_postgres_keeps_its_data_where_the_official_image_does() -> None:
    old, new = program(parse("postgres:16.4-alpine")), program(parse("postgres:18"))
    assert old is not None and new is not None
    assert old.environment["PGDATA"] == "/var/lib/postgresql/data"
    assert old.volumes == ("/var/lib/postgresql/data",)
    assert new.environment["PGDATA"] == "/var/lib/postgresql/18/docker"
    assert new.volumes == ("/var/lib/postgresql",)


def test_an_alpine_that_installs_packages_is_a_stand_in() -> None:
    plain = service("a", "alpine:3", command="sleep 1d")
    busy = service("b", "alpine:3.20", command=["sh", "-c", "apk add dcron && crond -f"])
    planned = images.plan_images(fleet(plain, busy))
    assert planned["alpine:3"].kind == "debian"
    assert planned["alpine:3.20"].kind == "stand-in"


def test_a_stand_in_listens_for_all_its_services_and_has_bad_versions() -> None:
    held = images.holdings(
        fleet(
            service("api", "hub.example.com/app:1", expose=["8080"]),
            service("web", "hub.example.com/app:1", ports=["80:3000"]),
        )
    )
    by_tag = {image.reference.tag: image.configuration for image in held.images}
    assert set(by_tag) == {"1", "broken", "unhealthy"}
    assert "STANDIN_PORTS=3000,8080" in by_tag["1"]["Env"]
    assert "STANDIN_MODE=ok" in by_tag["1"]["Env"]
    assert "STANDIN_MODE=broken" in by_tag["broken"]["Env"]
    assert by_tag["1"]["Labels"][images.LABEL_STAND_IN] == "hub.example.com/app:1"
    assert held.hosts == ("hub.example.com",)


def test_health_check_programs_of_the_real_image_are_linked() -> None:
    check = {"test": ["CMD", "/opt/gitlab/bin/gitlab-healthcheck", "--fail"]}
    held = images.holdings(fleet(service("git", "gitlab/gitlab-ce:18", healthcheck=check)))
    assert held.images[0].links == ("/opt/gitlab/bin/gitlab-healthcheck",)


def test_the_same_path_in_two_registries_is_refused() -> None:
    with pytest.raises(LabError, match="cannot hold") as caught:
        images.plan_images(fleet(service("a", "quay.io/x/y:1"), service("b", "ghcr.io/x/y:1")))
    assert "paths and tags are the same" in str(caught.value.cause)


def test_upstream_images_are_all_upstream() -> None:
    chosen = images.upstream_images(fleet(service("a", "traefik:v3.3"), service("b", "redis:7")))
    assert {source.kind for source in chosen.values()} == {"upstream"}


def test_quorates_own_image_is_there_where_there_are_backups() -> None:
    repository = Repository(name="near", place="local", password=SecretSource(environment="P"))
    plain = fleet(service("db", "postgres:16"))
    assert images.holdings(plain).bases == ("services",)
    for name, host in (("reg.example.com/ops/quorate:2", ("reg.example.com",)), (None, ())):
        backup = Backup(image=name, repositories=(repository,))
        held = images.holdings(plain.model_copy(update={"backup": backup}))
        own = [one for one in held.images if one.base == images.QUORATE]
        assert [one.reference.path.rpartition("/")[2] for one in own] == ["quorate"]
        assert set(held.bases) == {"services", "quorate"} and held.hosts == host
        assert held.sources[image_name(backup)].kind == "debian"
