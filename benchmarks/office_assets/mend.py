"""Drops copies of a damaged repository, and what is damaged: as a person would, with restic.

Runs in Quorate's own image. Standard input is JSON: `at` (`quorate.backup.jobs.model.At`), `pack`
(id of the damaged pack) and `copies` (ids of snapshots). What is left is whole again, and what
the dropped copies need is stored anew when they are made again.

A store may have set the pack aside by itself, and still list it (Swift does): restic believes the
list, and would store nothing anew of what it takes to be there. So it is deleted there first.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

from quorate.backup.jobs.model import At
from quorate.backup.place import access
from quorate.backup.runner import reach

SECONDS = 1800.0


def delete(url: str, pack: str, keys: Mapping[str, str], authorities: object) -> None:
    """Delete a pack's object, whether it can be read or not.

    Signed as S3 wants it (AWS Signature Version 4, of a request without a body): curl takes no key
    with a colon in it, and Swift's have one.
    """
    place = urlsplit(f"{url.removeprefix('s3:').rstrip('/')}/data/{pack[:2]}/{pack}")
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    region = keys.get("AWS_DEFAULT_REGION") or "us-east-1"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": place.netloc, "x-amz-content-sha256": empty, "x-amz-date": now}
    names = ";".join(headers)
    told = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"DELETE\n{place.path}\n\n{told}\n{names}\n{empty}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{keys['AWS_SECRET_ACCESS_KEY']}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={names}, Signature={signature.hexdigest()}"
    )
    context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    way = http.client.HTTPSConnection(place.netloc, context=context, timeout=60)
    way.request("DELETE", place.path, headers=headers)
    answer = way.getresponse()
    print(f"DELETE {place.path}: {answer.status} {answer.read()[:300]!r}")
    way.close()


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
