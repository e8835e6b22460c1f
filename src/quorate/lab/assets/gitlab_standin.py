#!/usr/bin/env python3
"""A stand-in for GitLab's own commands: gitlab-backup, gitlab-ctl and gitlab-rake, by its name.

It is not GitLab. It has the commands' words, the paths of the Omnibus package and the layout of
its archives, as GitLab's documentation and `lib/backup` describe them, around data of its own
(`gitlab-standin fill`). Runs with Python's standard library alone.

Environment:
    GITLAB_STANDIN_ROOT: what all paths are below; `/` when not given.
    GITLAB_STANDIN_SECONDS: what a restore takes at least.
    GITLAB_STANDIN_FAIL: a component (`db`, `uploads` …) that cannot be dumped; `archive`: the
        archive is cut off, and all the same the command ends with 0.
"""

import gzip
import hashlib
import io
import json
import os
import random
import re
import secrets
import shutil
import sys
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(os.environ.get("GITLAB_STANDIN_ROOT", "/"))
FAIL = os.environ.get("GITLAB_STANDIN_FAIL", "")
RESTORE_SECONDS = float(os.environ.get("GITLAB_STANDIN_SECONDS", "0"))
DATA = ROOT / "var/opt/gitlab"
BACKUPS = DATA / "backups"
DATABASE = DATA / "postgresql/data/standin.sql"
REPOSITORIES = DATA / "git-data/repositories"
CONFIGURATION = ROOT / "etc/gitlab"
STOPPED = DATA / "standin-stopped"
VERSION_FILE = ROOT / "opt/gitlab/embedded/service/gitlab-rails/VERSION"
VERSION = "18.4.1"
SHARED = DATA / "gitlab-rails/shared"
FILES = {
    "uploads": DATA / "gitlab-rails/uploads",
    "builds": DATA / "gitlab-ci/builds",
    "artifacts": SHARED / "artifacts",
    "pages": SHARED / "pages",
    "lfs": SHARED / "lfs-objects",
    "terraform_state": SHARED / "terraform_state",
    "registry": SHARED / "registry",
    "packages": SHARED / "packages",
    "ci_secure_files": SHARED / "ci_secure_files",
}
NAMES = {"lfs": "lfs objects", "registry": "container registry images", "db": "database"}
SUFFIX = "_gitlab_backup.tar"
INFORMATION = "backup_information.yml"
HIDDEN = "CRON" in os.environ or any(word.startswith("CRON=") for word in sys.argv)
STAND_IN = "This is a stand-in for GitLab in a Quorate lab, not GitLab."


def say(text: str) -> None:
    if HIDDEN:
        return
    now = datetime.now(UTC)
    print(f"{now:%Y-%m-%d %H:%M:%S} UTC -- {text}", flush=True)


def version() -> str:
    return VERSION_FILE.read_text().strip() if VERSION_FILE.exists() else VERSION


def reconfigure() -> None:
    """What a first start does: configuration and secrets, never over what is there."""
    CONFIGURATION.mkdir(parents=True, exist_ok=True)
    settings, secret = CONFIGURATION / "gitlab.rb", CONFIGURATION / "gitlab-secrets.json"
    if not settings.exists():
        settings.write_text("external_url 'https://gitlab.example.com'\n")
    if not secret.exists():
        keys = {"db_key_base": secrets.token_hex(64), "secret_key_base": secrets.token_hex(64)}
        secret.write_text(json.dumps({"gitlab_rails": keys}, indent=2))
        secret.chmod(0o600)
    VERSION_FILE.parent.mkdir(parents=True, exist_ok=True)
    if not VERSION_FILE.exists():
        VERSION_FILE.write_text(VERSION + "\n")
    BACKUPS.mkdir(parents=True, exist_ok=True)
    if not DATABASE.exists():
        fill(["--repositories=0", "--files=3", "--rows=100"])


def key_digest() -> str:
    """What tells one database key from another."""
    kept = json.loads((CONFIGURATION / "gitlab-secrets.json").read_text())
    return hashlib.sha256(kept["gitlab_rails"]["db_key_base"].encode()).hexdigest()


def fill(argv: list[str]) -> int:
    """Make data: `--repositories=N --files=N --rows=N --seed=N`."""
    said = dict(word.removeprefix("--").split("=", 1) for word in argv)
    chosen = random.Random(int(said.get("seed", "1")))
    DATABASE.parent.mkdir(parents=True, exist_ok=True)
    lines = ["-- PostgreSQL database dump", f"-- encrypted with: {_key()}"]
    lines += ["CREATE TABLE issues (id bigint, title text);", "COPY issues (id, title) FROM stdin;"]
    lines += [
        f"{row}\tissue {chosen.getrandbits(64):x}" for row in range(int(said.get("rows", 1000)))
    ]
    lines += ["\\.", "-- PostgreSQL database dump complete", ""]
    DATABASE.write_text("\n".join(lines))
    for number in range(int(said.get("repositories", 10))):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        made = REPOSITORIES / "@hashed" / digest[:2] / digest[2:4] / f"{digest}.git"
        (made / "objects").mkdir(parents=True, exist_ok=True)
        (made / "HEAD").write_text("ref: refs/heads/main\n")
        (made / "objects" / "pack").write_bytes(chosen.randbytes(chosen.randrange(500, 20000)))
    for directory in FILES.values():
        directory.mkdir(parents=True, exist_ok=True)
        for number in range(int(said.get("files", 20))):
            (directory / f"file {number}").write_bytes(chosen.randbytes(chosen.randrange(3000)))
    return 0


