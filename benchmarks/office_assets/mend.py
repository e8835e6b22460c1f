"""Drops copies of a damaged repository, and what is damaged: as a person would, with restic.

Runs in Quorate's own image. Standard input is JSON: `at` (`quorate.backup.jobs.model.At`), `pack`
(id of the damaged pack) and `copies` (ids of snapshots). What is left is whole again, and what
the dropped copies need is stored anew when they are made again.

A store may have set the pack aside by itself, and still list it (Swift does): restic believes the
list, and would store nothing anew of what it takes to be there. So it is deleted there first.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack

from quorate.backup.jobs.model import At
from quorate.backup.place import access
from quorate.backup.runner import reach

SECONDS = 1800.0


def delete(url: str, pack: str, keys: dict[str, str], authorities: object) -> None:
    """Delete a pack's object, whether it can be read or not."""
    place = f"{url.removeprefix('s3:').rstrip('/')}/data/{pack[:2]}/{pack}"
    told = f'user = "{keys["AWS_ACCESS_KEY_ID"]}:{keys["AWS_SECRET_ACCESS_KEY"]}"\n'
    done = subprocess.run(
        ["curl", "--config", "-", "--silent", "--show-error", "--request", "DELETE",
         "--aws-sigv4", f"aws:amz:{keys.get('AWS_DEFAULT_REGION') or 'us-east-1'}:s3",
         *(["--cacert", str(authorities)] if authorities else []),
         "--write-out", "%{http_code}", place],
        input=told, text=True, timeout=SECONDS, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    print(f"DELETE {place}: {done.returncode}: {done.stdout[-300:]}")


def main() -> None:
    """Repair the pack, or forget it where it is gone; then drop the copies."""
    told = json.loads(sys.stdin.read())
    # restic leaves a copy of what it takes away where it is run.
    with ExitStack() as stack, tempfile.TemporaryDirectory() as room:
        at = At.model_validate(told["at"])
        way = access(reach.place(at, reach.ssh_config(at, stack)))
        options = [f"--option={one}" for one in way.options]
        authorities = getattr(way, "ca", None)
        if authorities:
            options.append(f"--cacert={authorities}")
        env = {
            **os.environ,
            **way.environment,
            "RESTIC_REPOSITORY": way.url,
            "RESTIC_PASSWORD_FILE": str(way.password_file),
        }

        def restic(*words: str) -> int:
            done = subprocess.run(
                ["restic", "--no-cache", *options, *words],
                env=env, cwd=room, text=True, timeout=SECONDS, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            print(f"restic {' '.join(words)}: {done.returncode}: {done.stdout[-1000:]}")
            return done.returncode

        if restic("repair", "packs", told["pack"]) != 0:
            if way.url.startswith("s3:"):
                delete(way.url, told["pack"], way.environment, authorities)
            restic("repair", "index")
        left = restic("forget", *told["copies"])
    sys.exit(left)


if __name__ == "__main__":
    main()
