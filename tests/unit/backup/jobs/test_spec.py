"""Services of jobs and stores, in the engine's own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs import spec
from quorate.backup.jobs.model import VARIABLE, Job
from quorate.backup.jobs.needs import Mount, Secret, Start
from quorate.backup.jobs.repositories import served_secret
from quorate.backup.jobs.spec import job_spec, store_spec, told
from quorate.backup.jobs.standing import begun
from tests.unit.backup.jobs.made import NOW, fleet, job

PLAIN = Secret(file="mine", name="quorate-backup-mine", value=b"hunter2")
START = Start(
    job=job(),
    node="id-one",
    networks=("app_back", "quorate-backup"),
    secrets=(Secret(file="source-password", deployed="pw-v3"), PLAIN),
    mounts=(
        Mount(source="app_v", target="/data/0", read_only=True, volume=True),
        Mount(source="/var/lib/spool", target="/spool"),
    ),
)
IDS = {"pw-v3": "s1", "quorate-backup-mine-v1": "s2"}


@pytest.fixture
def made() -> dict[str, Any]:
    return job_spec(
        START, image="q:1", started=NOW, ids=IDS, named={PLAIN.name: "quorate-backup-mine-v1"}
    )


def test_a_job_runs_once_on_its_server_and_its_log_can_be_read(made: dict[str, Any]) -> None:
    template = made["TaskTemplate"]
    assert made["Mode"] == {"Replicated": {"Replicas": 1}}
    assert template["RestartPolicy"] == {"Condition": "none"}
    assert template["Placement"] == {"Constraints": ["node.id==id-one"]}
    assert template["LogDriver"]["Name"] == "json-file"
    assert template["Networks"] == [{"Target": "app_back"}, {"Target": "quorate-backup"}]
    assert made["EndpointSpec"] == {"Mode": "dnsrr"}


def test_a_job_mounts_volumes_read_only_and_takes_secrets_as_files(made: dict[str, Any]) -> None:
    container = made["TaskTemplate"]["ContainerSpec"]
    volume, spool = container["Mounts"]
    assert (volume["Type"], volume["ReadOnly"], spool["Type"]) == ("volume", True, "bind")
    assert volume["VolumeOptions"] == {"NoCopy": True}
    assert [(s["SecretID"], s["SecretName"], s["File"]["Name"]) for s in container["Secrets"]] == [
        ("s1", "pw-v3", "source-password"),
        ("s2", "quorate-backup-mine-v1", "mine"),
    ]
    assert "hunter2" not in json.dumps(made) and "hunter2" not in repr(START)


def test_a_job_is_found_again_by_its_labels(made: dict[str, Any]) -> None:
    found = begun("x", made["Name"], made["Labels"])
    assert found is not None
    assert (found.run, found.work, found.source, found.repository, found.server) == (
        START.job.run,
        "backup",
        "db",
        "second",
        "one",
    )
    assert found.started == NOW
    assert (found.deadline - NOW).total_seconds() == 3600 + spec.MARGIN_SECONDS
    assert "quorate.fleet" not in made["Labels"], "`quorate up` would remove it"
    assert begun("x", "web", {"quorate.fleet": "test"}) is None


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_a_job_reads_what_it_was_told_and_swarm_sees_no_template(
    source: str, hooks: list[str]
) -> None:
    wanted = job(source=source, before=tuple(hooks), after=("docker ps -f '{{.ID}}'",))
    text = told(wanted)
    assert "{{" not in text and "\n" not in text
    assert Job.model_validate_json(text) == wanted


def test_the_variable_is_the_contracts(made: dict[str, Any]) -> None:
    (variable,) = made["TaskTemplate"]["ContainerSpec"]["Env"]
    name, _, text = variable.partition("=")
    assert (name, Job.model_validate_json(text)) == (VARIABLE, START.job)


def store(directory: Path, **changes: Any) -> dict[str, Any]:
    repository = fleet(directory).backup.repository("second")
    return store_spec(
        repository.model_copy(update=changes),
        fleet="test",
        image="q:1",
        secret=served_secret("second"),
        deployed="quorate-backup-store.second-v1",
        identity="s3",
    )


def test_a_store_runs_for_ever_on_its_repositorys_server(tmp_path: Path) -> None:
    made = store(tmp_path)
    template = made["TaskTemplate"]
    assert made["Name"] == "quorate-store-second"
    assert template["RestartPolicy"]["Condition"] == "any"
    assert template["Placement"] == {"Constraints": ["node.hostname==two"]}
    assert template["ContainerSpec"]["Mounts"] == [
        {"Type": "bind", "Source": "/b/second", "Target": "/store", "ReadOnly": False}
    ]
    (secret,) = template["ContainerSpec"]["Secrets"]
    assert secret["File"]["Name"] == spec.STORE_SECRET


def test_a_store_that_is_to_be_another_one_has_another_digest(tmp_path: Path) -> None:
    label = spec.LABEL_SPEC
    first, same = store(tmp_path)["Labels"][label], store(tmp_path)["Labels"][label]
    assert first == same != store(tmp_path, path="/elsewhere")["Labels"][label]
