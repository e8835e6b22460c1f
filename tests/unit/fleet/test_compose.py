"""Compose files read into services: files, variables, extends, include, profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.model import Fleet
from tests.unit.fleet.helpers import FLEET, checked, codes, errors, fleet_of

LOAD = "    x-quorate: {load: {memory: 64M, cpu: 0.1}}\n"


def images(fleet: Fleet) -> dict[str, str]:
    return {service.id: service.image for service in fleet.services}


def test_variables_come_from_dotenv_env_files_and_the_environment(tmp_path: Path) -> None:
    files = {
        "fleet.yaml": FLEET.replace("[compose.yaml]}", "[compose.yaml], env_files: [more.env]}"),
        ".env": "A=dotenv\nB=dotenv\nC=dotenv\n",
        "more.env": "B=file\nC=file\n",
        "compose.yaml": "services: {web: {image: 'x:${A}-${B}-${C}-${D:-${A}}'}}\n",
    }
    assert images(fleet_of(tmp_path, files, C="process")) == {"web": "x:dotenv-file-process-dotenv"}


def test_an_unset_variable_is_an_error_at_its_line(tmp_path: Path) -> None:
    report = checked(tmp_path, {"compose.yaml": "services:\n  web:\n    image: x:$TAG\n"})
    assert errors(report) == [("compose.yaml", 3, "Q201")]
    assert "${NAME:-}" in report.problems[0].todo or any(
        "${NAME:-}" in problem.todo for problem in report.problems
    )


def test_services_get_their_environment_from_files_and_the_caller(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """\
            services:
              web:
                image: x:1
                env_file: [base.env, {path: none.env, required: false}]
                environment:
                  OVER: here
                  FROM_CALLER:
                  UNKNOWN:
                  NUMBER: 5
                  FLOAT: 1.0
                  HALF: 0.5
                  OCTAL: 0444
                  TIME: 22:22
                  WORD: on
                  FLAG: true
        """,
        "base.env": "BASE=1\nOVER=file\n",
    }
    (web,) = fleet_of(tmp_path, files, FROM_CALLER="caller").services
    assert web.environment == {
        "BASE": "1", "OVER": "here", "FROM_CALLER": "caller", "NUMBER": "5", "FLAG": "true",
        "FLOAT": "1", "HALF": "0.5", "OCTAL": "292", "TIME": "22:22", "WORD": "on",
    }  # fmt: skip
    assert web.raw["env_file"] == ["base.env", {"path": "none.env", "required": False}]


def test_extends_within_a_file_and_across_files(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """\
            services:
              web:
                extends: {file: common/base.yaml, service: app}
                image: web:1
              other:
                extends: web
                environment: {MORE: 1}
            volumes: {named: {}}
        """,
        "common/base.yaml": """\
            services:
              root:
                image: root:1
                environment: [A=1]
                volumes: ["./data:/data", "named:/named"]
                env_file: app.env
              app:
                extends: root
                command: [run]
        """,
        "common/app.env": "FILE=1\n",
    }
    fleet = fleet_of(tmp_path, files)
    web, other = fleet.service("web"), fleet.service("other")
    assert images(fleet) == {"web": "web:1", "other": "web:1"}
    assert web.raw["volumes"] == ["./common/data:/data", "named:/named"]
    assert web.raw["command"] == ["run"]
    assert "extends" not in web.raw
    assert other.environment == {"FILE": "1", "A": "1", "MORE": "1"}


@pytest.mark.parametrize(
    ("files", "place", "words"),
    [
        (
            {"compose.yaml": "services:\n  a:\n    extends: b\n  b:\n    extends: a\n"},
            ("compose.yaml", 5, "Q204"),
            "a → b → a",
        ),
        (
            {"compose.yaml": "services:\n  a:\n    extends: a\n"},
            ("compose.yaml", 3, "Q204"),
            "a → a",
        ),
        (
            {
                "compose.yaml": "services:\n  a:\n    extends: {file: o.yaml, service: b}\n",
                "o.yaml": "services:\n  b:\n    extends: {file: compose.yaml, service: a}\n",
            },
            ("o.yaml", 3, "Q204"),
            "o.yaml) → a (",
        ),
        (
            {"compose.yaml": "services:\n  a:\n    extends: {file: gone.yaml, service: b}\n"},
            ("compose.yaml", 3, "Q001"),
            "gone.yaml",
        ),
        (
            {"compose.yaml": "services:\n  web: {image: x:1}\n  a:\n    extends: wab\n"},
            ("compose.yaml", 4, "Q205"),
            "did you mean `web`?",
        ),
        (
            {"compose.yaml": "services:\n  a:\n    extends: [b]\n"},
            ("compose.yaml", 3, "Q208"),
            "extends",
        ),
    ],
)
def test_extends_that_lead_nowhere(
    tmp_path: Path, files: dict[str, str], place: tuple[str, int, str], words: str
) -> None:
    report = checked(tmp_path, files)
    assert errors(report) == [place]
    assert any(words in problem.what for problem in report.problems if problem.code == place[2])


def test_include_brings_services_with_their_own_directory_and_variables(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """\
            include:
              - db/compose.yaml
              - {path: [cache/a.yaml, cache/b.yaml], env_file: cache/tags.env}
            services: {web: {image: web:1}}
        """,
        "db/compose.yaml": """\
            services:
              db:
                image: db:${TAG}
                volumes: ["./files:/files"]
                secrets: [key]
            secrets: {key: {file: key.txt}}
        """,
        "db/.env": "TAG=7\n",
        "db/key.txt": "k",
        "cache/a.yaml": "services: {cache: {image: 'cache:${TAG}', user: a}}\n",
        "cache/b.yaml": "services: {cache: {user: b}}\n",
        "cache/tags.env": "TAG=8\n",
    }
    fleet = fleet_of(tmp_path, files)
    assert images(fleet) == {"db": "db:7", "cache": "cache:8", "web": "web:1"}
    assert fleet.service("cache").raw["user"] == "b"
    assert fleet.service("db").raw["volumes"] == ["./db/files:/files"]
    assert fleet.files[0].secrets == {"key": {"file": "./db/key.txt"}}


def test_include_in_a_circle_and_with_a_conflict(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "include:\n  - o.yaml\nservices: {web: {image: a:1}}\n",
        "o.yaml": "include: [compose.yaml]\nservices: {web: {image: b:1}}\n",
    }
    assert set(errors(checked(tmp_path, files))) == {
        ("compose.yaml", 2, "Q216"),
        ("o.yaml", 1, "Q206"),
    }


def test_profiles_choose_services(tmp_path: Path) -> None:
    compose = """\
        services:
          web: {image: web:1, depends_on: [debug]}
          debug: {image: debug:1, profiles: [debug]}
          extra: {image: extra:1, profiles: [extra, more]}
    """

    def ids(profiles: str) -> list[str]:
        fleet = FLEET.replace("[compose.yaml]}", f"[compose.yaml], profiles: {profiles}}}")
        return [
            s.id
            for s in fleet_of(tmp_path, {"fleet.yaml": fleet, "compose.yaml": compose}).services
        ]

    assert ids("[]") == ["web"]
    assert ids("[debug]") == ["web", "debug"]
    assert ids("more") == ["web", "extra"]
    assert ids("['*']") == ["web", "debug", "extra"]


def test_several_files_are_merged(tmp_path: Path) -> None:
    files = {
        "fleet.yaml": FLEET.replace("[compose.yaml]", "[compose.yaml, over.yaml]"),
        "compose.yaml": "services: {web: {image: 'web:1', ports: ['80:80']}}\nnetworks: {a: {}}\n",
        "over.yaml": "services: {web: {image: 'web:2', networks: [a]}, new: {image: 'new:1'}}\n",
    }
    fleet = fleet_of(tmp_path, files)
    assert images(fleet) == {"web": "web:2", "new": "new:1"}
    assert fleet.service("web").networks == ("a",)
    assert fleet.service("new").networks == ("default",)
    assert fleet.service("web").ports[0].published == 80


def test_every_key_is_kept_in_raw_as_plain_values(tmp_path: Path) -> None:
    compose = """\
        x-base: &base {labels: {a: b}, x-mine: [1, {deep: true}]}
        services:
          web:
            <<: *base
            image: web:1
            ulimits: {nofile: {soft: 1, hard: 2}}
            sysctls: [net.core.somaxconn=1]
            logging: {driver: json-file, options: {max-size: 10m}}
    """
    (web,) = fleet_of(tmp_path, {"compose.yaml": compose}).services
    assert web.raw == {
        "image": "web:1",
        "ulimits": {"nofile": {"soft": 1, "hard": 2}},
        "sysctls": ["net.core.somaxconn=1"],
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
        "labels": {"a": "b"},
        "x-mine": [1, {"deep": True}],
    }
    assert type(web.raw) is dict
    assert type(web.raw["x-mine"]) is list


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services:\n  web: [a]\n", (2, "Q004")),
        ("services: [web]\n", (1, "Q004")),
        ("- a\n", (1, "Q004")),
        ("services:\n  web:\n    image: x:1\n    deploy: 5\n", (4, "Q208")),
        ("services:\n  web:\n    image: x:1\n    ports: {a: b}\n", (4, "Q208")),
        ("services:\n  web:\n    image: x:1\n    deploy: {replicas: many}\n", (4, "Q208")),
        ("services:\n  web:\n    image: x:1\n    deploy: {mode: sometimes}\n", (4, "Q208")),
        (
            "services:\n  web:\n    image: x:1\n    environment: {a: b}\n    env_file: 5\n",
            (5, "Q208"),
        ),
        ("servicees: {}\n", (1, "Q207")),
        ("services:\n  web:\n    image: x:1\n    depends_on: [db]\n", (4, "Q303")),
    ],
)
def test_wrong_shapes_are_reported_at_their_line(
    tmp_path: Path, text: str, place: tuple[int, str]
) -> None:
    assert [
        (line, code) for _, line, code in errors(checked(tmp_path, {"compose.yaml": text}))
    ] == [place]


def test_a_missing_compose_file_is_reported_where_it_is_named(tmp_path: Path) -> None:
    fleet = FLEET.replace("[compose.yaml]", "[gone.yaml]")
    assert errors(checked(tmp_path, {"fleet.yaml": fleet})) == [("fleet.yaml", 8, "Q001")]


def test_ids_carry_the_stack_where_a_name_is_there_twice(tmp_path: Path) -> None:
    files = {
        "fleet.yaml": FLEET + "  b: {files: [b.yaml]}\n",
        "compose.yaml": "services:\n  db: {image: x:1}\n  web:\n    image: x:1\n"
        "    x-quorate: {needs: [db], near: [b/db], apart: [only]}\n",
        "b.yaml": "services: {db: {image: x:1}, only: {image: x:1}}\n",
    }
    fleet = fleet_of(tmp_path, files)
    assert [service.id for service in fleet.services] == ["app/db", "web", "b/db", "only"]
    web = fleet.service("web")
    assert (web.needs, web.near, web.apart) == (("app/db",), ("b/db",), ("only",))


def test_a_name_that_two_other_stacks_have_is_ambiguous(tmp_path: Path) -> None:
    files = {
        "fleet.yaml": FLEET + "  b: {files: [b.yaml]}\n  c: {files: [b.yaml]}\n",
        "compose.yaml": "services:\n  web:\n    image: x:1\n    x-quorate: {needs: [db]}\n",
        "b.yaml": "services: {db: {image: x:1}}\n",
    }
    assert ("compose.yaml", 4, "Q305") in codes(checked(tmp_path, files))