def _key() -> str:
    secret = CONFIGURATION / "gitlab-secrets.json"
    return key_digest() if secret.exists() else ""


def settings_of(argv: list[str]) -> dict[str, str]:
    """`SKIP=db BACKUP=…`, of the arguments, then of the environment."""
    said = {name: os.environ[name] for name in ("SKIP", "BACKUP", "force") if name in os.environ}
    return said | dict(word.split("=", 1) for word in argv if "=" in word)


def create(argv: list[str]) -> int:
    """Dump every component below the backup path, and pack them."""
    reconfigure()
    said = settings_of(argv)
    skipped = [name for name in said.get("SKIP", "").split(",") if name]
    created = datetime.now(UTC)
    backup = said.get("BACKUP") or f"{created:%s_%Y_%m_%d_}{version()}"
    dumped, good = [], True
    for name in ("db", "repositories", *FILES):
        title = NAMES.get(name, name.replace("_", " "))
        if name in skipped:
            say(f"Dumping {title} ... [SKIPPED]")
            continue
        say(f"Dumping {title} ... ")
        if name == FAIL:
            say(f"Dumping {title} failed: no space left on device")
            good = False
            continue
        dumped.append(dump(name, backup))
        say(f"Dumping {title} ... done")
    (BACKUPS / INFORMATION).write_text(information(backup, created, skipped))
    pack(backup, [INFORMATION, *dumped])
    for name in (INFORMATION, *dumped):
        remove(BACKUPS / name)
    say(
        "Warning: Your gitlab.rb and gitlab-secrets.json files contain sensitive data \n"
        "and are not included in this backup. You will need these files to restore a backup.\n"
        "Please back them up manually."
    )
    say(f"Backup {backup} is done.")
    return 0 if good else 1


def information(backup: str, created: datetime, skipped: list[str]) -> str:
    """YAML whose keys are Ruby's symbols."""
    lines = [
        f":backup_id: {backup}",
        ":db_version: '20250923120000'",
        f":backup_created_at: {created:%Y-%m-%d %H:%M:%S.%f} Z",
        f":gitlab_version: {version()}",
        ":tar_version: tar (GNU tar) 1.35",
        ":installation_type: omnibus-gitlab",
        f":skipped: {','.join(skipped)}",
        ":repositories_storages: ''",
        ":repositories_paths: ''",
        ":skip_repositories_paths: ''",
        ":repositories_server_side: false",
    ]
    return "\n".join(lines) + "\n"


def dump(name: str, backup: str) -> str:
    """Dump one component; its name in the archive."""
    if name == "db":
        (BACKUPS / "db").mkdir(exist_ok=True)
        with gzip.open(BACKUPS / "db/database.sql.gz", "wb") as out:
            out.write(DATABASE.read_bytes())
        return "db"
    if name == "repositories":
        (BACKUPS / "repositories").mkdir(exist_ok=True)
        for found in sorted(REPOSITORIES.glob("@*/*/*/*.git")):
            dump_repository(found, backup)
        return "repositories"
    with tarfile.open(BACKUPS / f"{name}.tar.gz", "w:gz") as out:
        out.add(FILES[name], arcname=".")
    return f"{name}.tar.gz"


def dump_repository(found: Path, backup: str) -> None:
    relative = found.relative_to(REPOSITORIES)
    into = BACKUPS / "repositories" / relative.with_suffix("") / backup
    into.mkdir(parents=True)
    with tarfile.open(into / "001.bundle", "w") as out:
        out.add(found, arcname=".")
    (into / "001.refs").write_text((found / "HEAD").read_text())
    toml = BACKUPS / "repositories/manifests/default" / relative / f"{backup}.toml"
    toml.parent.mkdir(parents=True)
    place = into.relative_to(BACKUPS / "repositories") / "001"
    toml.write_text(f"[[steps]]\nbundle_path = '{place}.bundle'\nref_path = '{place}.refs'\n")


