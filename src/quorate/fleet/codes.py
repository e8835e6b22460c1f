"""Every problem `quorate check` knows: its code, severity, and why it matters.

This table is the one place for it (that of backups is beside it, in `codes_backup.py`);
docs/reference/check.md is generated from it.
"""

from __future__ import annotations

from quorate.fleet.code import Code, Severity
from quorate.fleet.codes_backup import BACKUPS

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

_READING = {
    "Q001": Code(
        "a file is missing or cannot be read", _E,
        "nothing in it can be deployed", "correct the path, or create the file",
    ),
    "Q002": Code(
        "a file is not valid YAML", _E,
        "nothing in it can be read", "correct the line; indent with spaces and quote odd text",
    ),
    "Q003": Code(
        "a key appears twice in one mapping", _E,
        "only one of them would count, silently", "remove or rename one of them",
    ),
    "Q004": Code(
        "a value has the wrong shape", _E,
        "it cannot be understood", "write it in the form the reference shows",
    ),
    "Q005": Code(
        "YAML that has no meaning here", _E,
        "it cannot be understood", "write it without that construct",
    ),
}  # fmt: skip

_FLEET = {
    "Q101": Code(
        "an unknown key in the fleet file", _E,
        "it would be ignored, and what you meant would not happen",
        "correct the spelling or remove it; `quorate schema fleet` lists the keys",
    ),
    "Q102": Code(
        "a key is missing", _E,
        "there is no safe default for it", "add it",
    ),
    "Q103": Code(
        "a value is not allowed", _E,
        "it cannot be used", "write one that is allowed; `quorate schema fleet` describes it",
    ),
    "Q104": Code(
        "a server has no memory", _E,
        "nothing can be placed on it", "write the server's memory, `free -h` shows it (31GiB)",
    ),
    "Q105": Code(
        "the fleet has no servers", _E,
        "there is nowhere to run anything", "list them under `servers:`",
    ),
    "Q106": Code(
        "two servers have the same address", _E,
        "they would be one machine", "correct one of the addresses",
    ),
    "Q107": Code(
        "the fleet has no manager", _E,
        "a swarm cannot exist without one", "give three servers `role: manager`",
    ),
    "Q108": Code(
        "an even number of managers", _W,
        "it survives no more losses than one manager fewer, and more can break the majority",
        "make it 1, 3 or 5",
    ),
    "Q109": Code(
        "a single manager", _W,
        "when that server is lost nothing is moved or restarted until it is back",
        "give three servers `role: manager`",
    ),
    "Q110": Code(
        "a stack with `engine: compose` names no server", _E,
        "docker compose runs on one machine", "add `server: NAME` to the stack",
    ),
    "Q111": Code(
        "a stack names an unknown server", _E,
        "there is nowhere to run it", "name a server of the fleet",
    ),
    "Q112": Code(
        "`server` on a stack that Swarm runs", _E,
        "Swarm places each service by itself, so the whole stack would not be held there",
        "use `x-quorate: {pin: NAME}` on its services, or `engine: compose` on the stack",
    ),
    "Q113": Code(
        "a policy names a class that no service has", _W,
        "the rule does nothing", "correct the class",
    ),
    "Q114": Code(
        "a stack asks for a profile that no service has", _W,
        "it enables nothing", "correct the profile",
    ),
    "Q115": Code(
        "a server's name cannot be a host name", _E,
        "Swarm knows servers by their host names, and constraints compare with them",
        "use what `hostname` prints on the server",
    ),
    "Q116": Code(
        "a server's reserved share leaves nothing", _E,
        "no service fits beside it", "correct the figures under `reserved:`",
    ),
    "Q117": Code(
        "more losses to survive than the managers can", _W,
        "a swarm that has lost most of its managers moves nothing",
        "lower `policy.survive`, or have 2 x survive + 1 managers",
    ),
    "Q118": Code(
        "the fleet has no stacks", _W,
        "there is nothing to deploy", "list compose files under `stacks:`",
    ),
    "Q120": Code(
        "`measure.prometheus.server` is no server of the fleet", _E,
        "Prometheus could not be reached through it", "correct the name, or leave it out",
    ),
}  # fmt: skip

