"""Stands in for cAdvisor: series of its form, of containers that do not exist.

    python cadvisor.py PORT CONTAINERS.json        serves /metrics, CPU growing with the clock
    python cadvisor.py backfill START END STEP CONTAINERS.json
                                                   prints the same as OpenMetrics with times

CONTAINERS.json is a list of mappings: `name`, `labels` (cAdvisor's, without their
prefix `container_label_`), `memory` (bytes, or a list that is gone through step by
step), `cpu` (threads), and for backfilling `instance`. Runs on its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MEMORY = "container_memory_working_set_bytes"
CPU = "container_cpu_usage_seconds"
STARTED = time.time()


def labels(container: dict[str, Any], **more: str) -> str:
    named = {
        "id": f"/docker/{container['name']}",
        "name": container["name"],
        **{f"container_label_{key}": value for key, value in container["labels"].items()},
        **more,
    }
    return "{" + ",".join(f'{key}="{value}"' for key, value in named.items()) + "}"


def memory(container: dict[str, Any], step: int) -> float:
    given = container["memory"]
    return float(given[step % len(given)] if isinstance(given, list) else given)


def page(containers: list[dict[str, Any]]) -> Iterator[str]:
    """What /metrics says now: the machine itself (which has no labels) and the containers."""
    now = time.time() - STARTED
    yield f"# TYPE {MEMORY} gauge"
    yield f'{MEMORY}{{id="/"}} 1e10'
    for container in containers:
        yield f"{MEMORY}{labels(container)} {memory(container, int(now))}"
    yield f"# TYPE {CPU}_total counter"
    yield f'{CPU}_total{{id="/",cpu="total"}} {now * 4}'
    for container in containers:
        yield f"{CPU}_total{labels(container, cpu='total')} {now * container['cpu']:.6f}"


def history(containers: list[dict[str, Any]], times: tuple[float, float, float]) -> Iterator[str]:
    """The same over a time that is past, in the form that `promtool` takes."""
    start, end, step = times
    count = int((end - start) / step)
    yield f"# TYPE {MEMORY} gauge"
    for container in containers:
        named = labels(container, instance=container["instance"])
        for number in range(count + 1):
            yield f"{MEMORY}{named} {memory(container, number)} {start + number * step}"
    yield f"# TYPE {CPU} counter"
    for container in containers:
        named = labels(container, cpu="total", instance=container["instance"])
        for number in range(count + 1):
            used = number * step * container["cpu"]
            yield f"{CPU}_total{named} {used:.6f} {start + number * step}"
    yield "# EOF"


def main() -> None:
    containers = json.loads(Path(sys.argv[-1]).read_text())
    if sys.argv[1] == "backfill":
        start, end, step = map(float, sys.argv[2:5])
        for line in history(containers, (start, end, step)):
            print(line)
        return

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ("\n".join(page(containers)) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