def pack(backup: str, names: list[str]) -> None:
    archive = BACKUPS / f"{backup}{SUFFIX}"
    say(f"Creating backup archive: {archive.name} ... ")
    with tarfile.open(archive, "w") as out:
        for name in names:
            out.add(BACKUPS / name, arcname=name)
    archive.chmod(0o600)
    if FAIL == "archive":
        os.truncate(archive, archive.stat().st_size // 2)
    say(f"Creating backup archive: {archive.name} ... done")


def restore(argv: list[str]) -> int:
    """Replace everything by what an archive holds; of exactly this version."""
    said = settings_of(argv)
    archives = sorted(BACKUPS.glob(f"*{SUFFIX}"))
    wanted = said.get("BACKUP")
    chosen = (
        BACKUPS / f"{wanted}{SUFFIX}" if wanted else archives[0] if len(archives) == 1 else None
    )
    if chosen is None:
        say("Found more than one backup:" if archives else f"No backups found in {BACKUPS}")
        return 1
    if not chosen.exists():
        say(f"The backup file {chosen.name} does not exist!")
        return 1
    if said.get("force") != "yes":
        say("Be sure to stop Puma, Sidekiq, and any other process that connects to the database.")
        say("Do you want to continue (yes/no)? Quitting...")
        return 1
    say("Unpacking backup ... ")
    staging = BACKUPS / "tmp"
    remove(staging)
    with tarfile.open(chosen) as packed:
        packed.extractall(staging, filter="data")
    say("Unpacking backup ... done")
    time.sleep(RESTORE_SECONDS)
    try:
        return restored(staging)
    finally:
        remove(staging)


def restored(staging: Path) -> int:
    said = (staging / INFORMATION).read_text()
    found = re.search(r"^:gitlab_version: (\S+)$", said, re.MULTILINE)
    if found is None or found[1] != version():
        say(f"GitLab version mismatch:\n  Your current GitLab version ({version()}) differs from")
        say("the GitLab version in the backup!")
        return 1
    if (staging / "db/database.sql.gz").exists():
        DATABASE.parent.mkdir(parents=True, exist_ok=True)
        DATABASE.write_bytes(gzip.decompress((staging / "db/database.sql.gz").read_bytes()))
    if (staging / "repositories").exists():
        remove(REPOSITORIES)
        for bundle in sorted((staging / "repositories").glob("@*/*/*/*/*/001.bundle")):
            unpack_bundle(bundle, staging)
    for name, directory in FILES.items():
        if (staging / f"{name}.tar.gz").exists():
            remove(directory)
            directory.mkdir(parents=True)
            with tarfile.open(staging / f"{name}.tar.gz") as packed:
                packed.extractall(directory, filter="data")
            say(f"Restoring {NAMES.get(name, name)} ... done")
    say("Restore task is done.")
    return 0


def unpack_bundle(bundle: Path, staging: Path) -> None:
    relative = bundle.parent.parent.relative_to(staging / "repositories")
    into = REPOSITORIES / f"{relative}.git"
    into.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(bundle.read_bytes())) as packed:
        packed.extractall(into, filter="data")


def control(argv: list[str]) -> int:
    """gitlab-ctl: reconfigure, start, stop, restart, status."""
    stopped = set(STOPPED.read_text().split()) if STOPPED.exists() else set()
    verb, named = (argv or ["status"])[0], set(argv[1:]) or {"puma", "sidekiq", "postgresql"}
    if verb == "reconfigure":
        reconfigure()
    elif verb == "stop":
        stopped |= named
    elif verb in ("start", "restart"):
        stopped -= named
    elif verb != "status":
        print(f"{STAND_IN} It has no `gitlab-ctl {verb}`.", file=sys.stderr)
        return 1
    STOPPED.parent.mkdir(parents=True, exist_ok=True)
    STOPPED.write_text(" ".join(sorted(stopped)))
    for name in ("postgresql", "puma", "sidekiq"):
        print(f"{'down' if name in stopped else 'run'}: {name}: (stand-in) 1s")
    return 0


def rake(argv: list[str]) -> int:
    """gitlab-rake: gitlab:check and gitlab:doctor:secrets."""
    task = argv[0] if argv else ""
    if task not in ("gitlab:check", "gitlab:doctor:secrets"):
        print(f"{STAND_IN} It has no task `{task}`.", file=sys.stderr)
        return 1
    found = re.search(r"^-- encrypted with: (\w*)$", DATABASE.read_text(), re.MULTILINE)
    good = found is not None and found[1] in ("", key_digest())
    print(STAND_IN)
    print(f"Checking encrypted values ... {'done' if good else 'failures: 1 (wrong db_key_base)'}")
    return 0 if good or task == "gitlab:check" else 1


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main() -> int:
    name, argv = Path(sys.argv[0]).name, sys.argv[1:]
    if name.startswith(("gitlab-standin", "gitlab_standin")):
        name, argv = (argv[0] if argv else "help"), argv[1:]
    verbs = {"gitlab-backup create": create, "gitlab-backup restore": restore}
    whole = f"{name} {argv[0]}" if argv else name
    if whole in verbs:
        print(STAND_IN, flush=True)
        return verbs[whole](argv[1:])
    if name in ("gitlab-ctl", "gitlab-rake", "fill"):
        return {"gitlab-ctl": control, "gitlab-rake": rake, "fill": fill}[name](argv)
    print(STAND_IN)
    print("usage: gitlab-backup create|restore [SKIP=…] [BACKUP=…] [force=yes]\n"
          "       gitlab-ctl …, gitlab-rake …, gitlab-standin fill [--files=N …]")  # fmt: skip
    return 2


if __name__ == "__main__":
    sys.exit(main())