_COMPOSE = {
    "Q201": Code(
        "a variable is not set", _E,
        "compose would put nothing in its place, silently",
        "set it in the environment or in .env, or give a default: ${NAME:-value}, or ${NAME:-}",
    ),
    "Q202": Code(
        "a required variable is not set", _E,
        "the compose file says it cannot do without", "set it in the environment or in .env",
    ),
    "Q203": Code(
        "a `${…}` that cannot be read", _E,
        "its value would be wrong", "correct it; write `$$` where a dollar sign is meant",
    ),
    "Q204": Code(
        "`extends` goes round in a circle", _E,
        "there is no service to start from", "remove one of the `extends`",
    ),
    "Q205": Code(
        "`extends` names a service or file that is not there", _E,
        "the service cannot be completed", "correct the name",
    ),
    "Q206": Code(
        "`include` goes round in a circle", _E,
        "the files cannot be completed", "remove one of the `include`",
    ),
    "Q207": Code(
        "a key that compose does not know", _E,
        "docker compose and docker stack deploy both refuse the file",
        "correct the spelling, or prefix an extension of your own with `x-`",
    ),
    "Q208": Code(
        "a value of a compose key that cannot be read", _E,
        "the engine would refuse it", "write it as the Compose Specification has it",
    ),
    "Q209": Code(
        "a volume is used but not defined", _E,
        "the engine refuses the file", "define it under the top-level `volumes:`",
    ),
    "Q210": Code(
        "a network is used but not defined", _E,
        "the engine refuses the file", "define it under the top-level `networks:`",
    ),
    "Q211": Code(
        "a secret is used but not defined", _E,
        "the engine refuses the file", "define it under the top-level `secrets:`",
    ),
    "Q212": Code(
        "a config is used but not defined", _E,
        "the engine refuses the file", "define it under the top-level `configs:`",
    ),
    "Q213": Code(
        "a service has no image", _E,
        "Swarm runs images, it does not build them",
        "build and push it, then name it with `image:`",
    ),
    "Q214": Code(
        "an environment file is missing", _E,
        "the service would start without its settings", "create it, or correct the path",
    ),
    "Q215": Code(
        "the file of a secret or config is missing", _E,
        "it cannot be created", "create the file, or correct the path",
    ),
    "Q216": Code(
        "included files define the same thing differently", _E,
        "it is not clear which one is meant", "rename one of them",
    ),
    "Q217": Code(
        "a line of an environment file cannot be read", _E,
        "the variable would be missing", "write KEY=value",
    ),
    "Q218": Code(
        "a secret has no value to come from", _E,
        "it cannot be created", "give it `file:` or `environment:`, mark it `external: true`, "
        "or list it under `secrets:` in the fleet file",
    ),
}  # fmt: skip

_X = {
    "Q301": Code(
        "an unknown key under `x-quorate`", _E,
        "it would be ignored, and what you meant would not happen",
        "correct the spelling; `quorate schema x-quorate` lists the keys",
    ),
    "Q302": Code(
        "a value under `x-quorate` is not allowed", _E,
        "it cannot be used", "write one that is allowed; `quorate schema x-quorate` has them",
    ),
    "Q303": Code(
        "an unknown service is named", _E,
        "the rule cannot be kept", "name a service of the fleet, as `service` or `stack/service`",
    ),
    "Q304": Code(
        "a pin names an unknown server", _E,
        "the service could run nowhere", "name a server of the fleet",
    ),
    "Q305": Code(
        "a service name that several stacks have", _E,
        "it is not clear which one is meant", "write it as `stack/service`",
    ),
    "Q306": Code(
        "a group with a single service", _W,
        "there is nothing to back up and restore together with it", "correct the group's name",
    ),
    "Q307": Code(
        "rules of a service contradict each other", _E,
        "no placement can keep them", "remove one of them",
    ),
}  # fmt: skip

_KEYS = {
    "Q401": Code(
        "a key that Swarm ignores", _W,
        "Swarm does nothing with it", "nothing, if what Quorate does suits you",
    ),
    "Q402": Code(
        "a key that Swarm refuses", _W,
        "docker stack deploy would not take the file", "nothing, if what Quorate does suits you",
    ),
}  # fmt: skip

