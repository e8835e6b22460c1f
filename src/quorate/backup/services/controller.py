"""The controller's own service, in the form the engine's API takes. Pure.

One replica on any manager, with that manager's engine beside it: when its server is lost, Swarm
starts it on another one, and the lock (`serving/swarm.py`) keeps two from deciding at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quorate.backup.jobs.model import ENGINE, SECRETS
from quorate.backup.jobs.needs import Secret
from quorate.backup.services.form import NANO, Spec, file_of, labelled
from quorate.fleet.own import CONTROLLER, LABEL_CONTROLLER, PORT

END_SECONDS = 30
MEMORY = 512 * 2**20
"""At most: it holds the list of copies, and restic runs elsewhere."""

HEALTH = (
    "import urllib.request as web; "
    f"web.urlopen('http://127.0.0.1:{PORT}/healthz', timeout=5).read()"
)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the controller of a fleet runs with.

    `secrets` are files in `/run/secrets`; `named` has their deployed names by plain name, `ids`
    their ids by deployed name (none while nothing is deployed). `networks`: where Prometheus
    finds it at `quorate-controller:9912`.
    """

    fleet: str
    image: str
    secrets: Sequence[Secret] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    networks: Sequence[str] = ()


def controller_spec(wish: Wish) -> Spec:
    """The service. Its label has a digest of the rest, by which a change is seen."""
    container = {
        "Image": wish.image,
        "Command": [
            *("quorate", "serve", "--deployed", SECRETS),
            *("--socket", ENGINE, "--listen", f"0.0.0.0:{PORT}"),
        ],
        "Init": True,
        "StopGracePeriod": END_SECONDS * NANO,
        "Mounts": [{"Type": "bind", "Source": ENGINE, "Target": ENGINE}],
        "Secrets": [file_of(one, wish.named, wish.ids) for one in wish.secrets],
        "Healthcheck": {
            "Test": ["CMD", "python3", "-c", HEALTH],
            "Interval": 30 * NANO,
            "Timeout": 10 * NANO,
            "Retries": 3,
            "StartPeriod": 60 * NANO,
        },
    }
    spec: Spec = {
        "Name": CONTROLLER,
        "TaskTemplate": {
            "ContainerSpec": container,
            "Placement": {"Constraints": ["node.role==manager"]},
            "RestartPolicy": {"Condition": "any", "Delay": 2 * NANO},
            "Resources": {"Limits": {"MemoryBytes": MEMORY}},
            "Networks": [{"Target": name} for name in wish.networks],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        # The old one gives the lock back before the new one asks for it.
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first"},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    return labelled(spec, wish.fleet, {LABEL_CONTROLLER: wish.fleet})