_LINTS = {
    "Q501": Code(
        "data on a local volume and no pin", _W,
        "when Swarm starts it on another server it finds a new, empty volume there",
        "pin it: `x-quorate: {pin: SERVER}`; or use shared storage; or say `state: cache`",
    ),
    "Q502": Code(
        "restart condition `none`", _W,
        "Swarm then never replaces the task, not even when its server is lost",
        "use `condition: any`",
    ),
    "Q503": Code(
        "a low `max_attempts`", _W,
        "losing a server uses up an attempt too; when they are gone the service stays down",
        "leave `max_attempts` out, or set it to 10 or more with a `window`",
    ),
    "Q504": Code(
        "two services publish the same port", _E,
        "the second one cannot start", "publish another port, or reach one through a proxy",
    ),
    "Q505": Code(
        "the way in leads through one server only", _W,
        "when that server is lost nothing can be reached from outside",
        "let it run on two servers or more, or publish in ingress mode",
    ),
    "Q506": Code(
        "no health check", _W,
        "a hung process counts as running, and updates do not wait until it answers",
        "add `healthcheck:` (unless the image brings its own)",
    ),
    "Q507": Code(
        "no memory reservation", _W,
        "Swarm places by reservations only; without one it fills servers blindly",
        "add `deploy.resources.reservations`, or `x-quorate: {load: {memory: …}}`",
    ),
    "Q508": Code(
        "a job", _W,
        "after a change of leader Swarm may run a job again and again, and it does not "
        "notice when the job's server is lost",
        "use a plain service with restart condition none that can run twice without harm",
    ),
    "Q509": Code(
        "builds may run on production servers", _W,
        "a build takes all the processor it can get, beside what your users wait for",
        "pin it elsewhere, or set `policy.isolation` for its class",
    ),
    "Q510": Code(
        "not all replicas can return after a loss", _W,
        "fewer servers are left than `max_replicas_per_node` allows for",
        "have fewer replicas, or raise `max_replicas_per_node`",
    ),
    "Q511": Code(
        "an image that only a registry on this fleet holds", _W,
        "when that registry's server is lost the image cannot be pulled to start elsewhere",
        "keep a copy in another registry; Quorate pulls it beforehand where it may run",
    ),
    "Q512": Code(
        "an image without a fixed version", _W,
        "each pull may bring another version, and a rollback the same broken one",
        "name a version (`image: postgres:17.2`)",
    ),
    "Q513": Code(
        "a password in clear", _W,
        "everyone who can read the file, or inspect the service, reads it",
        "use `secrets:` and a *_FILE variable, or take it from the environment: ${NAME:?}",
    ),
    "Q514": Code(
        "a constraint that no server meets", _E,
        "the service would stay pending for ever", "correct the constraint, or add the label",
    ),
    "Q515": Code(
        "a constraint on a label that no server has", _E,
        "the service would stay pending for ever",
        "add the label under the server's `labels:`, or correct the constraint",
    ),
    "Q516": Code(
        "a relative bind mount", _W,
        "the path must exist on every server where the service may run",
        "use `configs:`, a volume, or an absolute path that exists there",
    ),
    "Q517": Code(
        "something was assumed", _N,
        "the files do not say", "say it under `x-quorate:` where it is wrong",
    ),
    "Q518": Code(
        "more replicas than can run", _E,
        "some would stay pending for ever", "have fewer replicas, or allow more servers",
    ),
    "Q519": Code(
        "replicas share a local volume", _W,
        "replicas on one server write into the same files, those on others have files of their own",
        "have one replica, or use the application's own replication",
    ),
    "Q520": Code(
        "a database without a volume", _W,
        "its data goes when the container is replaced",
        "mount a named volume at its data directory, or say `state: cache`",
    ),
    "Q521": Code(
        "a constraint that cannot be read", _E,
        "Swarm would refuse it", "write `node.labels.NAME==VALUE` or `node.hostname!=NAME`",
    ),
    "Q522": Code(
        "a port that Swarm itself uses", _E,
        "the swarm's own traffic and the service would collide",
        "publish another port",
    ),
    "Q523": Code(
        "two databases write to one volume", _E,
        "each takes the files for its own, and they spoil each other's data; containers do not "
        "see each other's locks",
        "give each a volume of its own; a helper that runs the database's image is said to be "
        "none with `x-quorate: {state: none}`, or mounts the volume `:ro`",
    ),
    "Q524": Code(
        "an update starts a second database on the volume", _E,
        "the new task opens the files while the old one still writes them",
        "use `order: stop-first`, which Quorate writes by itself where the file says nothing",
    ),
}  # fmt: skip

_MEASURED = {
    "Q601": Code(
        "declared figures are far from measured ones", _W,
        "the plan and Swarm's scheduler count with the declared ones",
        "see `quorate suggest`; --write writes the measured ones",
    ),
    "Q602": Code(
        "a service was not measured", _N,
        "whether its figures are right is not known", "measure while it runs",
    ),
    "Q603": Code(
        "something about the measurement as a whole", _N,
        "its figures may say less than they seem to", "measure again where that matters",
    ),
}  # fmt: skip

CODES: dict[str, Code] = {
    **_READING, **_FLEET, **_COMPOSE, **_X, **_KEYS, **_LINTS, **_MEASURED,
    **BACKUPS,
}  # fmt: skip
